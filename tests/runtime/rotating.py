"""Real writers at full speed, a rotator in a process of its own, and what is in a log then."""

import hashlib
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from intertie.runtime.log_file import LogFile
from intertie.runtime.log_tap import Source, Tap

SOURCE = Source("api", 0, "out")

_WRITER = """
import hashlib, os, select, sys
digest = hashlib.sha256()
rest = int(sys.argv[1])
number = 0
while rest > 0 or not select.select([0], [], [], 0)[0]:
    block = b"".join(b"%012d %s\\n" % (n, b"x" * (n % 150)) for n in range(number, number + 500))
    number += 500
    rest -= len(block)
    digest.update(block)
    while block:
        block = block[os.write(1, block):]
sys.stderr.write(digest.hexdigest())
"""

_ROTATOR = """
import os, random, signal, sys, time
from pathlib import Path
from intertie.runtime.rotation import Rotator
from intertie.suite.logging import Logging

def rotate():
    rule = Logging(max_size=int(sys.argv[2]), max_files=100_000)
    rotator = Rotator(Path(sys.argv[1]), lambda: {"api": rule})
    rotator.recover()
    while True:
        rotator.look()

print("ready", flush=True)
kills, parts = int(sys.argv[3]), int(sys.argv[4])
if not kills:
    rotate()
chance = random.Random(7)
while kills > 0 or len(list(Path(sys.argv[1]).glob("*/*.gz"))) < parts:
    kills -= 1
    pid = os.fork()
    if not pid:
        rotate()
    time.sleep(chance.uniform(0, 0.06))
    os.kill(pid, signal.SIGKILL)
    assert os.WTERMSIG(os.waitpid(pid, 0)[1]) == signal.SIGKILL
"""


@contextmanager
def writer(path: Path, size: int) -> "Iterator[subprocess.Popen[bytes]]":
    """A process that appends lines: so many bytes, and until its standard input ends.

    What it says on standard error in the end is their SHA-256.
    """
    path.parent.mkdir(exist_ok=True)
    argv = [sys.executable, "-c", _WRITER, str(size)]
    pipe = subprocess.PIPE
    with (
        path.open("ab") as out,
        subprocess.Popen(argv, stdin=pipe, stdout=out, stderr=pipe) as process,
    ):
        try:
            yield process
        finally:
            process.kill()


@contextmanager
def rotator(
    folder: Path, size: int, *, kills: int = 0, parts: int = 0
) -> "Iterator[subprocess.Popen[bytes]]":
    """A process that rotates without a pause.

    Or so many of them, each killed at a random point; and more, until there are so many archives.
    """
    argv = [sys.executable, "-c", _ROTATOR, str(folder), str(size), str(kills), str(parts)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == b"ready\n"
            yield process
        finally:
            process.kill()


def digest(process: "subprocess.Popen[bytes]") -> str:
    """Of what the writer wrote; lets it end."""
    assert process.stdin is not None
    assert process.stderr is not None
    process.stdin.close()
    return process.stderr.read().decode()


def kept_digest(path: Path) -> str:
    """Of what is in the archives and the file."""
    return hashlib.sha256(kept(path)).hexdigest()


def kept(path: Path) -> bytes:
    """All that is in the archives and the file."""
    found = LogFile(path)
    found.offset = found.first()
    parts: list[bytes] = []
    try:
        while data := found.read(1024 * 1024):
            parts.append(data)
    finally:
        found.close()
    return b"".join(parts)


def lines(path: Path) -> list[str]:
    """All lines that are kept."""
    tap = Tap(SOURCE, path)
    try:
        tap.seek_first()
        return [line.text for line in tap.read_all()]
    finally:
        tap.close()
