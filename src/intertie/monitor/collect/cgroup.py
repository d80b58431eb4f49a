"""What a container or a unit may use: limits of the control groups the daemon is in.

A limit holds for all below the group that has it, so the groups above count too; the smallest
decides. Version 2 has one tree, version 1 one for each controller. Source: Linux,
Documentation/admin-guide/cgroup-v2.rst and cgroup-v1/.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path("/sys/fs/cgroup")
OWN = Path("/proc/self/cgroup")
_NO_LIMIT = 1 << 60
"""Version 1 writes the largest number of pages there is in place of "max"."""


@dataclass(frozen=True, slots=True)
class Memory:
    """Of the group with the smallest limit."""

    limit_bytes: int
    used_bytes: int
    """Without pages of files that can be dropped at once, as `docker stats` counts."""


@dataclass(frozen=True, slots=True)
class Cpu:
    """Of the group with the smallest limit."""

    cpus: float
    used_s: float
    """Since the group was made."""


def memory(root: Path = ROOT, own: Path = OWN) -> Memory | None:
    """None where no limit is set."""
    two = (_memory_2(folder) for folder in _folders(root, own, ""))
    one = (_memory_1(folder) for folder in _folders(root / "memory", own, "memory"))
    found = [each for each in (*two, *one) if each is not None]
    return min(found, key=lambda each: each.limit_bytes, default=None)


def cpu(root: Path = ROOT, own: Path = OWN) -> Cpu | None:
    """None where no limit is set."""
    two = (_cpu_2(folder) for folder in _folders(root, own, ""))
    one = (
        _cpu_1(folder, used)
        for folder, used in zip(
            _folders(root / "cpu", own, "cpu"),
            _folders(root / "cpuacct", own, "cpuacct"),
            strict=False,
        )
    )
    found = [each for each in (*two, *one) if each is not None]
    return min(found, key=lambda each: each.cpus, default=None)


def _folders(tree: Path, own: Path, controller: str) -> Iterator[Path]:
    """The daemon's group and those above, the root last.

    A container often sees only its own groups, as the root, under a path of the host.
    """
    folder = tree / _path(own, controller).lstrip("/")
    while folder != tree and tree in folder.parents:
        if folder.is_dir():
            yield folder
        folder = folder.parent
    yield tree


def _path(own: Path, controller: str) -> str:
    for line in _text(own).splitlines():
        _, controllers, path = line.split(":", 2)
        if controller in controllers.split(","):
            return "/" if ".." in path else path
    return "/"


def _memory_2(folder: Path) -> Memory | None:
    return _memory(folder, ("memory.max", "memory.current", "inactive_file"))


def _memory_1(folder: Path) -> Memory | None:
    names = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
    return _memory(folder, names)


def _memory(folder: Path, names: tuple[str, str, str]) -> Memory | None:
    limit, used, droppable = names
    limit_bytes, used_bytes = _number(folder / limit), _number(folder / used)
    if limit_bytes is None or used_bytes is None or limit_bytes >= _NO_LIMIT:
        return None
    spare = _field(folder / "memory.stat", droppable) or 0
    return Memory(limit_bytes, max(0, used_bytes - spare))


def _cpu_2(folder: Path) -> Cpu | None:
    quota, _, period = _text(folder / "cpu.max").strip().partition(" ")
    used_us = _field(folder / "cpu.stat", "usage_usec")
    if not quota.isdigit() or not period.isdigit() or used_us is None:
        return None
    return Cpu(int(quota) / int(period), used_us / 1e6)


def _cpu_1(folder: Path, accounts: Path) -> Cpu | None:
    quota, period = _number(folder / "cpu.cfs_quota_us"), _number(folder / "cpu.cfs_period_us")
    used_ns = _number(accounts / "cpuacct.usage")
    if quota is None or not period or used_ns is None:
        return None
    return Cpu(quota / period, used_ns / 1e9)


def _number(file: Path) -> int | None:
    """None for "max", -1 and what is not there."""
    text = _text(file).strip()
    return int(text) if text.isdigit() else None


def _field(file: Path, name: str) -> int | None:
    for line in _text(file).splitlines():
        key, _, value = line.partition(" ")
        if key == name and value.strip().isdigit():
            return int(value)
    return None


def _text(file: Path) -> str:
    try:
        return file.read_text()
    except OSError:
        return ""
