import pytest
from anyio.abc import SocketStream

from intertie.runtime.checks.answer import Answer, read_answer
from intertie.runtime.checks.net import PeerError, connect
from tests.runtime.checks.peer import answering, serving

pytestmark = pytest.mark.anyio
OK = b"HTTP/1.1 200 OK\r\n"


async def ask(*parts: bytes, method: str = "GET") -> Answer:
    """The answer that these parts make; the connection stays open until it was read."""
    async with answering(*parts, times=2) as peer:
        with await connect(peer.port) as connection:
            await connection.send(b"?")
            return await read_answer(connection, method)


@pytest.mark.parametrize(
    ("parts", "body"),
    [
        ((OK + b"Content-Length: 2\r\n\r\nok",), b"ok"),
        ((b"HT", b"TP/1.1 20", b"0 OK\r\ncontent-length:2\r\n", b"\r\n", b"o", b"k"), b"ok"),
        ((OK + b"content-length: 2, 2\r\n\r\nok",), b"ok"),
        ((OK + b"transfer-encoding: chunked\r\n\r\n2;x=1\r\nok\r\n0\r\nX: y\r\n\r\n",), b"ok"),
        (
            (OK + b"Transfer-Encoding: Chunked\r\n\r\n1", b"\r\no\r", b"\n1\r\nk\r\n0\r\n\r\n"),
            b"ok",
        ),
        ((b"HTTP/1.1 200 OK\ncontent-length: 2\n\nok",), b"ok"),
        ((b"HTTP/1.1 103 Early\r\nlink: x\r\n\r\n", OK + b"content-length: 2\r\n\r\nok"), b"ok"),
        ((OK + b"content-length: 0\r\n\r\n",), b""),
    ],
)
async def test_an_answer_that_says_its_end_lets_the_connection_be_kept(
    parts: tuple[bytes, ...], body: bytes
) -> None:
    """However it is cut into pieces; 1xx is skipped."""
    assert await ask(*parts) == Answer(200, body, keeps=True)


@pytest.mark.parametrize(
    ("method", "head"),
    [
        ("HEAD", OK + b"content-length: 500\r\n\r\n"),
        ("GET", b"HTTP/1.1 204 No Content\r\n\r\n"),
        ("GET", b"HTTP/1.1 304 Not Modified\r\ncontent-length: 500\r\n\r\n"),
    ],
)
async def test_some_answers_have_no_body(method: str, head: bytes) -> None:
    """Whatever their head says of one."""
    answer = await ask(head, method=method)

    assert (answer.body, answer.keeps) == (b"", True)


@pytest.mark.parametrize(
    ("head", "keeps"),
    [
        (OK + b"Connection: close\r\n", False),
        (OK + b"Connection: Keep-Alive\r\n", True),
        (b"HTTP/1.0 200 OK\r\n", False),
        (b"HTTP/1.0 200 OK\r\nconnection: keep-alive\r\n", True),
    ],
)
async def test_the_server_says_whether_the_connection_is_kept(head: bytes, keeps: bool) -> None:
    """As HTTP/1.1 and 1.0 have it."""
    answer = await ask(head + b"content-length: 0\r\n\r\n")

    assert answer.keeps == keeps


async def test_an_answer_may_end_with_its_connection() -> None:
    """That connection is not kept."""
    async with answering(b"HTTP/1.0 200\r\n\r\n", b"all", b" of it") as peer:
        with await connect(peer.port) as connection:
            await connection.send(b"?")
            answer = await read_answer(connection, "GET")

    assert answer == Answer(200, b"all of it", keeps=False)


@pytest.mark.parametrize(
    "framing",
    [b"content-length: 100000000\r\n\r\n", b"transfer-encoding: chunked\r\n\r\nfffff\r\n", b"\r\n"],
)
async def test_64_kib_of_a_body_are_read(framing: bytes) -> None:
    """What follows is left, and the connection with it."""

    async def talk(stream: SocketStream) -> None:
        await stream.receive()
        await stream.send(OK + framing)
        while True:
            await stream.send(b"x" * 65_536)

    async with serving(talk) as peer:
        with await connect(peer.port) as connection:
            await connection.send(b"?")
            answer = await read_answer(connection, "GET")

    assert answer == Answer(200, b"x" * 65_536, keeps=False)


@pytest.mark.parametrize(
    ("parts", "reason"),
    [
        ((b"SSH-2.0-OpenSSH\r\n",), "the answer is not HTTP/1.1"),
        ((b"\x15\x03\x01\x00\x02\x02\x50",), "the answer is not HTTP/1.1"),
        ((b"HTTP/2 200 OK\r\n\r\n",), "the answer is not HTTP/1.1"),
        ((b"HTTP/1.1 2x0 OK\r\n\r\n",), "the answer is not HTTP/1.1"),
        ((OK + b"x: " + b"y" * 70_000,), "the answer's head is longer than 64 KiB"),
        ((OK + b"content-length: ten\r\n\r\n",), "the answer's Content-Length is not a number"),
        ((OK + b"content-length: 1\r\ncontent-length: 2\r\n\r\n",), "is not a number"),
        ((OK + b"transfer-encoding: chunked\r\n\r\nzz\r\n",), "the answer's chunks are broken"),
        ((OK + b"transfer-encoding: chunked\r\n\r\n1\r\nxyz\r\n",), "chunks are broken"),
        ((OK + b"transfer-encoding: chunked\r\n\r\n0\r\n" + b"a: b\r\n" * 101,), "100 trailers"),
    ],
)
async def test_garbage_is_told_at_once(parts: tuple[bytes, ...], reason: str) -> None:
    """Without waiting for the end of it."""
    async with answering(*parts, times=2) as peer:
        with await connect(peer.port) as connection:
            await connection.send(b"?")
            with pytest.raises(PeerError, match=reason):
                await read_answer(connection, "GET")


@pytest.mark.parametrize(
    "half",
    [
        b"HT",
        OK,
        OK + b"content-length: 10\r\n\r\nhalf",
        OK + b"transfer-encoding: chunked\r\n\r\na\r\nhalf",
        OK + b"transfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n",
    ],
)
async def test_half_an_answer_is_told(half: bytes) -> None:
    """A server that breaks off is not well."""
    async with answering(half) as peer:
        with await connect(peer.port) as connection:
            await connection.send(b"?")
            with pytest.raises(PeerError, match="the answer broke off"):
                await read_answer(connection, "GET")
