"""Programs with the kit, as real processes."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from intertie.runtime.ports import Ports
from tests.waiting import eventually

WITHIN_S = 60.0


@dataclass(frozen=True)
class Child:
    """A running program."""

    process: subprocess.Popen[bytes]
    port: int
    output: Path

    @property
    def lines(self) -> list[dict[str, Any]]:
        """What it logged so far."""
        return [json.loads(line) for line in self.output.read_text().splitlines()]

    def events(self) -> list[str]:
        """What it logged, in short."""
        return [str(line["event"]) for line in self.lines]

    def says(self, event: str) -> bool:
        """Whether it logged that."""
        return f'"{event}"' in self.output.read_text()

    def status(self, path: str) -> int:
        """Of an answer; 0 when there is none."""
        try:
            return httpx.get(f"http://127.0.0.1:{self.port}{path}", trust_env=False).status_code
        except httpx.HTTPError:
            return 0

    async def until_ready(self) -> None:
        """Return when it answers that it is."""
        await eventually(lambda: self.status("/health/ready") == 200, WITHIN_S)

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Ask it to, and return its exit code."""
        self.process.send_signal(number)
        return self.process.wait(WITHIN_S)


@contextmanager
def child(
    folder: Path,
    text: str,
    *,
    command: tuple[str, ...] = ("program.py",),
    env: Mapping[str, str] | None = None,
) -> Iterator[Child]:
    """The program in `text`, with a port and an empty environment but for `env`."""
    (folder / "program.py").write_text(text)
    output = folder / "output"
    ports = Ports()
    port = ports.take("program")
    words = [each.replace("$PORT", str(port)) for each in command]
    variables = {"PATH": os.environ["PATH"], "PORT": str(port), "INTERTIE_SERVICE": "orders/1"}
    with output.open("wb") as stdout:
        process = subprocess.Popen(
            [sys.executable, *words],
            cwd=folder,
            env={**variables, **(env or {})},
            stdout=stdout,
            stderr=subprocess.STDOUT,
        )
        try:
            yield Child(process, port, output)
        finally:
            process.kill()
            process.wait()
