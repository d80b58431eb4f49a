"""`ui`, as a user runs it: in a terminal, without one, without its package."""

import fcntl
import os
import pty
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner

from intertie.cli.ui_command import ui
from intertie.errors import IntertieError
from tests.harness import Bench


def test_without_a_terminal_it_says_so(tmp_path: Path) -> None:
    """In a pipe there is nothing to draw on; it names what works there."""
    result = CliRunner().invoke(ui, ["--file", str(tmp_path / "suite.yaml")])

    assert isinstance(result.exception, IntertieError)
    assert "this is not a terminal; use `intertie ps`" in str(result.exception)


def test_without_its_package_it_says_what_to_install(tmp_path: Path) -> None:
    """No traceback: the name of the package and of the extra."""
    code = (
        "import sys; sys.modules['textual'] = None\n"
        "from intertie.cli.ui_command import ui\n"
        "from intertie.errors import IntertieError\n"
        "try: ui.main(['--file', 'suite.yaml'], standalone_mode=False)\n"
        "except IntertieError as exc: print(exc)"
    )

    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )

    assert done.stdout.strip() == (
        "cannot show the terminal UI: the package textual is not installed; install intertie[ui]"
    )


def test_the_command_line_does_not_load_the_library() -> None:
    """`textual` is loaded when the UI is shown, not when its help is."""
    code = "import sys; import intertie.cli.ui_command; print('textual' in sys.modules)"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "False"


@pytest.mark.slow
def test_in_a_terminal_it_shows_the_suite_until_q(running: Bench) -> None:
    """The services are drawn; `q` gives the terminal back and the exit code is 0."""
    with in_terminal(running) as (process, controller):
        drawn = read_until(controller, b"healthy")
        os.write(controller, b"q")
        drawn += read_until(controller, b"\x1b[?1049l")

        assert process.wait(60) == 0

    assert b"gateway" in drawn


@pytest.mark.slow
def test_without_a_running_suite_it_says_what_to_do(bench: Bench) -> None:
    """In a terminal, but nothing runs: one line and exit code 1."""
    bench.write("suite: s\nservices: {a: {command: sleep 1}}\n")

    with in_terminal(bench) as (process, controller):
        said = read_until(controller, b"start it with `intertie up`")

        assert process.wait(60) == 1

    assert said.startswith(b"error: cannot show the terminal UI: the suite is not running")


@contextmanager
def in_terminal(on: Bench) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """`intertie ui` in a terminal of 80x24, and the end a person sits at."""
    controller, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    process = subprocess.Popen(
        [sys.executable, "-m", "intertie", "ui"],
        cwd=on.folder,
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        env={**os.environ, "TERM": "xterm-256color"},
        start_new_session=True,
    )
    os.close(terminal)
    try:
        yield process, controller
    finally:
        process.kill()
        process.wait()
        os.close(controller)


def read_until(controller: int, wanted: bytes, within_s: float = 60.0) -> bytes:
    """What the terminal got, up to and with `wanted`."""
    got = b""
    deadline = time.monotonic() + within_s
    while wanted not in got:
        assert time.monotonic() < deadline, f"no {wanted!r} in {got[-2000:]!r}"
        if select.select([controller], [], [], 0.5)[0]:
            got += os.read(controller, 65536)
    return got
