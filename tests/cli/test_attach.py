import os
import pty
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.harness import Bench
from tests.harness import bench as open_bench

pytestmark = pytest.mark.slow

SUITE = """
suite: attach
api: {port: auto}
services:
  shell:
    command: [sh, -c, 'stty -echo; echo hello; while true; do read line && eval "$line"; done']
    tty: true
    ready_log_line: hello
"""


@pytest.fixture(scope="module")
def shells(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """A suite with a shell on a terminal."""
    with open_bench(tmp_path_factory.mktemp("attach")) as made:
        made.write(SUITE)
        made.ok("up", "--detach")
        yield made


def read_until(terminal: int, wanted: bytes) -> bytes:
    """What a terminal shows, up to this."""
    seen = b""
    while wanted not in seen:
        seen += os.read(terminal, 4096)
    return seen


def test_keys_go_to_the_service_until_the_user_goes_away(shells: Bench) -> None:
    """Ctrl-C too is the service's; Ctrl-] ends the command and nothing else."""
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "intertie", "attach", "shell"]
    with subprocess.Popen(
        command, cwd=shells.folder, stdin=theirs, stdout=theirs, stderr=theirs
    ) as attached:
        os.close(theirs)
        read_until(ours, b"hello")
        os.write(ours, b"echo $((40 + 2))\n")
        read_until(ours, b"42")
        os.write(ours, b"trap 'echo in''terrupted' INT; echo tr''apped\n")
        read_until(ours, b"trapped")
        os.write(ours, b"\x03")
        read_until(ours, b"interrupted")
        os.write(ours, b"\x1d")
        assert attached.wait(60) == 0
    os.close(ours)

    assert shells.service("shell")["replicas"][0]["restarts"] == 0


def test_keys_can_be_sent_without_looking(shells: Bench) -> None:
    """Escapes are understood."""
    shells.ok("attach", "shell", "--send", "echo $((50 + 3))\\n")

    following = shells.ok("logs", "shell", "--tail", "50")
    while "53" not in following.out:
        following = shells.ok("logs", "shell", "--tail", "50")


def test_a_service_without_a_terminal_says_what_to_do(running: Bench) -> None:
    """One line, exit code 1."""
    done = running("attach", "echo")

    assert done.code == 1
    assert "give it `tty: true`" in done.err
