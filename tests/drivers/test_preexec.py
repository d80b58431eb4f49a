import subprocess
import sys

from intertie.drivers import preexec

COMMAND = (sys.executable, "-I", "-S", preexec.__file__)


def test_it_ends_when_the_driver_is_gone() -> None:
    """A daemon that was killed in the middle of a start leaves no program half prepared."""
    ended = subprocess.run([*COMMAND, "0"], stdin=subprocess.DEVNULL, check=False, timeout=10)

    assert ended.returncode == 127


def test_it_loads_nothing_slow() -> None:
    """Its time is part of each start, so it does without modules written in Python."""
    source = (
        "import errno, os, sys; known = set(sys.modules); __name__ = 'preexec'; "
        f"exec(open({preexec.__file__!r}).read()); print(*set(sys.modules) - known)"
    )
    bare = [sys.executable, "-I", "-S", "-c", source]

    loaded = subprocess.run(bare, capture_output=True, text=True, check=True, timeout=10).stdout

    assert set(loaded.split()) <= {"__future__", "fcntl", "resource", "termios", "_signal"}
