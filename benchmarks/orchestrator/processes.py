"""Looking at the processes of one run through /proc: whose they are, what they cost."""

import os
import select
import signal
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from benchmarks.orchestrator.fleet import Fleet

MARK = "INTERTIE_BENCH_FOLDER"
"""Names the run's folder in the environment of everything that a contender starts."""

_SCHEDULED = 2
"""The kernel's CPUCLOCK_SCHED."""


@dataclass(frozen=True, slots=True)
class Process:
    """A living process of a run. Zombies do not live."""

    pid: int
    started: int
    """Kernel ticks since boot."""
    is_payload: bool


def of(fleet: Fleet) -> Sequence[Process]:
    """All processes of a run, wherever they went, oldest first.

    They are known by the folder: in their environment, or in their arguments for those that
    start services with an environment of their own making.
    """
    mark = f"{MARK}={fleet.folder}".encode()
    name = str(fleet.folder).encode()
    found = [
        process
        for folder in Path("/proc").iterdir()
        if folder.name.isdecimal() and int(folder.name) != os.getpid()
        if (process := _process(folder, mark, name, fleet.program))
    ]
    return sorted(found, key=lambda each: (each.started, each.pid))


def managers(fleet: Fleet) -> Sequence[Process]:
    """Those that are not payloads, oldest first."""
    return [each for each in of(fleet) if not each.is_payload]


def payloads(fleet: Fleet) -> Sequence[Process]:
    """Those that run the payload, grandchildren too."""
    return [each for each in of(fleet) if each.is_payload]


def kill_all(fleet: Fleet) -> None:
    """End whatever is left of a run, starters first so that nothing is started anew."""
    deadline = time.monotonic() + 10
    while found := of(fleet):
        if time.monotonic() > deadline:
            raise RuntimeError(f"cannot end {[each.pid for each in found]}")
        for each in sorted(found, key=lambda each: (each.is_payload, each.started)):
            with suppress(ProcessLookupError):
                os.kill(each.pid, signal.SIGKILL)
        time.sleep(0.02)


class Exits:
    """Knows when the last of some processes ended, without looking again and again."""

    def __init__(self, pids: Iterable[int]) -> None:
        self._poll = select.poll()
        self._open: set[int] = set()
        for pid in pids:
            with suppress(ProcessLookupError):
                file = os.pidfd_open(pid)
                self._poll.register(file, select.POLLIN)
                self._open.add(file)

    def wait(self, limit_s: float) -> int | None:
        """When all had ended, in monotonic nanoseconds; None when some still live after that."""
        deadline = time.monotonic() + limit_s
        while self._open:
            left_s = deadline - time.monotonic()
            if left_s <= 0:
                return None
            for file, _ in self._poll.poll(left_s * 1000):
                self._close(file)
        return time.monotonic_ns()

    def close(self) -> None:
        """Let go of those that live."""
        for file in tuple(self._open):
            self._close(file)

    def _close(self, file: int) -> None:
        self._poll.unregister(file)
        self._open.discard(file)
        os.close(file)


@contextmanager
def exits(pids: Iterable[int]) -> Iterator[Exits]:
    """Watch these processes."""
    watched = Exits(pids)
    try:
        yield watched
    finally:
        watched.close()


def cpu_ns(processes: Iterable[Process]) -> int:
    """CPU time used so far, also by threads that have ended; finer than the ticks of /proc."""
    total = 0
    for each in processes:
        with suppress(OSError):
            # clock_getcpuclockid(3), which Python lacks: the pid's complement, above three bits.
            total += time.clock_gettime_ns((~each.pid << 3) | _SCHEDULED)
    return total


def pss_bytes(processes: Iterable[Process]) -> int:
    """Memory, with what is shared split among those that share it."""
    return sum(_rollup(each.pid, "Pss:") for each in processes)


def _rollup(pid: int, key: str) -> int:
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith(key):
                return int(line.split()[1]) * 1024
    return 0


def _process(folder: Path, mark: bytes, name: bytes, program: Path) -> Process | None:
    try:
        arguments = (folder / "cmdline").read_bytes()
        if name not in arguments and mark not in (folder / "environ").read_bytes():
            return None
        fields = (folder / "stat").read_text().rpartition(")")[2].split()
        if fields[0] in {"Z", "X"}:
            return None
        is_payload = (folder / "exe").readlink() == program
        return Process(int(folder.name), int(fields[19]), is_payload)
    except OSError:
        return None  # it ended while we looked
