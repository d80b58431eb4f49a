import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from itertools import count

import pytest
from anyio import fail_after

from intertie.runtime.usage import Meter, Usage, usage, watch
from intertie.suite.restart import RestartWhen

pytestmark = pytest.mark.anyio

MB = 2**20
HOLDS_64_MB = "import sys; held = b'x' * 64_000_000; print('held', flush=True); sys.stdin.read()"
BUSY = "import os\nif os.fork() == 0:\n    while True: pass\nos.wait()"


def test_memory_above_the_limit_is_too_much_at_once() -> None:
    """With both figures in the reason."""
    meter = Meter(RestartWhen.model_validate({"memory": "100MB"}))

    assert meter.feed(Usage(100 * MB, 0), 0) is None
    assert meter.feed(Usage(101 * MB, 0), 1) == "uses 101 MiB of memory, more than 100 MiB"


def test_cpu_must_be_above_the_limit_for_the_whole_time() -> None:
    """One quiet second and it counts anew."""
    meter = Meter(RestartWhen.model_validate({"cpu": "50%", "cpu_for": "3s"}))
    cpu_s = [0, 0.9, 1.8, 1.9, 2.8, 3.7, 4.6, 5.5]

    told = [meter.feed(Usage(0, used), at) for used, at in zip(cpu_s, count(), strict=False)]

    assert told[:7] == [None] * 7
    assert told[7] == "used more than 50 % of a CPU for 3 s"


def test_a_child_counts() -> None:
    """Its memory is the service's."""
    parent = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {HOLDS_64_MB!r}])"
    with subprocess.Popen(
        [sys.executable, "-c", parent], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"

        found = usage(process.pid)

        process.communicate()
    assert found.memory_bytes > 64_000_000


def test_a_process_that_is_gone_uses_nothing() -> None:
    """No error: it may end at any time."""
    process = subprocess.Popen(["true"])
    process.wait()

    assert usage(process.pid) == Usage(0, 0)


@pytest.fixture
def busy() -> Iterator[int]:
    """The pid of a process whose child is in a busy loop."""
    with subprocess.Popen([sys.executable, "-c", BUSY], start_new_session=True) as process:
        yield process.pid
        os.killpg(process.pid, signal.SIGKILL)


@pytest.mark.slow
async def test_the_watch_tells_once_and_ends(busy: int) -> None:
    """A child in a busy loop is found within seconds."""
    told: list[str] = []
    rule = RestartWhen.model_validate({"cpu": "20%", "cpu_for": "100ms"})

    with fail_after(20):
        await watch(busy, rule, too_much=told.append)

    assert told == ["used more than 20 % of a CPU for 0.1 s"]
