"""A machine's /proc and /sys as files, in the formats the kernel writes."""

from pathlib import Path

MOUNTINFO = """\
22 1 254:1 / / rw,relatime shared:1 - ext4 /dev/vda1 rw,errors=remount-ro
98 22 0:45 / /srv/media rw,relatime shared:60 - nfs4 nas:/media {options}
"""
NFS = "rw,vers=4.2,rsize={rsize},wsize=131072,namlen=255,hard,proto=tcp,sync,addr=10.0.0.9"


def machine(root: Path, *, rsize: int = 131072, tools: tuple[str, ...] = ()) -> Path:
    """One with an NFS mount, a SCSI disk of two paths, and these programs."""
    proc = root / "proc" / "self"
    proc.mkdir(parents=True)
    text = MOUNTINFO.format(options=NFS.format(rsize=rsize))
    (proc / "mountinfo").write_text(text)
    for name, value in {
        "sda/device/queue_depth": "32",
        "sda/queue/nr_requests": "256",
        "dm-0/dm/uuid": "mpath-36001405",
        "dm-0/slaves/sda": "",
        "dm-0/slaves/sdb": "",
    }.items():
        file = root / "sys" / "block" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"{value}\n")
    (root / "usr" / "sbin").mkdir(parents=True)
    for tool in tools:
        program = root / "usr" / "sbin" / tool
        program.touch()
        program.chmod(0o755)
    return root
