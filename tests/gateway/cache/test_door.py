"""What clients may send, and what they get for it."""

from pathlib import Path

import pytest
from anyio import BrokenResourceError, EndOfStream, connect_unix, fail_after
from anyio.abc import SocketStream

from tests.gateway.cache.stage import Asked, Stage, Told, stage
from tests.waiting import eventually

pytestmark = pytest.mark.anyio
PUBLIC = {"cache-control": "public, max-age=60"}
HEAD = b"host: h\r\nx-intertie-cache: r\r\n"


async def said(folder: Path, text: bytes, until: bytes = b"") -> bytes:
    """What comes back: up to that, or to the end of the connection."""
    got = b""
    stream: SocketStream = await connect_unix(str(folder / "c.sock"))
    async with stream:
        await stream.send(text)
        with fail_after(60):
            while not until or until not in got:
                try:
                    got += await stream.receive()
                except (EndOfStream, BrokenResourceError):
                    break
    return got


def path_of(asked: Asked) -> Told:
    """Told back."""
    return Told(headers=PUBLIC, body=asked.path.encode())


async def test_answers_come_in_the_order_of_the_requests(tmp_path: Path) -> None:
    """Also when they were sent at once, kept or not."""
    async with stage(tmp_path, path_of) as made:
        await made.get("/2")
        made.origin.answers = path_of
        asks = b"".join(b"GET /%d HTTP/1.1\r\n%b\r\n" % (number, HEAD) for number in range(1, 30))
        got = await said(tmp_path, asks, b"/29")

    places = [got.find(b"\r\n\r\n/%d" % number) for number in range(1, 30)]
    assert places == sorted(places)
    assert -1 not in places


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (b"nonsense\r\n\r\n", b"400"),
        (
            b"GET / HTTP/1.1\r\n"
            + HEAD
            + b"content-length: 1\r\ntransfer-encoding: chunked\r\n\r\n",
            b"400",
        ),
        (b"POST / HTTP/1.1\r\n" + HEAD + b"content-length: 1\r\ncontent-length: 2\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\n" + HEAD + b"a : b\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\nx: " + b"y" * 100_000, b"431"),
    ],
)
async def test_what_could_be_read_in_two_ways_is_refused(
    tmp_path: Path, text: bytes, code: bytes
) -> None:
    """And the connection is closed."""
    async with stage(tmp_path, path_of) as made:
        got = await said(tmp_path, text)

        assert got[:12] == b"HTTP/1.1 " + code
        assert made.origin.asked == []


async def test_old_clients_get_an_end_they_understand(tmp_path: Path) -> None:
    """HTTP/1.0: no chunks, and the connection is closed."""
    async with stage(tmp_path, lambda _: Told(headers={"cache-control": "no-store"}, chunked=True)):
        got = await said(tmp_path, b"GET / HTTP/1.0\r\n" + HEAD + b"\r\n")

    assert b"transfer-encoding" not in got
    assert got.endswith(b"connection: close\r\n\r\ncontent")


async def test_who_expects_it_is_told_to_go_on(tmp_path: Path) -> None:
    """100, before the origin is asked."""
    async with stage(tmp_path, lambda asked: Told(body=asked.body)):
        head = HEAD + b"content-length: 2\r\nexpect: 100-continue\r\n\r\n"
        got = await said(tmp_path, b"POST / HTTP/1.1\r\n" + head + b"ab", b"\r\n\r\nab")

    assert got.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200")


async def test_early_hints_reach_the_client(tmp_path: Path) -> None:
    """Before the answer."""
    hints = b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n"
    async with stage(tmp_path, lambda _: Told(before=hints)):
        got = await said(tmp_path, b"GET / HTTP/1.1\r\n" + HEAD + b"\r\n", b"content")

    assert got.startswith(b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\nHTTP/1.1 200")


async def test_a_target_with_a_host_is_the_same_as_one_without(tmp_path: Path) -> None:
    """One answer for both."""
    async with stage(tmp_path, path_of) as made:
        await said(tmp_path, b"GET /a HTTP/1.1\r\n" + HEAD + b"\r\n", b"/a")
        absolute = b"GET http://h/a HTTP/1.1\r\nhost: x\r\nx-intertie-cache: r\r\n\r\n"
        got = await said(tmp_path, absolute, b"/a")

    assert b"; hit" in got
    assert len(made.origin.asked) == 1


async def test_a_client_that_takes_nothing_is_let_go(tmp_path: Path) -> None:
    """It holds nobody up: after the timeout the connection is cut."""
    body = b"x" * 8_000_000

    async def stalled(made: Stage) -> None:
        stream = await connect_unix(str(tmp_path / "c.sock"))
        async with stream:
            await stream.send(b"GET /a HTTP/1.1\r\n" + HEAD + b"\r\n")
            await eventually(lambda: bool(made.origin.asked))
            await eventually(lambda: not made.engine.keeper.under_way)

    told = {"cache-control": "no-store"}
    async with stage(tmp_path, lambda _: Told(headers=told, body=body), timeout=2) as made:
        await stalled(made)
        other = await made.get("/b")

    assert other.content == body


async def test_of_an_answer_without_any_content_yet_nothing_is_sent(tmp_path: Path) -> None:
    """So that who asked may ask again: the origin that breaks off is told as one that failed."""
    cut = Told(headers={"content-length": "7"}, cut_after=0)
    async with stage(tmp_path, lambda _: cut):
        got = await said(tmp_path, b"GET / HTTP/1.1\r\n" + HEAD + b"\r\n", b"\r\n\r\n")

    assert got.startswith(b"HTTP/1.1 502")
