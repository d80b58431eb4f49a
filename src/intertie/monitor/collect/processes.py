"""What the processes of each service use."""

import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil
from anyio import CapacityLimiter, to_thread

from intertie.drivers import proc
from intertie.monitor.sample import Sample, Series
from intertie.runtime.usage import usage

_PREFIX = "intertie_service_"


@dataclass(frozen=True, slots=True)
class Watched:
    """One replica, as the supervisor knows it."""

    service: str
    replica: int
    pid: int | None
    """None while it does not run."""
    restarts: int = 0
    """Since the daemon started."""


@dataclass(slots=True)
class _Spent:
    """CPU time of a replica over all its processes, one after the other: it never goes back."""

    pid: int
    pid_s: float
    total_s: float
    at_s: float


class Processes:
    """Source of `intertie_service_memory_bytes` and what else is about services."""

    name = "processes"

    def __init__(
        self,
        replicas: Callable[[], Sequence[Watched]],
        *,
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._replicas = replicas
        self._clock_s = clock_s
        self._spent: dict[tuple[str, int], _Spent] = {}
        self._one = CapacityLimiter(1)

    async def collect(self, at_ms: int) -> Sequence[Sample]:
        """Whole trees of processes; /proc is read in a thread."""
        replicas = tuple(self._replicas())
        return await to_thread.run_sync(
            self._look, replicas, limiter=self._one, abandon_on_cancel=True
        )

    def _look(self, replicas: Sequence[Watched]) -> list[Sample]:
        known = {(each.service, each.replica) for each in replicas}
        self._spent = {key: spent for key, spent in self._spent.items() if key in known}
        found: list[Sample] = []
        for each in replicas:
            labels = {"service": each.service, "replica": str(each.replica)}
            runs = each.pid is not None and proc.stat(each.pid) is not None
            found.append(_sample("restarts_total", each.restarts, labels))
            if each.pid is not None and runs:
                found += self._of(each, each.pid, labels)
        return found

    def _of(self, each: Watched, pid: int, labels: dict[str, str]) -> Iterator[Sample]:
        used = usage(pid)
        pids = [pid, *(child.identity.pid for child in proc.descendants([pid]))]
        yield _sample("memory_bytes", used.memory_bytes, labels)
        yield _sample("processes", len(pids), labels)
        yield _sample("open_files", sum(map(_open_files, pids)), labels)
        key = each.service, each.replica
        last, now = self._spent.get(key), self._clock_s()
        spent = self._spent[key] = _added(last, pid, used.cpu_s, now)
        yield _sample("cpu_seconds_total", spent.total_s, labels)
        if last is not None and now > last.at_s:
            ratio = (spent.total_s - last.total_s) / (now - last.at_s)
            yield _sample("cpu_ratio", ratio, labels)


def _added(last: _Spent | None, pid: int, cpu_s: float, at_s: float) -> _Spent:
    if last is None:
        return _Spent(pid, cpu_s, cpu_s, at_s)
    # A child that outlives its parent takes its time away with it.
    more_s = cpu_s if pid != last.pid else max(0.0, cpu_s - last.pid_s)
    return _Spent(pid, cpu_s, last.total_s + more_s, at_s)


def _open_files(pid: int) -> int:
    """0 when it is gone or another user's."""
    try:
        if proc.has_proc():
            return len(os.listdir(Path("/proc", str(pid), "fd")))
        return psutil.Process(pid).num_fds()
    except (OSError, psutil.Error):
        return 0


def _sample(name: str, value: float, labels: dict[str, str]) -> Sample:
    return Sample(Series.of(f"{_PREFIX}{name}", labels), float(value))
