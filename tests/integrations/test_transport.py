"""The transport, against servers on the loopback that are good, slow, broken or hostile."""

import gzip
import logging
import socket
import ssl
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
import trustme
from aiohttp import web
from anyio import (
    BrokenResourceError,
    EndOfStream,
    Event,
    create_task_group,
    create_tcp_listener,
    fail_after,
)
from anyio.abc import SocketAttribute, SocketStream

from intertie.integrations.errors import (
    EgressError,
    IntegrationError,
    VendorDownError,
    VendorTimeoutError,
)
from intertie.integrations.message import Request, Response
from intertie.integrations.transport import AiohttpTransport, check_outside
from tests.integrations.stage import nobody

pytestmark = pytest.mark.anyio
SECRET = "s3cr3t-in-query"
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Talk = Callable[[SocketStream], Awaitable[None]]


@asynccontextmanager
async def served(handler: Handler, tls: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    """A good server; its address."""
    app = web.Application(client_max_size=64 << 20)
    app.router.add_route("*", "/{path:.*}", handler)
    runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls)
        await site.start()
        port = runner.addresses[0][1]
        yield f"{'https' if tls else 'http'}://127.0.0.1:{port}"
    finally:
        await runner.cleanup()


@asynccontextmanager
async def talked(talk: Talk) -> AsyncIterator[str]:
    """A server that reads a request and then does whatever it likes."""
    listener = await create_tcp_listener(local_host="127.0.0.1")

    async def one(stream: SocketStream) -> None:
        async with stream:
            try:
                await stream.receive()
                await talk(stream)
            except (EndOfStream, BrokenResourceError):
                return

    async with listener, create_task_group() as group:
        group.start_soon(listener.serve, one)
        port = listener.extra(SocketAttribute.local_port)  # noqa: S610 - of a socket
        yield f"http://127.0.0.1:{port}"
        group.cancel_scope.cancel()


@asynccontextmanager
async def transport(**told: int) -> AsyncIterator[AiohttpTransport]:
    """Closed afterwards."""
    made = AiohttpTransport(**told)  # type: ignore[arg-type]
    try:
        yield made
    finally:
        await made.aclose()


async def sent(url: str, *, timeout_s: float = 60.0, **told: int) -> Response:
    """The answer to one GET whose query is secret."""
    async with transport(**told) as over:
        return await over.send(Request("GET", f"{url}/a?key={SECRET}", timeout_s=timeout_s))


async def fault(url: str, *, timeout_s: float = 60.0, **told: int) -> IntegrationError:
    """What comes of it instead."""
    with pytest.raises(IntegrationError) as caught, fail_after(90):
        await sent(url, timeout_s=timeout_s, **told)
    assert SECRET not in f"{caught.value!r} {caught.value.__cause__!r}"
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
    return caught.value


def raw(head: str, body: bytes = b"") -> Talk:
    """Writes this and closes."""

    async def talk(stream: SocketStream) -> None:
        await stream.send(head.replace("\n", "\r\n").encode() + body)

    return talk


async def test_a_request_arrives_as_it_was_made() -> None:
    """Method, path to the letter, headers, every byte; the answer comes back the same way."""
    seen: list[tuple[str, str, str | None, bytes]] = []

    async def handle(request: web.Request) -> web.StreamResponse:
        seen.append(
            (request.method, request.raw_path, request.headers.get("x-a"), await request.read())
        )
        return web.Response(status=418, body=b"\x00\xff", headers={"X-Answer": "1"})

    async with served(handle) as url, transport() as over:
        path = "/v1/%2E%2E/a%2Fb/%252e?q=a%20b+c&é=1".replace("é", "%C3%A9")
        body = bytes(range(256))
        answer = await over.send(Request("POST", f"{url}{path}", {"x-a": "ü"}, body))

    assert seen == [("POST", path, "ü", body)]
    assert (answer.status, answer.headers["x-answer"], answer.body) == (418, "1", b"\x00\xff")


async def test_a_large_body_arrives() -> None:
    """Without a warning, and without holding up others."""
    sizes: list[int] = []

    async def handle(request: web.Request) -> web.StreamResponse:
        sizes.append(len(await request.read()))
        return web.Response(text=request.headers.get("content-type", ""))

    async with served(handle) as url, transport() as over:
        kind = {"content-type": "application/json"}
        answer = await over.send(Request("POST", url, kind, b"x" * (3 << 20)))

    assert sizes == [3 << 20]
    assert answer.body == b"application/json"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_no_redirect_is_followed(status: int) -> None:
    """It is the answer; nobody hears of our credentials by it."""
    asked: list[str] = []

    async def handle(request: web.Request) -> web.StreamResponse:
        asked.append(request.path)
        return web.Response(status=status, headers={"Location": "/elsewhere"})

    async with served(handle) as url:
        answer = await sent(url)

    assert answer.status == status
    assert asked == ["/a"]


async def test_cookies_are_forgotten() -> None:
    """Connections of many tenants go over one pool."""
    seen: list[str | None] = []

    async def handle(request: web.Request) -> web.StreamResponse:
        seen.append(request.headers.get("cookie"))
        return web.Response(headers={"Set-Cookie": "session=of-tenant-a; Path=/"})

    async with served(handle) as url, transport() as over:
        for _ in range(2):
            await over.send(Request("GET", url))

    assert seen == [None, None]


async def test_no_proxy_is_taken_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where calls go is the suite's to say."""

    async def handle(request: web.Request) -> web.StreamResponse:
        return web.Response()

    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    async with served(handle) as url:
        assert (await sent(url)).status == 200


@pytest.mark.parametrize("over", [0, 1])
async def test_an_answer_may_be_so_long_and_not_a_byte_longer(over: int) -> None:
    """What is longer is not kept."""

    async def handle(request: web.Request) -> web.StreamResponse:
        return web.Response(body=b"x" * ((1 << 20) + over))

    async with served(handle) as url:
        if over:
            exc = await fault(url, max_answer=1 << 20)
            assert str(exc) == "cannot read the answer of 127.0.0.1: it is over 1 MiB"
        else:
            assert len((await sent(url, max_answer=1 << 20)).body) == 1 << 20


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
async def test_what_counts_is_the_size_after_unpacking(coding: str) -> None:
    """A few kilobytes that become many are refused as if they had come so."""
    zeros = b"\0" * (40 << 20)
    body = gzip.compress(zeros) if coding == "gzip" else zlib.compress(zeros)

    async def handle(request: web.Request) -> web.StreamResponse:
        return web.Response(body=body, headers={"Content-Encoding": coding})

    assert len(body) < 100_000
    async with served(handle) as url:
        assert "it is over 1 MiB" in str(await fault(url, max_answer=1 << 20))


async def test_a_packed_answer_is_unpacked() -> None:
    """Vendors pack what is asked for so."""

    async def handle(request: web.Request) -> web.StreamResponse:
        assert "gzip" in request.headers["accept-encoding"]
        packed = gzip.compress(b'{"a": 1}')
        return web.Response(body=packed, headers={"Content-Encoding": "gzip"})

    async with served(handle) as url:
        assert (await sent(url)).body == b'{"a": 1}'


async def test_an_endless_answer_ends_at_the_limit() -> None:
    """However it comes."""

    async def talk(stream: SocketStream) -> None:
        await stream.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            await stream.send(b"10000\r\n" + b"x" * 0x10000 + b"\r\n")

    async with talked(talk) as url:
        assert "it is over 1 MiB" in str(await fault(url, max_answer=1 << 20))


async def test_a_body_that_drips_is_too_late_in_all() -> None:
    """Each byte in time is not enough: the timeout is of the whole answer."""

    async def talk(stream: SocketStream) -> None:
        await stream.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
        never = Event()
        while True:
            await stream.send(b"x")
            with pytest.raises(TimeoutError), fail_after(0.02):
                await never.wait()

    async with talked(talk) as url:
        exc = await fault(url, timeout_s=0.2)

    assert type(exc) is VendorTimeoutError
    assert str(exc) == "cannot reach 127.0.0.1: no answer within 0.2 s"


async def test_a_server_that_says_nothing_is_too_late() -> None:
    """By the request's own time."""

    async def talk(stream: SocketStream) -> None:
        await Event().wait()

    async with talked(talk) as url:
        assert type(await fault(url, timeout_s=0.1)) is VendorTimeoutError


BROKEN: dict[str, Talk] = {
    "nothing": raw(""),
    "no http": raw("SSH-2.0-OpenSSH\n"),
    "half a head": raw("HTTP/1.1 200 O"),
    "short": raw("HTTP/1.1 200 OK\nContent-Length: 10\n\n", b"abc"),
    "half a chunk": raw("HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n", b"a\r\nabc"),
    "bad chunk": raw("HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n", b"zz\r\nabc\r\n"),
    "two lengths": raw("HTTP/1.1 200 OK\nContent-Length: 1\nContent-Length: 2\n\n", b"ab"),
    "bad length": raw("HTTP/1.1 200 OK\nContent-Length: -1\n\n"),
    "bad status": raw("HTTP/1.1 9999999 OK\n\n"),
    "no gzip": raw("HTTP/1.1 200 OK\nContent-Encoding: gzip\nContent-Length: 3\n\n", b"abc"),
    "long line": raw("HTTP/1.1 200 OK\nX: " + "y" * 20_000 + "\n\n"),
}


@pytest.mark.parametrize("kind", BROKEN)
async def test_a_broken_answer_is_the_vendors_fault(kind: str) -> None:
    """Whatever is broken: never another error than ours."""
    async with talked(BROKEN[kind]) as url:
        exc = await fault(url)

    assert type(exc) is VendorDownError
    assert "cannot reach 127.0.0.1: " in str(exc)


async def test_nobody_there_is_said_in_plain_words() -> None:
    """And without the address."""
    with nobody() as url:
        assert "cannot reach 127.0.0.1: " in str(await fault(url))


async def test_an_unknown_name_is_said_in_plain_words() -> None:
    """RFC 6761 promises that there is none."""
    exc = await fault("http://nobody.invalid")

    assert str(exc) == "cannot reach nobody.invalid: its name is unknown"


async def test_a_stranger_with_a_certificate_of_its_own_gets_nothing() -> None:
    """Certificates are verified, and nothing turns that off."""
    asked: list[str] = []
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(tls)

    async def handle(request: web.Request) -> web.StreamResponse:
        asked.append(request.path)
        return web.Response()

    async with served(handle, tls) as url:
        exc = await fault(url)

    assert str(exc) == "cannot reach 127.0.0.1: its certificate is not good"
    assert asked == []


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:99999/", "http:///x", "gopher://x", "", "http://a b/"]
)
async def test_what_is_no_address_is_no_crash(url: str) -> None:
    """It would be refused before; here it is just not reached."""
    async with transport() as over:
        with pytest.raises(IntegrationError):
            await over.send(Request("GET", url))


async def test_a_header_that_would_begin_another_is_not_sent() -> None:
    """The last line of defence: an error of ours, without the value."""
    async with transport() as over:
        with pytest.raises(IntegrationError) as caught:
            await over.send(Request("GET", "http://127.0.0.1:1", {"x": f"{SECRET}\r\ny: 1"}))

    assert SECRET not in str(caught.value)


async def test_a_call_that_is_given_up_leaves_nothing_behind() -> None:
    """Neither a connection nor a task; the next call is as good as new."""
    asked, gone = Event(), Event()

    async def handle(request: web.Request) -> web.StreamResponse:
        if request.path == "/quick":
            return web.Response(text="here")
        asked.set()
        try:
            await Event().wait()
        finally:
            gone.set()
        raise AssertionError

    async with served(handle) as url, transport() as over:
        async with create_task_group() as group:
            group.start_soon(over.send, Request("GET", f"{url}/slow"))
            await asked.wait()
            group.cancel_scope.cancel()
        with fail_after(60):
            await gone.wait()
        assert (await over.send(Request("GET", f"{url}/quick"))).body == b"here"


async def test_closing_is_safe_twice_and_before_use() -> None:
    """And what is used after it opens anew."""

    async def handle(request: web.Request) -> web.StreamResponse:
        return web.Response()

    async with served(handle) as url, transport() as over:
        await over.aclose()
        assert (await over.send(Request("GET", url))).status == 200
        await over.aclose()
        await over.aclose()
        assert (await over.send(Request("GET", url))).status == 200


async def test_of_headers_with_one_name_the_last_is_given() -> None:
    """In lower case; foreign bytes hurt nobody."""
    async with talked(raw("HTTP/1.1 200 OK\nX-A: 1\nx-a: 2\nX-B: ", b"\xff\xfe\r\n\r\n")) as url:
        answer = await sent(url)

    assert answer.headers["x-a"] == "2"
    assert "x-b" in answer.headers


INSIDE = [
    "10.0.0.1",
    "127.0.0.1",
    "169.254.169.254",
    "192.168.1.1",
    "172.16.0.1",
    "100.64.0.1",
    "0.0.0.0",  # noqa: S104
    "224.0.0.1",
    "255.255.255.255",
    "::1",
    "::",
    "fe80::1%eth0",
    "fd00::1",
    "ff02::1",
    "::ffff:127.0.0.1",
    "::127.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe",
    "2002:7f00:1::",
    "2001:0:7f00:1::",
]


@pytest.mark.parametrize("address", INSIDE)
def test_a_name_that_leads_inside_is_refused(address: str) -> None:
    """However the address is wrapped; a name may be changed by whoever owns it."""
    with pytest.raises(OSError, match="not a public address"):
        check_outside("api.vendor.example", address)
    check_outside(address, address)


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700::1111", "64:ff9b::808:808"])
def test_a_name_that_leads_outside_passes(address: str) -> None:
    """Also through a gateway between the two worlds."""
    check_outside("api.vendor.example", address)


async def test_a_name_is_looked_at_where_it_leads(monkeypatch: pytest.MonkeyPatch) -> None:
    """Names of this machine lead inside: refused by default, allowed where that is said."""

    async def handle(request: web.Request) -> web.StreamResponse:
        return web.Response()

    real = socket.getaddrinfo

    def led(host: str, *rest: object, **more: object) -> object:
        there = "127.0.0.1" if host == "api.vendor.example" else host
        return real(there, *rest, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(socket, "getaddrinfo", led)
    async with served(handle) as url:
        named = url.replace("127.0.0.1", "api.vendor.example")
        exc = await fault(named)
        assert (await sent(named, inside=True)).status == 200

    assert type(exc) is EgressError
    assert "leads to 127.0.0.1, which is not a public address" in str(exc)


async def test_nothing_of_a_call_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """Not by us, and not by what we use."""
    caplog.set_level(logging.DEBUG)

    async def handle(request: web.Request) -> web.StreamResponse:
        return web.Response(status=500)

    async with served(handle) as url:
        await sent(url)

    assert SECRET not in caplog.text
