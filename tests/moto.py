"""AWS for tests: moto's own server, in a process of its own."""

import os
import re
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

_MOST_BYTES = 1 << 20


@contextmanager
def moto() -> Iterator[str]:
    """Its address; all that it keeps is gone afterwards."""
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", "0"]
    with (
        tempfile.TemporaryFile() as said,
        subprocess.Popen(command, stdout=said, stderr=said) as process,
    ):
        try:
            yield _listening(said, process)
        finally:
            process.kill()


def _listening(said: IO[bytes], process: "subprocess.Popen[bytes]") -> str:
    pause = threading.Event()
    while True:
        # Not by `read`: where it reads is where the server writes next.
        text = os.pread(said.fileno(), _MOST_BYTES, 0)
        found = re.search(rb"Running on (http://127\.0\.0\.1:\d+)\s", text)
        if found is not None:
            return str(found[1].decode())
        assert process.poll() is None, text
        pause.wait(0.05)
