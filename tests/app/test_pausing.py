"""Services that stand still for a moment."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from anyio import open_process
from anyio.streams.buffered import BufferedByteReceiveStream

from intertie.app.pausing import let_go, paused
from intertie.drivers import proc
from tests.waiting import eventually

pytestmark = pytest.mark.anyio

_TREE = "import subprocess, sys; subprocess.Popen(['sleep', '1000']); sys.stdin.read()"


@pytest.fixture
def tree() -> Iterator[psutil.Process]:
    """A process that has a child."""
    with subprocess.Popen([sys.executable, "-c", _TREE], stdin=subprocess.PIPE) as main:
        process = psutil.Process(main.pid)
        try:
            yield process
        finally:
            for each in [*process.children(recursive=True), process]:
                each.kill()


def states(process: psutil.Process) -> set[str]:
    """Of a process and all below it."""
    return {each.status() for each in [process, *process.children(recursive=True)]}


async def test_all_of_a_service_stands_still_and_goes_on(
    tree: psutil.Process, tmp_path: Path
) -> None:
    """The file that tells who does is gone afterwards."""
    await eventually(lambda: len(tree.children()) == 1)
    file = tmp_path / "paused"

    async with paused([tree.pid], file):
        assert states(tree) == {psutil.STATUS_STOPPED}
        assert len(file.read_text().splitlines()) == 2

    await eventually(lambda: psutil.STATUS_STOPPED not in states(tree))
    assert os.listdir(tmp_path) == []


async def test_what_a_killed_process_paused_goes_on(tree: psutil.Process, tmp_path: Path) -> None:
    """At once, by the helper, whose input ends with the process that was killed."""
    await eventually(lambda: len(tree.children()) == 1)
    file = tmp_path / "paused"
    program = (
        "import sys, anyio\nfrom pathlib import Path\nfrom intertie.app.pausing import paused\n"
        "async def main():\n"
        "    async with paused([int(sys.argv[1])], Path(sys.argv[2])):\n"
        "        print('still', flush=True)\n        await anyio.sleep_forever()\n"
        "anyio.run(main)\n"
    )
    words = [sys.executable, "-c", program, str(tree.pid), str(file)]
    async with await open_process(words) as who:
        assert who.stdout is not None
        assert await BufferedByteReceiveStream(who.stdout).receive_until(b"\n", 9) == b"still"
        before = states(tree)
        who.kill()

    assert before == {psutil.STATUS_STOPPED}
    await eventually(lambda: psutil.STATUS_STOPPED not in states(tree))
    assert let_go(file) == 2
    assert not file.exists()


async def test_the_next_start_lets_everybody_go(tree: psutil.Process, tmp_path: Path) -> None:
    """Those that are in the file and still the same processes, not others with such a number."""
    file = tmp_path / "paused"
    assert let_go(file) == 0
    tree.send_signal(signal.SIGSTOP)
    await eventually(lambda: tree.status() == psutil.STATUS_STOPPED)
    file.write_text(f"{tree.pid} 1\n")
    assert let_go(file) == 0
    assert tree.status() == psutil.STATUS_STOPPED
    me = proc.identify(tree.pid)
    assert me is not None
    file.write_text(f"{me.pid} {me.start_ticks}\n")

    assert let_go(file) == 1

    await eventually(lambda: tree.status() != psutil.STATUS_STOPPED)
    assert not file.exists()
