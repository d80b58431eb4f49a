"""The machine: processors, memory, disks and networks.

In a container or a unit with limits, processors and memory are those it may use, not those of the
machine: 1 is where it is slowed down or killed.
"""

import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import psutil
from anyio import CapacityLimiter, to_thread

from intertie.monitor.collect import cgroup
from intertie.monitor.sample import Sample, Series

_IMAGES = {"squashfs", "iso9660", "udf", "erofs"}
"""File systems that are always full."""
_NO_DISKS = ("loop", "ram", "zram", "sr", "fd")
_NO_NETWORKS = ("veth", "ifb", "dummy")
"""One for each container, or of the kernel's own: they come and go, or count twice."""


class System:
    """Source of `intertie_cpu_usage_ratio` and what else is about the machine."""

    name = "system"

    def __init__(
        self,
        *,
        groups: Path = cgroup.ROOT,
        group: Path = cgroup.OWN,
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._groups = groups, group
        self._clock_s = clock_s
        self._last: tuple[str, float, float] | None = None
        # A disk that hangs keeps its thread, but only one.
        self._one = CapacityLimiter(1)

    async def collect(self, at_ms: int) -> Sequence[Sample]:
        """A look takes some milliseconds, in a thread."""
        return await to_thread.run_sync(self._look, limiter=self._one, abandon_on_cancel=True)

    def _look(self) -> list[Sample]:
        return [*self._cpu(), *_load(), *self._memory(), *_swap(), *_space(), *_disks(), *_nets()]

    def _cpu(self) -> Iterator[Sample]:
        """Since the last look; the first one tells nothing."""
        limit = cgroup.cpu(*self._groups)
        if limit is None:
            times = psutil.cpu_times()
            of, total_s, busy_s = "machine", sum(_distinct(times)), _busy_s(times)
        else:
            of, total_s, busy_s = "group", self._clock_s() * limit.cpus, limit.used_s
        last, self._last = self._last, (of, total_s, busy_s)
        if last is not None and last[0] == of and total_s > last[1]:
            ratio = (busy_s - last[2]) / (total_s - last[1])
            yield _sample("intertie_cpu_usage_ratio", min(1.0, max(0.0, ratio)))

    def _memory(self) -> Iterator[Sample]:
        machine = psutil.virtual_memory()
        total, available = machine.total, machine.available
        limit = cgroup.memory(*self._groups)
        if limit is not None and limit.limit_bytes < total:
            total = limit.limit_bytes
            available = max(0, total - limit.used_bytes)
        yield _sample("intertie_memory_usage_ratio", 1 - available / total)
        states = {"total": total, "available": available, "used": total - available}
        for state, size in states.items():
            yield _sample("intertie_memory_bytes", size, state=state)


def _busy_s(times: object) -> float:
    waiting = getattr(times, "idle", 0.0) + getattr(times, "iowait", 0.0)
    return sum(_distinct(times)) - waiting


def _distinct(times: object) -> list[float]:
    """Each second once: Linux counts those of guests under user and nice as well."""
    names: tuple[str, ...] = getattr(times, "_fields", ())
    return [getattr(times, name) for name in names if not name.startswith("guest")]


def _load() -> Iterator[Sample]:
    for period, value in zip(("1m", "5m", "15m"), psutil.getloadavg(), strict=True):
        yield _sample("intertie_load", value, period=period)


def _swap() -> Iterator[Sample]:
    try:
        found = psutil.swap_memory()
    except (OSError, RuntimeError):
        return  # not told in some containers
    yield _sample("intertie_swap_usage_ratio", found.used / found.total if found.total else 0.0)


def _space() -> Iterator[Sample]:
    for mount in mounts():
        try:
            found = psutil.disk_usage(mount)
        except OSError:
            continue  # unmounted meanwhile, or not ours to see
        usable = found.used + found.free  # without what is reserved for root, as df counts
        if not usable:
            continue
        yield _sample("intertie_disk_usage_ratio", found.used / usable, mount=mount)
        states = {"total": found.total, "used": found.used, "free": found.free}
        for state, size in states.items():
            yield _sample("intertie_disk_bytes", size, mount=mount, state=state)


def mounts() -> list[str]:
    """Where real file systems are mounted, each device once, and the root in any case."""
    shortest: dict[str, str] = {}
    for part in psutil.disk_partitions(all=False):
        if part.fstype in _IMAGES or not os.path.isdir(part.mountpoint):
            continue
        known = shortest.get(part.device)
        if known is None or len(part.mountpoint) < len(known):
            shortest[part.device] = part.mountpoint
    return sorted({*shortest.values(), os.path.abspath(os.sep)})


def _disks() -> Iterator[Sample]:
    for device, found in (psutil.disk_io_counters(perdisk=True) or {}).items():
        if device.startswith(_NO_DISKS) or _is_partition(device):
            continue
        yield _sample("intertie_disk_read_bytes_total", found.read_bytes, device=device)
        yield _sample("intertie_disk_written_bytes_total", found.write_bytes, device=device)


def _is_partition(device: str) -> bool:
    """Its disk counts the same again."""
    return sys.platform == "linux" and Path("/sys/class/block", device, "partition").exists()


def _nets() -> Iterator[Sample]:
    for interface, found in psutil.net_io_counters(pernic=True).items():
        if interface.startswith(_NO_NETWORKS):
            continue
        counted = {
            "intertie_network_received_bytes_total": found.bytes_recv,
            "intertie_network_sent_bytes_total": found.bytes_sent,
            "intertie_network_receive_errors_total": found.errin,
            "intertie_network_send_errors_total": found.errout,
        }
        for name, count in counted.items():
            yield _sample(name, count, interface=interface)


def _sample(name: str, value: float, **labels: str) -> Sample:
    return Sample(Series.of(name, labels), float(value))
