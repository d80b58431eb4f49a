"""The host's side of a child process: start it, ask it, know when and in whose code it ended."""

import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from time import monotonic

from anyio import (
    BrokenResourceError,
    CancelScope,
    ClosedResourceError,
    EndOfStream,
    Event,
    IncompleteRead,
    create_memory_object_stream,
    create_task_group,
    move_on_after,
    open_process,
)
from anyio.abc import ByteReceiveStream, Process
from anyio.streams.buffered import BufferedByteReceiveStream

from intertie.plugins import wire
from intertie.plugins.slot import Entered, Slot, new_slot
from intertie.plugins.wire import Message

_SILENCE_S = 30.0
"""In nobody's code for so long: it does not start, or does not work."""
_LOOK_S = 0.1
"""Between two looks at whose code it is in."""
_LAST_WORDS_S = 1.0
_FRAMES = 256
_LONGEST_LINE = 8192
_COMMAND = (sys.executable, "-u", "-P", "-X", "faulthandler", "-m", "intertie.plugins.child")

OnLine = Callable[[str], None]


class ChildDied(Exception):
    """The child ended or was killed; `label` says in whose code, None in nobody's."""

    def __init__(self, entered: Entered | None, why: str) -> None:
        self.label = entered.label if entered else None
        self.seconds = monotonic() - entered.at if entered else 0.0
        """It had been in that code."""
        self.why = why
        super().__init__(why)


class Child:
    """One child. Requests are answered in order."""

    def __init__(self, process: Process, slot: Slot) -> None:
        self._process = process
        self._slot = slot
        self._asked = 0
        self._send, self._frames = create_memory_object_stream[Message](_FRAMES)
        self._silent = Event()
        # Shielded: the answers to the last requests are read while the host is being cancelled.
        self._reading = (CancelScope(shield=True), CancelScope(shield=True))
        self.began_at = monotonic()

    @property
    def pid(self) -> int:
        """Of the process, which leads a group of its own."""
        return self._process.pid

    async def ask(
        self,
        request: Message,
        take: Callable[[Message], None] = lambda _: None,
        *,
        timeout_s: float,
    ) -> Message:
        """The last answer; those before it go to `take`.

        `timeout_s` is what each plugin has for itself. Raises ChildDied; the child is killed then.
        """
        self._asked += 1
        try:
            # Shielded: what was taken from the queue is asked for, or half of it would be.
            with move_on_after(timeout_s, shield=True):
                await self._send_request({"id": self._asked, **request})
        except (BrokenResourceError, ClosedResourceError):
            raise await self._death() from None
        while True:
            answer = await self._next(timeout_s)
            if answer["id"] != self._asked:
                continue  # of a request whose asker was cancelled
            if answer.get("end"):
                return answer
            take(answer)

    async def _send_request(self, request: Message) -> None:
        if self._process.stdin is not None:
            await self._process.stdin.send(wire.pack(request))

    def kill(self) -> None:
        """End it and what its plugins started."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)

    async def end(self) -> None:
        """Kill it, and wait, not long, until what it had printed is passed on."""
        self.kill()
        with move_on_after(_LAST_WORDS_S, shield=True):
            await self._silent.wait()
        for scope in self._reading:
            scope.cancel()
        self._frames.close()

    async def read_answers(self) -> None:
        """Pass its answers to `ask`, until it ends or talks nonsense."""
        if self._process.stdout is None:
            return
        stream = BufferedByteReceiveStream(self._process.stdout)
        ends = (EndOfStream, IncompleteRead, BrokenResourceError, ClosedResourceError, ValueError)
        with self._send, self._reading[0], suppress(*ends):
            while True:
                length = wire.size(await stream.receive_exactly(wire.HEADER.size))
                await self._send.send(wire.unpack(await stream.receive_exactly(length)))

    async def read_lines(self, on_line: OnLine) -> None:
        """Pass what its plugins print to `on_line`, line by line."""
        if self._process.stderr is not None:
            with self._reading[1]:
                await _lines(self._process.stderr, on_line)
        self._silent.set()

    async def _next(self, timeout_s: float) -> Message:
        asked_at = monotonic()
        while True:
            entered = self._slot.read()
            end = entered.at + timeout_s if entered else asked_at + _SILENCE_S
            with move_on_after(min(_LOOK_S, max(0.01, end - monotonic()))):
                try:
                    return await self._frames.receive()
                except EndOfStream:
                    raise await self._death() from None
            now = self._slot.read()
            if now == entered and monotonic() >= end:
                self.kill()
                took = monotonic() - (now.at if now else asked_at)
                raise ChildDied(now, f"no answer within {took:.1f} s")

    async def _death(self) -> ChildDied:
        """How it ended."""
        with move_on_after(_LAST_WORDS_S):
            await self._process.wait()
        self.kill()
        return ChildDied(self._slot.read(), _how(self._process.returncode))


@asynccontextmanager
async def open_child(folder: Path, on_line: OnLine) -> AsyncIterator[Child]:
    """A child that works in `folder`; it and its whole group are gone at the end."""
    with new_slot() as slot:
        command = [*_COMMAND, str(slot.descriptor)]
        fds = (slot.descriptor,)
        process = await open_process(command, cwd=folder, start_new_session=True, pass_fds=fds)
        child = Child(process, slot)
        try:
            async with create_task_group() as group:
                group.start_soon(child.read_answers)
                group.start_soon(child.read_lines, on_line)
                try:
                    yield child
                finally:
                    await child.end()
        finally:
            child.kill()
            with CancelScope(shield=True), move_on_after(_LAST_WORDS_S):
                await process.aclose()


async def _lines(stream: ByteReceiveStream, on_line: OnLine) -> None:
    rest = b""
    with suppress(EndOfStream, BrokenResourceError, ClosedResourceError):
        while True:
            *lines, rest = (rest + await stream.receive()).split(b"\n")
            for line in lines:
                on_line(line.decode(errors="replace"))
            if len(rest) > _LONGEST_LINE:
                on_line(rest.decode(errors="replace"))
                rest = b""
    if rest:
        on_line(rest.decode(errors="replace"))


def _how(code: int | None) -> str:
    if code is None:
        return "its process answers no more"
    if code == wire.OUT_OF_MEMORY:
        return "it ran out of memory: more than `plugins.memory_limit`"
    if code < 0:
        return f"its process was ended by {signal.Signals(-code).name}"
    return f"its process ended with exit code {code}"
