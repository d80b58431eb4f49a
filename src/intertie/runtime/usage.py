"""What the processes of one replica use together, and whether that is too much."""

from collections.abc import Callable
from dataclasses import dataclass

from anyio import current_time, sleep

from intertie.drivers import proc
from intertie.suite.restart import RestartWhen

_EVERY_S = 1.0


@dataclass(frozen=True, slots=True)
class Usage:
    """Of a process and all below it."""

    memory_bytes: int
    """Resident; pages that several share count in each."""
    cpu_s: float
    """Since they started, ended children included."""


def usage(pid: int) -> Usage:
    """As it is now; nothing when the process is gone."""
    pids = [pid, *(found.identity.pid for found in proc.descendants([pid]))]
    found = [each for each in map(_of_one, pids) if each is not None]
    return Usage(sum(each.memory_bytes for each in found), sum(each.cpu_s for each in found))


def _of_one(pid: int) -> Usage | None:
    import psutil  # noqa: PLC0415 - 30 ms to load, and for few services only

    try:
        process = psutil.Process(pid)
        with process.oneshot():
            times = process.cpu_times()
            cpu_s = times.user + times.system + times.children_user + times.children_system
            return Usage(process.memory_info().rss, cpu_s)
    except psutil.Error:
        return None


class Meter:
    """Judges one reading after the other. Pure: times are arguments."""

    def __init__(self, rule: RestartWhen) -> None:
        self._rule = rule
        self._last: tuple[float, float] | None = None
        self._busy_since_s: float | None = None

    def feed(self, found: Usage, at_s: float) -> str | None:
        """Take in a reading; why the replica must be restarted, if it must."""
        rule = self._rule
        if rule.memory is not None and found.memory_bytes > rule.memory:
            return f"uses {_mib(found.memory_bytes)} of memory, more than {_mib(rule.memory)}"
        percent = self._percent(found.cpu_s, at_s)
        if rule.cpu is None or percent is None:
            return None
        if percent <= rule.cpu:
            self._busy_since_s = None
            return None
        if self._busy_since_s is None:
            self._busy_since_s = at_s
        if at_s - self._busy_since_s < rule.cpu_for:
            return None
        return f"used more than {rule.cpu:g} % of a CPU for {rule.cpu_for:g} s"

    def _percent(self, cpu_s: float, at_s: float) -> float | None:
        last, self._last = self._last, (cpu_s, at_s)
        if last is None or at_s <= last[1]:
            return None
        return 100 * (cpu_s - last[0]) / (at_s - last[1])


async def watch(pid: int, rule: RestartWhen, *, too_much: Callable[[str], None]) -> None:
    """Look every second until it is `too_much`, which is told once."""
    meter = Meter(rule)
    while True:
        why = meter.feed(usage(pid), current_time())
        if why is not None:
            too_much(why)
            return
        await sleep(_EVERY_S)


def _mib(size_bytes: int) -> str:
    return f"{size_bytes / 2**20:.0f} MiB"
