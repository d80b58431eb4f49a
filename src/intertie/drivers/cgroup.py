"""Control groups version 2: one below our own for each replica that has limits.

    <our own>/intertie-<instance>/daemon            we, when we must leave our own
    <our own>/intertie-<instance>/<service>@<index> a replica

The kernel lets only groups without processes of their own hand controllers on (cgroups(7), "no
internal processes"), so when the first limit is asked for we may have to move one down.
"""

import logging
import os
import signal
from collections.abc import Callable, Collection, Iterable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

from anyio import move_on_after, sleep

from intertie.drivers import Launch, Limits, proc
from intertie.errors import DriverError

log = logging.getLogger(__name__)

_PERIOD_US = 100_000
_LEAST_US = 1000  # the kernel takes no smaller share
_EMPTY_S = 5.0
_POLL_S = 0.002
_ROUNDS = 20
_DAEMON = "daemon"
_WAYS = (
    "run as root on a machine with cgroup v2, delegate a cgroup "
    "(systemd-run --user -p Delegate=yes), or take"
)
_ABSENT = "this machine has no control groups version 2"
_KEYS = {"memory": "mem_limit", "cpu": "cpus", "pids": "pids_limit"}
_WORDS = {"memory": "memory", "cpu": "CPU", "pids": "processes"}


@dataclass(frozen=True, slots=True)
class Group:
    """The control group of one replica."""

    path: Path

    @property
    def entrance(self) -> Path:
        """Writing 0 here moves the writer in."""
        return self.path / "cgroup.procs"

    async def remove(self) -> int:
        """Kill whoever is left in it, and remove it; how many there were."""
        left = len(_pids(self.path))
        with move_on_after(_EMPTY_S, shield=True):
            while not self.clear():
                self.kill()
                await sleep(_POLL_S)
            with suppress(OSError):
                self.path.parent.rmdir()  # fails while other replicas, or we, are below it
            return left
        log.error("control group cannot be removed", extra={"cgroup": str(self.path)})
        return left

    def kill(self) -> None:
        """Every process in it, also those that fork meanwhile."""
        with suppress(OSError):
            (self.path / "cgroup.kill").write_text("1", encoding="ascii")
            return
        with suppress(OSError):  # before Linux 5.14
            for pid in _pids(self.path):
                os.kill(pid, signal.SIGKILL)

    def clear(self) -> bool:
        """Remove it if no process is in it; whether it is gone."""
        with suppress(OSError):
            for below in sorted(self.path.glob("**/"), reverse=True):  # it may have made some
                below.rmdir()
        return not self.path.exists()


class Groups:
    """The control groups of all replicas of a suite."""

    def __init__(self, instance: str) -> None:
        self._name = f"intertie-{''.join(c if c.isalnum() else '_' for c in instance)}"

    def make(self, launch: Launch, limits: Limits) -> Group:
        """A group with these limits, empty yet. Raises DriverError where that cannot be."""
        wanted = _wanted(limits)
        try:
            return self._make(self._base(), launch, limits)
        except _Refused as exc:
            raise _refusal(launch, wanted, str(exc)) from exc
        except OSError as exc:
            why = f"{exc.filename}: {exc.strerror}"
            raise _refusal(launch, wanted, why) from exc

    def _make(self, base: Path, launch: Launch, limits: Limits) -> Group:
        above = base / self._name
        above.mkdir(exist_ok=True)
        try:
            self._hand_on(base, _wanted(limits))
            return _made(above / f"{launch.service}@{launch.replica}", limits)
        except BaseException:
            with suppress(OSError):  # others may be in it
                above.rmdir()
            raise

    def of(self, pid: int) -> Group | None:
        """The group that an earlier daemon made for the replica this process belongs to."""
        with suppress(_Refused, OSError):
            path = _path(pid)
            if path.parent.name == self._name and path.name != _DAEMON:
                return Group(path)
        return None

    def named(self, service: str, index: int) -> Group | None:
        """The group of a replica, below our own, if it is there."""
        with suppress(_Refused, OSError):
            path = self._base() / self._name / f"{service}@{index}"
            return Group(path) if path.is_dir() else None
        return None

    async def sweep(self, kept: Collection[tuple[str, int]]) -> int:
        """Remove the groups of all replicas but these (service, index); how many processes."""
        names = {f"{service}@{index}" for service, index in kept}
        try:
            below = list((self._base() / self._name).glob("*@*/"))
        except (_Refused, OSError):
            return 0
        return sum([await Group(path).remove() for path in below if path.name not in names])

    def _base(self) -> Path:
        """Our own group, as it was before we moved down."""
        own = _own()
        parts = (own.parent.name, own.name)
        return own.parents[1] if parts == (self._name, _DAEMON) else own

    def _hand_on(self, base: Path, wanted: Collection[str]) -> None:
        there = set((base / "cgroup.controllers").read_text(encoding="ascii").split())
        if missing := [name for name in wanted if name not in there]:
            raise _Refused(_not_there(missing))
        _enable(base, wanted, on_busy=partial(self._step_aside, base))
        _enable(base / self._name, wanted)

    def _step_aside(self, base: Path) -> None:
        """Move us and all below us down into a group of their own."""
        leaf = base / self._name / _DAEMON
        leaf.mkdir(exist_ok=True)
        for _ in range(_ROUNDS):
            ours = {os.getpid(), *(s.identity.pid for s in proc.descendants([os.getpid()]))}
            inside = set(_pids(base))
            if others := inside - ours:
                told = ", ".join(map(str, sorted(others)[:5]))
                why = f"control group {base} holds other processes than Intertie's (pid {told})"
                raise _Refused(why)
            if not inside:
                return
            for pid in inside:
                with suppress(ProcessLookupError):
                    (leaf / "cgroup.procs").write_text(str(pid), encoding="ascii")


class _Refused(Exception):
    """Why there can be no limits here."""


def available() -> str | None:
    """Why replicas cannot have limits by control group here; None when they can.

    That our own group can be cleared of other processes shows only when the first is made.
    """
    try:
        own = _own()
        there = set((own / "cgroup.controllers").read_text(encoding="ascii").split())
    except (_Refused, OSError) as exc:
        return str(exc)
    missing = [name for name in _KEYS if name not in there]
    return _not_there(missing) if missing else None


def _own() -> Path:
    """Our own group in the file system. Raises _Refused."""
    own = _path("self")
    if not own.is_dir():
        raise _Refused(f"our own control group is outside of what is mounted ({own})")
    if not os.access(own, os.W_OK) or not os.access(own / "cgroup.procs", os.W_OK):
        raise _Refused(f"our own control group {own} is not ours to change")
    return own


def _path(pid: int | Literal["self"]) -> Path:
    mount = _mount()
    if mount is None:
        raise _Refused(_ABSENT)
    point, root = mount
    inside = os.path.relpath(_of_process(Path(f"/proc/{pid}/cgroup")), root)
    return Path(os.path.normpath(point / inside))


def _of_process(file: Path) -> str:
    for line in file.read_text(encoding="utf-8").splitlines():
        if line.startswith("0::"):
            return line[3:]
    raise _Refused(_ABSENT)


def _mount() -> tuple[Path, str] | None:
    """Where control groups version 2 are mounted, and which group is seen there."""
    with suppress(OSError):
        for line in Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines():
            before, _, after = line.partition(" - ")
            if after.startswith("cgroup2 "):
                fields = before.split()
                return Path(fields[4]), fields[3]
    return None


def _not_there(missing: Collection[str]) -> str:
    names = _listed(missing)
    old = [line.split(":")[1] for line in _lines(Path("/proc/self/cgroup"))]
    if any(name in text.split(",") for name in missing for text in old):
        return f"control groups version 1 hold {names} on this machine"
    return f"our own control group was not given {names}"


def _made(path: Path, limits: Limits) -> Group:
    found = Group(path)
    if path.exists():
        found.clear()  # it may hold limits of another time
    path.mkdir(exist_ok=True)
    try:
        for file, text in _settings(limits).items():
            (path / file).write_text(text, encoding="ascii")
    except OSError:
        found.clear()
        raise
    return found


def _enable(path: Path, wanted: Iterable[str], on_busy: Callable[[], None] | None = None) -> None:
    """Hand the controllers on to the groups below `path`."""
    file = path / "cgroup.subtree_control"
    have = set(file.read_text(encoding="ascii").split())
    text = " ".join(f"+{name}" for name in wanted if name not in have)
    if not text:
        return
    try:
        file.write_text(text, encoding="ascii")
    except OSError:
        if on_busy is None or not _pids(path):
            raise
        on_busy()
        file.write_text(text, encoding="ascii")


def _wanted(limits: Limits) -> list[str]:
    values = {"memory": limits.memory_bytes, "cpu": limits.cpus, "pids": limits.pids}
    return [name for name, value in values.items() if value is not None]


def _settings(limits: Limits) -> dict[str, str]:
    """File -> text. A group that runs out of memory ends as a whole: half a service is none."""
    found: dict[str, str] = {}
    if limits.memory_bytes is not None:
        found |= {"memory.max": str(limits.memory_bytes), "memory.oom.group": "1"}
    if limits.cpus is not None:
        share_us = max(_LEAST_US, round(limits.cpus * _PERIOD_US))
        found["cpu.max"] = f"{share_us} {_PERIOD_US}"
    if limits.pids is not None:
        found["pids.max"] = str(limits.pids)
    return found


def _listed(words: Iterable[str]) -> str:
    *others, last = ["", *words]
    return f"{', '.join(others[1:])} and {last}" if len(others) > 1 else last


def _pids(path: Path) -> list[int]:
    return [int(line) for line in _lines(path / "cgroup.procs")]


def _lines(file: Path) -> list[str]:
    with suppress(OSError):
        return file.read_text(encoding="utf-8").splitlines()
    return []


def _refusal(launch: Launch, wanted: Collection[str], why: str) -> DriverError:
    what = _listed(_WORDS[name] for name in wanted) or "processes"
    keys = _listed(_KEYS[name] for name in wanted) or "the limits"
    text = f"cannot limit {what} of service {launch.service!r}: {why}; {_WAYS} {keys} away"
    return DriverError(text, service=launch.service)
