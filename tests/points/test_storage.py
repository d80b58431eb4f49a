from pathlib import Path

from intertie.points import Checked
from intertie.points.storage import check_iscsi, check_nfs, mounts
from intertie.suite.points import IscsiStorage, NfsStorage
from tests.points.machine import machine

NFS = {
    "protocol": "nfs4",
    "mount": "/srv/media",
    "mount_options": "rw,sync,no_subtree_check",
    "performance_tuning": {"rsize": 131072, "wsize": 131072, "async": False},
}


def told(found: list[Checked]) -> dict[str, str]:
    """The verdict on each key."""
    return {each.finding.key: each.finding.status for each in found}


def nfs(root: Path, **keys: object) -> list[Checked]:
    """What is found of a mount."""
    return list(check_nfs("media", NfsStorage.model_validate({**NFS, **keys}), root))


def test_a_mount_as_declared_is_right(tmp_path: Path) -> None:
    """An option of the server's side cannot be seen from here, and that is said."""
    found = nfs(machine(tmp_path, tools=("mount.nfs4",)))

    assert told(found) == {
        "mount.nfs4": "ok", "rw": "ok", "sync": "ok", "no_subtree_check": "unknown",
        "rsize": "ok", "wsize": "ok", "async": "ok",
    }  # fmt: skip
    [server] = [each.finding for each in found if each.finding.status == "unknown"]
    assert server.remedy == ("say no_subtree_check in /etc/exports of the server",)


def test_a_size_that_was_negotiated_down_differs(tmp_path: Path) -> None:
    """With the exact command that asks for it again."""
    found = nfs(machine(tmp_path, rsize=65536))

    [size] = [each.finding for each in found if each.finding.key == "rsize"]
    assert (size.status, size.wanted, size.found) == ("differs", "131072", "65536")
    assert size.remedy == ("mount -o remount,rw,sync,rsize=131072,wsize=131072 /srv/media",)


def test_a_mount_that_is_not_there_has_its_command(tmp_path: Path) -> None:
    """When the file says what to mount where."""
    found = nfs(machine(tmp_path), mount="/mnt/other", export="nas:/other")

    assert told(found) == {"mount.nfs4": "missing", "mount": "missing"}
    assert found[0].finding.remedy == ("apt-get install nfs-common",)
    options = "rw,sync,rsize=131072,wsize=131072"
    assert found[1].finding.remedy == (f"mount -t nfs4 -o {options} nas:/other /mnt/other",)


def test_a_disk_s_queue_is_compared_and_can_be_set(tmp_path: Path) -> None:
    """The remedy is the line that sets it."""
    root = machine(tmp_path, tools=("iscsiadm", "multipath"))
    wanted = IscsiStorage.model_validate(
        {"protocol": "iscsi", "multipath": True,
         "performance_tuning": {"queue_depth": 64, "nr_requests": 256}}
    )  # fmt: skip

    found = list(check_iscsi("backup", wanted, root))

    assert told(found) == {
        "iscsiadm": "ok", "multipath": "ok",
        "sda.queue_depth": "differs", "sda.nr_requests": "ok",
    }  # fmt: skip
    [depth] = [each for each in found if each.setting is not None]
    file = root / "sys/block/sda/device/queue_depth"
    assert depth.finding.remedy == (f"echo 64 > {file}",)


def test_one_path_is_no_multipath(tmp_path: Path) -> None:
    """Whatever the map is called."""
    root = machine(tmp_path)
    (root / "sys/block/dm-0/slaves/sdb").unlink()
    wanted = IscsiStorage.model_validate({"protocol": "iscsi", "multipath": True})

    found = list(check_iscsi("backup", wanted, root))

    assert ("multipath", "missing") in {(e.finding.key, e.finding.status) for e in found}


def test_this_machine_s_mounts_are_read() -> None:
    """The real file, of the kernel that runs the test."""
    found = {each.point: each for each in mounts(Path("/"))}

    assert "/" in found
    assert {"rw", "ro"} & found["/"].options
