"""Storage: mounts and block devices as the kernel shows them.

`root` is `/`, or a folder with the same files below it.
"""

import re
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from intertie.points import Checked, Checks, Finding, FindingStatus, Setting
from intertie.suite.points import IscsiStorage, NfsStorage

# Of exports(5): the server's side of a share. A client cannot ask for them.
_OF_EXPORTS = frozenset({"no_subtree_check", "subtree_check", "no_root_squash", "root_squash"})
_SCSI = re.compile(r"sd[a-z]+")


@dataclass(frozen=True, slots=True)
class Mount:
    """One line of /proc/self/mountinfo; see proc(5)."""

    point: str
    kind: str
    source: str
    options: frozenset[str]
    """Of the mount and of its file system together."""


def mounts(root: Path) -> Iterator[Mount]:
    """Everything that is mounted."""
    for line in (root / "proc/self/mountinfo").read_text().splitlines():
        before, _, after = line.partition(" - ")
        fields, (kind, source, *last) = before.split(), after.split()
        options = {*fields[5].split(","), *(last[0].split(",") if last else ())}
        yield Mount(fields[4].replace("\\040", " "), kind, source, frozenset(options))


def check_nfs(service: str, wanted: NfsStorage, root: Path) -> Checks:
    """The mount, its options and sizes."""
    found = [each for each in mounts(root) if each.kind in {"nfs4", "nfs"}]
    if wanted.mount is not None:
        found = [each for each in found if each.point == wanted.mount.rstrip("/")]
    yield _tool(service, "mount.nfs4", "nfs-common", root)
    if not found:
        place = wanted.mount or "anywhere"
        remedy = (_mount_command(wanted),) if wanted.export and wanted.mount else ()
        told = remedy or ("say `export` and `mount`, to be told the command",)
        yield _checked(service, "mount", place, "nothing of nfs4", "missing", remedy=told)
        return
    for mount in found:
        yield from _nfs_options(service, wanted, mount)


def _nfs_options(service: str, wanted: NfsStorage, mount: Mount) -> Checks:
    pairs = (option.partition("=") for option in mount.options)
    given: dict[str, str] = {name: value for name, _, value in pairs}
    remount = (f"mount -o remount,{_options(wanted)} {mount.point}",)
    for option in filter(None, wanted.mount_options.split(",")):
        name, _, value = option.partition("=")
        if name in _OF_EXPORTS:
            told = (f"say {name} in /etc/exports of the server",)
            yield _checked(service, option, option, "of the server's side", "unknown", remedy=told)
            continue
        is_there = name in given and given[name] == value
        is_default = name == "async" and "sync" not in given
        status: FindingStatus = "ok" if is_there or is_default else "differs"
        yield _checked(
            service,
            option,
            option,
            given.get(name) or name if is_there else "not set",
            status,
            remedy=() if status == "ok" else remount,
        )
    yield from _sizes(service, wanted, given, remount)


def _sizes(
    service: str, wanted: NfsStorage, given: Mapping[str, str], remount: tuple[str, ...]
) -> Checks:
    tuning = wanted.performance_tuning
    for name, size in (("rsize", tuning.rsize), ("wsize", tuning.wsize)):
        if size is not None:
            is_right = given.get(name) == str(size)
            told = given.get(name, "not told")
            yield _checked(
                service,
                name,
                str(size),
                told,
                "ok" if is_right else "differs",
                remedy=() if is_right else remount,
            )
    if tuning.async_ is not None:
        is_async = "sync" not in given
        yield _checked(
            service,
            "async",
            str(tuning.async_).lower(),
            str(is_async).lower(),
            "ok" if is_async == tuning.async_ else "differs",
            remedy=() if is_async == tuning.async_ else remount,
        )


def check_iscsi(service: str, wanted: IscsiStorage, root: Path) -> Checks:
    """The tools, the disks' queues, and their paths."""
    yield _tool(service, "iscsiadm", "open-iscsi", root)
    if wanted.multipath:
        yield _tool(service, "multipath", "multipath-tools", root)
        yield _multipath(service, root)
    disks = [wanted.device] if wanted.device else sorted(_disks(root))
    if not disks:
        told = ("iscsiadm -m discovery -t sendtargets -p SERVER", "iscsiadm -m node --login")
        yield _checked(service, "device", "a SCSI disk", "none", "missing", remedy=told)
    for disk in disks:
        yield from _queue(service, wanted, disk, root)


def _queue(service: str, wanted: IscsiStorage, disk: str, root: Path) -> Checks:
    tuning = wanted.performance_tuning
    files = (
        ("queue_depth", tuning.queue_depth, f"sys/block/{disk}/device/queue_depth"),
        ("nr_requests", tuning.nr_requests, f"sys/block/{disk}/queue/nr_requests"),
    )
    for key, value, name in files:
        if value is None:
            continue
        path = root / name
        if not path.exists():
            yield _checked(service, f"{disk}.{key}", str(value), "no such setting", "missing")
            continue
        now = path.read_text().strip()
        remedy = () if now == str(value) else (f"echo {value} > {path}",)
        status: FindingStatus = "ok" if now == str(value) else "differs"
        finding = Finding(service, "storage", f"{disk}.{key}", str(value), now, status, remedy)
        yield Checked(finding, Setting(path, str(value)) if remedy else None)


def _multipath(service: str, root: Path) -> Checked:
    maps = [
        block
        for block in (root / "sys/block").glob("dm-*")
        if _text(block / "dm/uuid").startswith("mpath-")
    ]
    paths = [len(list((block / "slaves").glob("*"))) for block in maps]
    found = f"{len(maps)} maps, of {min(paths)} paths at least" if maps else "no multipath map"
    is_right = bool(paths) and min(paths) > 1
    remedy = () if is_right else ("multipath -v2", "multipath -ll")
    wanted = "more than one path"
    return _checked(
        service, "multipath", wanted, found, "ok" if is_right else "missing", remedy=remedy
    )


def _disks(root: Path) -> list[str]:
    return [each.name for each in (root / "sys/block").glob("sd*") if _SCSI.fullmatch(each.name)]


def _tool(service: str, program: str, package: str, root: Path) -> Checked:
    places = f"{root / 'usr/sbin'}:{root / 'sbin'}:{root / 'usr/bin'}"
    found = shutil.which(program, path=places)
    remedy = () if found else (f"apt-get install {package}",)
    status: FindingStatus = "ok" if found else "missing"
    return _checked(service, program, "installed", found or "not found", status, remedy=remedy)


def _text(file: Path) -> str:
    return file.read_text() if file.exists() else ""


def _options(wanted: NfsStorage) -> str:
    """Those a client may ask for, with the sizes."""
    said = [o for o in wanted.mount_options.split(",") if o and o not in _OF_EXPORTS]
    tuning = wanted.performance_tuning
    if tuning.async_ is not None:
        said = [o for o in said if o not in {"sync", "async"}] + [
            "async" if tuning.async_ else "sync"
        ]
    sizes = (("rsize", tuning.rsize), ("wsize", tuning.wsize))
    return ",".join([*said, *(f"{name}={size}" for name, size in sizes if size is not None)])


def _mount_command(wanted: NfsStorage) -> str:
    return f"mount -t nfs4 -o {_options(wanted)} {wanted.export} {wanted.mount}"


def _checked(
    service: str, key: str, wanted: str, found: str, status: FindingStatus,
    *, remedy: tuple[str, ...] = (),
) -> Checked:  # fmt: skip
    return Checked(Finding(service, "storage", key, wanted, found, status, remedy))
