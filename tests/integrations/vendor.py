"""A vendor's own description, served as a judge of what our connectors send."""

import os
import re
import signal
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from anyio import fail_after, sleep, to_thread

from tests.integrations.canary import UNTESTABLE, Canary, Request, canaries, good, violations
from tests.integrations.described import KINDS, SPECS, Described
from tests.npm_peer import NODE, installed

__all__ = [
    "KINDS",
    "UNTESTABLE",
    "Canary",
    "Request",
    "Vendor",
    "canaries",
    "good",
    "started",
    "vendor",
    "violations",
]

START_S = 120.0
_POLL_S = 0.02
_PRISM = Path(__file__).parent / "prism"
_LISTENING = re.compile(rb"listening on (http://127\.0\.0\.1:\d+)[^\d]")


@dataclass(frozen=True)
class Vendor:
    """A running judge: `url` stands in for `base`, so that what follows is the same at both."""

    kind: str
    url: str
    base: str


@asynccontextmanager
async def vendor(kind: str) -> AsyncIterator[Vendor]:
    """The judge of `kind`, gone afterwards, however it ends."""
    folder = await to_thread.run_sync(installed, _PRISM)
    with _prism(kind, folder) as starting:
        with fail_after(START_S):
            while (ready := starting.ready()) is None:  # noqa: ASYNC110 — a file gives no event
                await sleep(_POLL_S)
        yield ready


@contextmanager
def started(kind: str) -> Iterator[Vendor]:
    """The same for a fixture of a whole module: starting takes seconds."""
    with _prism(kind, installed(_PRISM)) as starting:
        until = time.monotonic() + START_S
        while (ready := starting.ready()) is None:
            if time.monotonic() > until:
                raise TimeoutError(f"cannot start the judge of {kind}: {starting.said()!r}")
            time.sleep(_POLL_S)
        yield ready


@dataclass(frozen=True)
class _Starting:
    kind: str
    process: subprocess.Popen[bytes]
    output: Path

    def said(self) -> bytes:
        """All that it wrote so far."""
        return self.output.read_bytes()

    def ready(self) -> Vendor | None:
        """Where it serves, once it does."""
        if self.process.poll() is not None:
            raise RuntimeError(f"cannot start the judge of {self.kind}: {self.said()!r}")
        found = _LISTENING.search(self.said())
        if found is None:
            return None
        return Vendor(self.kind, found[1].decode(), Described(self.kind).base)


@contextmanager
def _prism(kind: str, folder: Path) -> Iterator[_Starting]:
    """Started, and killed with its children. Its words go to a file: a full pipe would stop it."""
    program = folder / "node_modules" / "@stoplight" / "prism-cli" / "dist" / "index.js"
    command = [str(NODE), str(program), "mock", "--port", "0", str(SPECS / f"{kind}.json")]
    with (
        tempfile.NamedTemporaryFile(prefix="judge-") as output,
        subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        ) as process,
    ):
        try:
            yield _Starting(kind, process, Path(output.name))
        finally:
            os.killpg(process.pid, signal.SIGKILL)
