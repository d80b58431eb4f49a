"""Headers of W3C Trace Context, and what they mean: the rules of its test suite as tables."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from anyio import connect_tcp, create_task_group, fail_after
from starlette.types import ASGIApp

from intertie.api.listen import bind
from intertie.api.server import ApiServer

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
SPAN = "00f067aa0ba902b7"
PARENT = f"00-{TRACE}-{SPAN}-01"

GOOD = {
    "sampled": PARENT,
    "not sampled": f"00-{TRACE}-{SPAN}-00",
    "flags of the future": f"00-{TRACE}-{SPAN}-ff",
    "blanks around": f" \t{PARENT} \t",
    "a version of the future": f"cc-{TRACE}-{SPAN}-01",
    "a version of the future, longer": f"cc-{TRACE}-{SPAN}-01-what-the-future-will-be-like",
    "ids of few digits": f"00-{'0' * 31}1-{'0' * 15}1-01",
}
"""The trace goes on."""
BAD = {
    "nothing": "",
    "one word": "hello",
    "too short": PARENT[:-1],
    "too long for its version": f"{PARENT}-more",
    "too long by a letter": f"{PARENT}.",
    "version ff": f"ff-{TRACE}-{SPAN}-01",
    "version in upper case": f"CC-{TRACE}-{SPAN}-01",
    "version of one digit": f"0-{TRACE}-{SPAN}-01",
    "version of three digits": f"000-{TRACE}-{SPAN}-01",
    "version not in digits": f".0-{TRACE}-{SPAN}-01",
    "trace id of zeros": f"00-{'0' * 32}-{SPAN}-01",
    "trace id in upper case": f"00-{TRACE.upper()}-{SPAN}-01",
    "trace id not in digits": f"00-.{TRACE[1:]}-{SPAN}-01",
    "trace id too short": f"00-{TRACE[1:]}-{SPAN}-01",
    "trace id too long": f"00-{TRACE}0-{SPAN}-01",
    "span id of zeros": f"00-{TRACE}-{'0' * 16}-01",
    "span id in upper case": f"00-{TRACE}-{SPAN.upper()}-01",
    "span id not in digits": f"00-{TRACE}-.{SPAN[1:]}-01",
    "span id too short": f"00-{TRACE}-{SPAN[1:]}-01",
    "span id too long": f"00-{TRACE}-{SPAN}0-01",
    "flags not in digits": f"00-{TRACE}-{SPAN}-.0",
    "flags of one digit": f"00-{TRACE}-{SPAN}-1",
    "flags of three digits": f"00-{TRACE}-{SPAN}-001",
    "other separators": PARENT.replace("-", "_"),
    "a later version that goes on at once": f"cc-{TRACE}-{SPAN}-01.what",
    "two of them in one header": f"{PARENT},{PARENT}",
}
"""A new trace begins."""
STATES: dict[str, tuple[list[str], str]] = {
    "one": (["foo=1"], "foo=1"),
    "two in one header": (["foo=1,bar=2"], "foo=1,bar=2"),
    "two headers": (["foo=1", "bar=2"], "foo=1,bar=2"),
    "blanks and empty members": (["foo=1 \t,\t bar=2, ,"], "foo=1,bar=2"),
    "all letters of a value": (
        ["a=!#$%&'()*+-./:;<>?@[]^_`{|}~ x"],
        "a=!#$%&'()*+-./:;<>?@[]^_`{|}~ x",
    ),
    "all letters of a key": (["a0_-*/=1"], "a0_-*/=1"),
    "a tenant": (["0t-x@system=1"], "0t-x@system=1"),
    "the longest key": ([f"{'z' * 256}=1"], f"{'z' * 256}=1"),
    "the longest tenant": ([f"{'t' * 241}@{'v' * 14}=1"], f"{'t' * 241}@{'v' * 14}=1"),
    "the longest value": ([f"a={'v' * 256}"], f"a={'v' * 256}"),
    "as many as may be": (
        [",".join(f"a{n}=1" for n in range(32))],
        ",".join(f"a{n}=1" for n in range(32)),
    ),
    "too many": ([",".join(f"a{n}=1" for n in range(33))], ""),
    "too many in two headers": (["b=1", ",".join(f"a{n}=1" for n in range(32))], ""),
    "a key too long": ([f"{'z' * 257}=1"], ""),
    "a tenant too long": ([f"{'t' * 242}@v=1"], ""),
    "a system too long": ([f"t@{'v' * 15}=1"], ""),
    "a value too long": ([f"a={'v' * 257}"], ""),
    "a key in upper case": (["FOO=1"], ""),
    "a blank in a key": (["foo =1"], ""),
    "a dot in a key": (["foo.bar=1"], ""),
    "no tenant": (["@foo=1"], ""),
    "no system": (["foo@=1"], ""),
    "two at signs": (["foo@@bar=1"], ""),
    "two systems": (["foo@bar@baz=1"], ""),
    "no key": (["=1"], ""),
    "no value": (["foo="], ""),
    "an equals sign in a value": (["foo=bar=baz"], ""),
    "no pair": (["foo"], ""),
    "one of several is none": (["foo=1,bar"], ""),
}
"""What is passed on of tracestate; of a faulty one nothing."""


@dataclass(frozen=True)
class Answer:
    """Of a server."""

    status: int
    headers: dict[str, str]
    body: str


async def ask(port: int, path: str, *headers: tuple[str, str]) -> Answer:
    """A GET with these very headers, which no client has put right."""
    lines = [f"{name}: {value}" for name, value in headers]
    text = "\r\n".join([f"GET {path} HTTP/1.1", "host: here", "connection: close", *lines, "", ""])
    with fail_after(10):
        async with await connect_tcp("127.0.0.1", port) as stream:
            await stream.send(text.encode("latin-1"))
            found = b"".join([part async for part in stream])
    head, _, body = found.decode().partition("\r\n\r\n")
    status, *told = head.split("\r\n")
    pairs = (line.partition(": ") for line in told)
    return Answer(int(status.split()[1]), {k.lower(): v for k, _, v in pairs}, body)


@asynccontextmanager
async def served(app: ASGIApp) -> AsyncIterator[int]:
    """The port where uvicorn serves it."""
    listener = bind("127.0.0.1", 0)
    port: int = listener.getsockname()[1]
    async with create_task_group() as group:
        await group.start(ApiServer(app, listener).run)
        yield port
        group.cancel_scope.cancel()
