import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pytest

from intertie.monitor.collect.processes import Processes, Watched
from intertie.monitor.sample import Sample

pytestmark = pytest.mark.anyio

_BUSY = "sum(n for n in range(3_000_000)); print('ready', flush=True); input()"


@contextmanager
def program(*code: str) -> Iterator[int]:
    """A process that is ready; it is gone afterwards."""
    command = [sys.executable, "-c", *code]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        try:
            yield process.pid
        finally:
            process.kill()


def values(samples: Sequence[Sample], service: str) -> dict[str, float]:
    """By what is measured."""
    return {
        each.series.name.removeprefix("intertie_service_"): each.value
        for each in samples
        if ("service", service) in each.series.labels
    }


async def test_the_whole_tree_of_a_replica_counts() -> None:
    """A service is often a shell that started the real one."""
    child = f"import subprocess,sys; subprocess.run([sys.executable, '-c', {_BUSY!r}])"
    with program(child) as pid:
        samples = await Processes(lambda: [Watched("web", 0, pid, restarts=3)]).collect(0)

    told = values(samples, "web")
    assert told["processes"] == 2
    assert told["memory_bytes"] > 10 << 20
    assert told["open_files"] >= 6
    assert told["cpu_seconds_total"] > 0
    assert told["restarts_total"] == 3


async def test_what_does_not_run_is_down_and_uses_nothing() -> None:
    """Neither before its start nor after its end."""
    with program("print('ready', flush=True); input()") as ended:
        pass
    watched = [Watched("new", 0, None), Watched("old", 0, ended)]

    samples = await Processes(lambda: watched).collect(0)

    assert values(samples, "new") == {"restarts_total": 0}
    assert values(samples, "old") == {"restarts_total": 0}


async def test_cpu_time_goes_on_over_a_restart() -> None:
    """A counter that went back would look like a burst."""
    now = [0.0]
    watched: list[Watched] = []
    processes = Processes(lambda: watched, clock_s=lambda: now[0])
    with program(_BUSY) as pid:
        watched[:] = [Watched("web", 0, pid)]
        first = values(await processes.collect(0), "web")
    now[0] = 10.0
    with program(_BUSY) as pid:
        watched[:] = [Watched("web", 0, pid, restarts=1)]
        second = values(await processes.collect(1), "web")

    spent_s = second["cpu_seconds_total"] - first["cpu_seconds_total"]
    assert spent_s > 0
    assert "cpu_ratio" not in first
    assert second["cpu_ratio"] == pytest.approx(spent_s / 10)


async def test_a_service_that_is_gone_is_forgotten() -> None:
    """One of the same name starts anew."""
    with program(_BUSY) as pid:
        watched = [Watched("web", 0, pid)]
        processes = Processes(lambda: watched)
        before = values(await processes.collect(0), "web")
        watched.clear()
        gone = await processes.collect(1)
        watched.append(Watched("web", 0, pid))
        after = values(await processes.collect(2), "web")

    assert not gone
    assert before["cpu_seconds_total"] > 0
    assert "cpu_ratio" not in after
