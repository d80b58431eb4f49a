"""Header, method, host and smuggling tries against one gateway, judged by what came through."""

import re
from collections.abc import Callable, Iterable, Sequence

from anyio import CapacityLimiter, create_task_group

from tests.gateway.conformance.headers import (
    EVIL,
    OTHER_METHOD,
    OTHER_PATH,
    HeaderTry,
    header_tries,
)
from tests.gateway.conformance.recorder import Recorder
from tests.gateway.conformance.rows import Row, counted
from tests.gateway.conformance.smuggling import MARK, Smuggled, smuggled
from tests.gateway.conformance.tries import ask, ask_all, get

_AT_ONCE = 24
_METHODS = (
    *("get", "Get", "gET", "GET\x00", "GET;", "GETS", "GE", "X", "x-http", "G\xc9T", "G\tT"),
    *("HEAD", "head", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "TRACK", "DEBUG"),
    *("CONNECT", "PROPFIND", "MKCOL", "COPY", "MOVE", "LOCK", "UNLOCK", "SEARCH", "PURGE"),
    *("BAN", "LINK", "UNLINK", "REPORT", "PRI", "QUERY", "ACL", "BREW", "INVENTED", "*", "-"),
)


async def headers(port: int, service: Recorder, path: str, shown: Sequence[str] = ()) -> list[Row]:
    """Ways to send what only the gateway may say; `path` is let in with what is shown."""
    tries = header_tries()
    requests = [
        get(f"{path}?n={number:05d}", *shown, *each.lines) for number, each in enumerate(tries)
    ]
    service.clear()
    await ask_all(port, requests)
    found = (
        (each.kind, f"{each.name} in {each.lines}", _came(each, number, service.heads))
        for number, each in enumerate(tries)
    )
    return counted(f"headers on {path}", found)


def _came(tried: HeaderTry, number: int, heads: Iterable[bytes]) -> bool:
    mark = f"?n={number:05d} ".encode()
    return any(_says(head, tried.name) for head in heads if mark in head)


def _says(head: bytes, name: str) -> bool:
    """Whether a service that does not tell `_` from `-` would read the value there."""
    for line in re.split(rb"\r\n|\r|\n", head)[1:]:
        key, _, value = line.decode("latin-1").partition(":")
        plain = re.sub(r"[_\s\x00-\x1f]", "-", key.strip().lower())
        if plain == name and EVIL in value:
            return True
    return False


async def overridden(port: int, service: Recorder, closed: str) -> list[Row]:
    """Another path or method by headers, to a place that is closed."""
    lines = [(name, f"{name}: {closed}") for name in OTHER_PATH]
    lines += [(name, f"{name}: DELETE") for name in OTHER_METHOD]
    return await _counted(port, service, "path and method by header", lines, closed)


async def _counted(
    port: int, service: Recorder, topic: str, lines: Sequence[tuple[str, str]], closed: str
) -> list[Row]:
    service.clear()
    await ask_all(port, [get("/open", line) for _, line in lines])
    texts = [head.decode("latin-1").lower() for head in service.heads]
    found = ((name, line, any(f"\r\n{name}:" in text for text in texts)) for name, line in lines)
    return counted(topic, [*found, *_asked(service, closed)])


def _asked(service: Recorder, closed: str) -> list[tuple[str, str, bool]]:
    seen = [head for head in service.heads if closed.encode() in head.split(b"\r\n")[0]]
    return [("request line", closed, bool(seen))]


async def methods(port: int, service: Recorder, closed: str) -> list[Row]:
    """Every method, with and without a body, to a place that is closed."""
    service.clear()
    await ask_all(port, [get(closed, "content-length: 0", method=each) for each in _METHODS])
    came = {head.split(b" ")[0].decode("latin-1") for head in service.heads}
    return counted("methods without a token", ((each, each, each in came) for each in _METHODS))


async def hosts(port: int, service: Recorder, host: str, closed: str) -> list[Row]:
    """Ways to write a host whose routes are closed, at a gateway where all other hosts are open."""
    written = [
        *(host.upper(), host.title(), f"{host}.", f"{host}:80", f"{host}:", f"{host.upper()}:8000"),
        *(f"{host}.:80", f"{host}:65535", f"{host} ", f" {host}", f"\t{host}"),
    ]
    service.clear()
    answers = await ask_all(port, [get(closed, host=each) for each in written])
    came = any(service.heads)
    pairs = zip(written, answers, strict=True)
    return counted(
        "hosts", (("one host", repr(each), answer.status == 200 and came) for each, answer in pairs)
    )


async def smuggle(port: int, seen: Callable[[], Iterable[str]] | Recorder) -> list[Row]:
    """Requests in requests; `seen` is asked afterwards what came to the service."""
    every = smuggled()
    limiter = CapacityLimiter(_AT_ONCE)

    async def one(number: int, tried: Smuggled) -> None:
        async with limiter:
            raw = tried.raw.replace(MARK.encode(), f"{number:03d}".encode())
            await ask(port, raw, wait_s=0.3)

    async with create_task_group() as group:
        for number, tried in enumerate(every):
            group.start_soon(one, number, tried)
    lines = _lines(seen)
    found = (
        (each.kind, f"{each.name}: {each.raw!r}", f"/secret?n={number:03d}" in lines)
        for number, each in enumerate(every)
    )
    return counted("smuggling" if isinstance(seen, Recorder) else "smuggling to nginx", found)


def _lines(seen: Callable[[], Iterable[str]] | Recorder) -> str:
    """First lines of the requests that came."""
    if isinstance(seen, Recorder):
        return "\n".join(head.split(b"\r\n")[0].decode("latin-1") for head in seen.heads)
    return "\n".join(seen())
