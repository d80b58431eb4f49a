"""A broker's process: started, killed, started again on the same port and folder."""

import os
import signal
import socket
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from anyio import CancelScope, fail_after, open_process, sleep
from anyio.abc import Process

from intertie.drivers import proc
from intertie.runtime.ports import Ports
from intertie.suite.bus import QueueConfig
from tests.waiting import eventually

START_S = 60.0


def free_port() -> int:
    """One that nobody listens on now, and that the system gives to no client.

    While a broker is down, a connection that somebody opens could take its port otherwise.
    """
    return Ports().take("a peer")


class Broker:
    """`config` is how clients reach it; it stays true over `kill` and `start`."""

    def __init__(
        self,
        config: QueueConfig,
        argv: Sequence[str],
        folder: Path,
        *,
        env: Mapping[str, str] | None = None,
        ready: Callable[[int], Awaitable[bool]] | None = None,
    ) -> None:
        """`ready(port)` tells whether it serves; without it, that the port accepts."""
        self.config = config
        self._argv = [str(word) for word in argv]
        self._folder = folder
        self._env = {**os.environ, **(env or {})}
        self._ready = ready or _accepts
        self._process: Process | None = None

    @property
    def pid(self) -> int:
        """Of the process that runs now."""
        assert self._process is not None
        return self._process.pid

    async def start(self) -> None:
        """Run it, and return when it serves."""
        with (self._folder / "server.log").open("ab") as log:
            self._process = await open_process(
                self._argv,
                stdin=None,
                stdout=log,
                stderr=log,
                cwd=self._folder,
                env=self._env,
                start_new_session=True,
            )
        assert self.config.port is not None
        with fail_after(START_S):
            while not await self._ready(self.config.port):
                if self._process.returncode is not None:
                    raise AssertionError((self._folder / "server.log").read_text()[-2000:])
                await sleep(0.01)

    async def kill(self) -> None:
        """SIGKILL to its whole session, as a crash would; returns when it is gone."""
        process, self._process = self._process, None
        if process is None:
            return
        with CancelScope(shield=True):
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
            await process.aclose()

    async def pause(self) -> None:
        """Keep its connections open and answer nothing (SIGSTOP); returns when it stands still."""
        os.killpg(self.pid, signal.SIGSTOP)
        await eventually(lambda: _stands_still(self.pid))

    async def resume(self) -> None:
        """Go on after `pause`."""
        os.killpg(self.pid, signal.SIGCONT)


def _stands_still(group: int) -> bool:
    """Whether every thread of the group has stopped: the signal reaches each a moment later."""
    members = [found.identity.pid for found in proc.everything() if found.group == group]
    try:
        tasks = [task for pid in members for task in Path(f"/proc/{pid}/task").iterdir()]
        texts = [(task / "stat").read_text(errors="replace") for task in tasks]
    except (FileNotFoundError, ProcessLookupError):  # one ended meanwhile
        return False
    return all(text.rpartition(")")[2].split()[0] in "TZ" for text in texts)


async def _accepts(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex(("127.0.0.1", port)) == 0
