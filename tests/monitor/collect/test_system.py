from collections.abc import Sequence
from pathlib import Path

import psutil
import pytest

from intertie.monitor.collect.system import System, mounts
from intertie.monitor.sample import Sample

pytestmark = pytest.mark.anyio


@pytest.fixture
def nowhere(tmp_path: Path) -> dict[str, Path]:
    """No control groups: the machine as it is."""
    return {"groups": tmp_path / "none", "group": tmp_path / "none"}


def values(samples: Sequence[Sample], name: str) -> dict[tuple[str, ...], float]:
    """By the values of their labels."""
    return {
        tuple(value for _, value in each.series.labels): each.value
        for each in samples
        if each.series.name == name
    }


async def test_memory_is_what_the_machine_has(nowhere: dict[str, Path]) -> None:
    """Used and available are the whole."""
    samples = await System(**nowhere).collect(0)  # type: ignore[arg-type]

    bytes_of = values(samples, "intertie_memory_bytes")
    ratio = values(samples, "intertie_memory_usage_ratio")[()]
    assert bytes_of["total",] == psutil.virtual_memory().total
    assert bytes_of["used",] + bytes_of["available",] == bytes_of["total",]
    assert ratio == pytest.approx(bytes_of["used",] / bytes_of["total",])


async def test_cpu_is_told_from_the_second_look_on(nowhere: dict[str, Path]) -> None:
    """As part of all processors, since the look before."""
    system = System(**nowhere)  # type: ignore[arg-type]
    first = await system.collect(0)
    busy = sum(number * number for number in range(2_000_000))

    second = await system.collect(1)

    assert busy
    assert not values(first, "intertie_cpu_usage_ratio")
    assert 0 < values(second, "intertie_cpu_usage_ratio")[()] <= 1


async def test_a_limit_is_the_whole(tmp_path: Path) -> None:
    """In a container 1 is where it is slowed down or killed, not the machine."""
    own = tmp_path / "own"
    own.write_text("0::/\n")
    (tmp_path / "memory.max").write_text("1000000\n")
    (tmp_path / "memory.current").write_text("250000\n")
    (tmp_path / "cpu.max").write_text("200000 100000\n")
    (tmp_path / "cpu.stat").write_text("usage_usec 1000000\n")
    now = [10.0]
    system = System(groups=tmp_path, group=own, clock_s=lambda: now[0])
    await system.collect(0)
    now[0] = 14.0
    (tmp_path / "cpu.stat").write_text("usage_usec 3000000\n")

    samples = await system.collect(1)

    assert values(samples, "intertie_memory_usage_ratio")[()] == 0.25
    assert values(samples, "intertie_memory_bytes")["total",] == 1_000_000
    assert values(samples, "intertie_cpu_usage_ratio")[()] == 0.25  # 2 s of 4 s on 2 processors


def is_partition(device: str) -> bool:
    """As the kernel says."""
    return Path("/sys/class/block", device, "partition").exists()


async def test_disks_are_real_ones(nowhere: dict[str, Path]) -> None:
    """The root always; no partition beside its disk, no loop."""
    samples = await System(**nowhere).collect(0)  # type: ignore[arg-type]

    ratio = values(samples, "intertie_disk_usage_ratio")
    space = values(samples, "intertie_disk_bytes")
    devices = {device for (device,) in values(samples, "intertie_disk_read_bytes_total")}
    assert set(ratio) == {(mount,) for mount in mounts()}
    assert space["/", "total"] >= space["/", "used"] + space["/", "free"] > 0
    assert 0 < ratio["/",] < 1
    assert not any(name.startswith(("loop", "zram")) for name in devices)
    assert not any(map(is_partition, devices))


async def test_networks_are_counted_by_interface(nowhere: dict[str, Path]) -> None:
    """Bytes and errors, both ways."""
    samples = await System(**nowhere).collect(0)  # type: ignore[arg-type]

    names = (
        "intertie_network_received_bytes_total",
        "intertie_network_sent_bytes_total",
        "intertie_network_receive_errors_total",
        "intertie_network_send_errors_total",
    )
    assert all(("lo",) in values(samples, name) for name in names)


async def test_each_series_is_told_once(nowhere: dict[str, Path]) -> None:
    """With load and swap among them."""
    samples = await System(**nowhere).collect(0)  # type: ignore[arg-type]

    series = [each.series for each in samples]
    assert len(set(series)) == len(series)
    assert set(values(samples, "intertie_load")) == {("1m",), ("5m",), ("15m",)}
    assert 0 <= values(samples, "intertie_swap_usage_ratio")[()] <= 1
