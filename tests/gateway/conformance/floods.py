"""Clients that only want to cost something: slow ones, endless headers, streams begun and left."""

from contextlib import suppress
from dataclasses import dataclass

from anyio import (
    BrokenResourceError,
    EndOfStream,
    connect_tcp,
    create_task_group,
    current_time,
    fail_after,
)

from tests.gateway.conformance.http2_talk import PREFACE, headers, raw, settings, talk
from tests.gateway.conformance.tries import ask, get
from tests.gateway.stage import Door

_CONNECTIONS = 50
_RESETS = 10_000
_SLOW_S = 15.0


@dataclass(frozen=True, slots=True)
class Flood:
    """What an attack came to."""

    name: str
    told: str
    grown_bytes: int
    """Of Envoy's memory."""
    holds: bool
    """Whether it ended as it must, and others were served meanwhile."""


async def floods(made: Door, path: str) -> list[Flood]:
    """All of them; `path` is open."""
    assert isinstance(made.gateway.port, int)
    port = made.gateway.port
    return [
        await _slow(made, port, path),
        await _reset(made, port, path),
        await _continuations(made, port),
        await _many_headers(made, port),
        await _settings(made, port),
    ]


async def _slow(made: Door, port: int, path: str) -> Flood:
    """Headers that never end, on many connections: each is told 408 and closed."""
    before = made.resident_bytes()
    ended: list[float] = []
    began = current_time()

    async def one() -> None:
        answer = await ask(
            port, f"GET {path} HTTP/1.1\r\nhost: test\r\nslow".encode(), wait_s=_SLOW_S
        )
        if answer.status == 408:
            ended.append(current_time() - began)

    async with create_task_group() as group:
        for _ in range(_CONNECTIONS):
            group.start_soon(one)
        served = await ask(port, get(path), first_only=True)
    told = f"{len(ended)} of {_CONNECTIONS} closed with 408 within {max(ended, default=0):.1f} s"
    holds = len(ended) == _CONNECTIONS and served.status == 200
    return Flood("slow headers", told, made.resident_bytes() - before, holds)


async def _reset(made: Door, port: int, path: str) -> Flood:
    """CVE-2023-44487: streams that are reset as soon as they are begun."""
    before = made.resident_bytes()
    sent = 0
    fields = ((":method", "GET"), (":scheme", "http"), (":path", path), (":authority", "test"))
    async with await connect_tcp("127.0.0.1", port) as stream:
        with suppress(BrokenResourceError, EndOfStream), fail_after(30):
            await stream.send(PREFACE + settings())
            for number in range(1, 2 * _RESETS, 2):
                cancel = raw(3, 0, number, b"\0\0\0\x08")
                await stream.send(headers(number, fields) + cancel)
                sent += 1
            while await stream.receive():
                pass
    served = await ask(port, get(path), first_only=True)
    told = f"closed after at most {sent:,} of {_RESETS:,} streams"
    holds = sent < _RESETS and served.status == 200
    return Flood("rapid reset", told, made.resident_bytes() - before, holds)


async def _continuations(made: Door, port: int) -> Flood:
    """A header block without end."""
    before = made.resident_bytes()
    parts = [
        headers(1, flags=0x01),
        *(raw(9, 0, 1, b"\x00\x01a\x7f\x00" + b"b" * 127) for _ in range(2000)),
    ]
    seen = await talk(port, b"".join(parts))
    told = str(seen)
    holds = bool(seen.goaway or seen.closed)
    return Flood("endless CONTINUATION", told, made.resident_bytes() - before, holds)


async def _many_headers(made: Door, port: int) -> Flood:
    before = made.resident_bytes()
    answer = await ask(port, get("/", *(f"x{number}: a" for number in range(500))), first_only=True)
    told = f"500 fields: {answer.status}"
    return Flood("many headers", told, made.resident_bytes() - before, answer.status == 431)


async def _settings(made: Door, port: int) -> Flood:
    """Frames that must each be answered, and whose answers nobody reads."""
    before = made.resident_bytes()
    seen = await talk(port, b"".join(settings((3, 100)) for _ in range(20_000)))
    told = str(seen)
    return Flood("settings", told, made.resident_bytes() - before, bool(seen.goaway or seen.closed))
