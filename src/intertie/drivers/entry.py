"""Starting a program that needs more than a fork: by way of `preexec`, with the same pid."""

import asyncio
import marshal
import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import cast

from anyio import fail_after

from intertie.drivers import Launch, limits, preexec
from intertie.drivers.cgroup import Group
from intertie.drivers.spawn import log, not_become, refusal, why_not_run
from intertie.drivers.who import Account
from intertie.errors import DriverError

_LONGEST_S = 30.0
_CHUNK_BYTES = 4096


def is_needed(launch: Launch) -> bool:
    """Whether `spawn` alone cannot do it."""
    special = launch.ulimits or launch.listen or launch.limits is not None
    return bool(special) or launch.terminal is not None


@dataclass(frozen=True, slots=True)
class Entry:
    """How a replica enters its program."""

    launch: Launch
    marker: Mapping[str, str]
    who: Account | None
    group: Group | None

    def begin(self) -> "Beginning":
        """Have the process, which then waits for `Beginning.finish`. Raises DriverError."""
        order = self._order()
        ours, theirs = socket.socketpair()
        with theirs, _streams(self.launch) as (stdin, out, err):
            ours.setblocking(False)
            argv = [sys.executable, "-I", "-S", preexec.__file__, str(theirs.fileno())]
            try:
                popen = subprocess.Popen(  # the caller owns the process
                    argv,
                    cwd=self.launch.cwd,
                    stdin=stdin,
                    stdout=out,
                    stderr=err,
                    start_new_session=True,
                    pass_fds=(theirs.fileno(), *self.launch.listen),
                    umask=-1 if self.launch.umask is None else self.launch.umask,
                )
            except OSError as exc:
                ours.close()
                raise refusal(self.launch, self._why_not_begun(exc)) from exc
        return Beginning(self.launch, popen, ours, order)

    def _order(self) -> bytes:
        launch, who = self.launch, self.who
        env = {**launch.env, **self.marker}
        if launch.terminal is not None:
            env.setdefault("TERM", "xterm")
        order: preexec.Order = {
            "argv": [os.fsencode(word) for word in launch.argv],
            "env": {os.fsencode(name): os.fsencode(value) for name, value in env.items()},
            "cgroup": None if self.group is None else str(self.group.entrance),
            "terminal": launch.terminal is not None,
            "listen": list(launch.listen),
            "listen_names": os.fsencode(":".join([launch.service] * len(launch.listen))),
            "ulimits": limits.resources(launch),
            "account": None if who is None else (who.uid, who.gid, list(who.groups)),
        }
        return marshal.dumps(dict(order))

    def _why_not_begun(self, exc: OSError) -> str:
        if not self.launch.cwd.is_dir():
            return why_not_run(self.launch, exc)
        return f"Python, which prepares it, cannot be run: {sys.executable}: {exc.strerror}"


@dataclass(slots=True)
class Beginning:
    """A process that is not yet its program."""

    launch: Launch
    popen: "subprocess.Popen[bytes]"
    channel: socket.socket
    order: bytes

    async def finish(self) -> None:
        """Return once it is the program. Otherwise it is killed and reaped, and this raises."""
        try:
            with self.channel, fail_after(_LONGEST_S):
                report = await self._ask()
            if report != preexec.READY:
                raise self._refusal(report.removeprefix(preexec.READY))
        except BaseException as exc:
            self.popen.kill()
            self.popen.wait()
            if isinstance(exc, TimeoutError):
                why = f"it took more than {_LONGEST_S:g} s to begin"
                raise refusal(self.launch, why) from exc
            raise

    async def _ask(self) -> bytes:
        """Send the order; what comes back until the program begins, or the process ends."""
        loop = asyncio.get_running_loop()
        report = b""
        try:
            await loop.sock_sendall(self.channel, self.order)
            self.channel.shutdown(socket.SHUT_WR)
            while part := await loop.sock_recv(self.channel, _CHUNK_BYTES):
                report += part
        except ConnectionError:  # it ended meanwhile
            pass
        return report

    def _refusal(self, report: bytes) -> DriverError:
        if not report:
            why = "it was ended before its program began; do its limits leave room for any?"
            return refusal(self.launch, why)
        failed = marshal.loads(report)  # noqa: S302 — from our own program
        step, number, text = cast("tuple[str, int | None, str]", failed)
        exc = ValueError(text) if number is None else OSError(number, os.strerror(number))
        reason = text if number is None else os.strerror(number)
        if step == "exec":
            return refusal(self.launch, why_not_run(self.launch, exc))
        if step == "user":
            return refusal(self.launch, not_become(reason))
        if step in self.launch.ulimits:
            return limits.refusal(self.launch, step, reason)
        return refusal(self.launch, f"{_STEPS[step]}: {reason}")


_STEPS = {
    "": "it cannot be prepared",
    "cgroup": "it cannot enter its control group",
    "terminal": "it cannot have its terminal",
    "listen": "it cannot have its sockets",
}


@contextmanager
def _streams(launch: Launch) -> Iterator[tuple[int, int, int]]:
    if launch.terminal is not None:
        yield launch.terminal, launch.terminal, launch.terminal
        return
    with log(launch, launch.stdout) as out, log(launch, launch.stderr) as err:
        yield subprocess.DEVNULL, out, err
