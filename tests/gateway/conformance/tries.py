"""Raw requests, as hostile clients send them: nothing is made better on the way."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from anyio import (
    BrokenResourceError,
    CapacityLimiter,
    EndOfStream,
    connect_tcp,
    create_task_group,
    move_on_after,
)

_ANSWER_S = 10.0
_AT_ONCE = 24
_MAX_ANSWER = 1024 * 1024
_STATUS = re.compile(rb"HTTP/1\.[01] (\d{3})")


@dataclass(frozen=True, slots=True)
class Answer:
    """All bytes that came until the connection was closed, or nothing came any more."""

    raw: bytes

    @property
    def status(self) -> int:
        """Of the first answer; 0 is none."""
        found = _STATUS.match(self.raw)
        return int(found[1]) if found else 0

    @property
    def count(self) -> int:
        """How many answers there are."""
        return len(re.findall(rb"HTTP/1\.[01] \d{3} ", self.raw))

    @property
    def is_complete(self) -> bool:
        """Whether the first answer is all there."""
        _, separator, body = self.raw.partition(b"\r\n\r\n")
        if not separator:
            return False
        length = self.header("content-length")
        if length.isdigit():
            return len(body) >= int(length)
        return body.endswith(b"0\r\n\r\n")

    @property
    def body(self) -> str:
        """All behind the first head."""
        return self.raw.partition(b"\r\n\r\n")[2].decode("utf-8", "replace")

    def header(self, name: str) -> str:
        """Of the first answer; empty where there is none."""
        head = self.raw.partition(b"\r\n\r\n")[0]
        found = re.search(rb"\r\n" + name.encode() + rb": *([^\r]*)", head, re.IGNORECASE)
        return found[1].decode("latin-1") if found else ""


async def ask(
    port: int, request: bytes, *, wait_s: float = _ANSWER_S, first_only: bool = False
) -> Answer:
    """Send it, and read until the other side closes or is silent for `wait_s`.

    `first_only` leaves once one answer is complete: Envoy closes a second later.
    """
    raw = b""
    async with await connect_tcp("127.0.0.1", port) as stream:
        try:
            await stream.send(request)
            while len(raw) < _MAX_ANSWER:
                part = b""
                with move_on_after(wait_s):
                    part = await stream.receive()
                if not part:
                    break
                raw += part
                if first_only and Answer(raw).is_complete:
                    break
        except (EndOfStream, BrokenResourceError):
            pass
    return Answer(raw)


async def ask_all(port: int, requests: Sequence[bytes], *, wait_s: float = 1.0) -> list[Answer]:
    """The answers, in order."""
    answers: dict[int, Answer] = {}
    limiter = CapacityLimiter(_AT_ONCE)

    async def one(index: int, request: bytes) -> None:
        async with limiter:
            answers[index] = await ask(port, request, wait_s=wait_s, first_only=True)

    async with create_task_group() as group:
        for index, request in enumerate(requests):
            group.start_soon(one, index, request)
    return [answers[index] for index in range(len(requests))]


def get(target: str, *headers: str, host: str = "test", method: str = "GET") -> bytes:
    """A request with the target exactly as given."""
    lines = [f"{method} {target} HTTP/1.1", f"host: {host}", "connection: close", *headers]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("utf-8", "surrogateescape")
