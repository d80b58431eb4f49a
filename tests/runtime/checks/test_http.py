import gc
from typing import Any

import pytest
from anyio import Event, move_on_after
from anyio.abc import SocketStream

from intertie.runtime.checks.http import HttpCheck
from intertie.suite.health import HttpProbe
from tests.runtime.checks.peer import answering, closed_port, serving
from tests.waiting import eventually

pytestmark = pytest.mark.anyio
OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"


def check(port: int, interval_s: float = 1.0, **keys: Any) -> HttpCheck:
    """Of /health, unless it says otherwise."""
    probe = HttpProbe.model_validate({"path": "/health", **keys})
    return HttpCheck(port, probe, interval_s=interval_s)


@pytest.mark.parametrize(
    ("parts", "reason"),
    [
        ((OK,), None),
        ((b"HTTP/1.1 204 No Content\r\n\r\n",), None),
        ((b"HTTP/1.0 200\r\n\r\n",), None),
        ((b"HTTP/1.1 503 Service Unavailable\r\n\r\n",), "GET /health: answered 503"),
        ((b"HTTP/1.1 302 Found\r\n\r\n",), "GET /health: answered 302"),
        ((b"SSH-2.0-OpenSSH\r\n",), "GET /health: the answer is not HTTP/1.1"),
        ((OK[:-1],), "GET /health: the answer broke off"),
        ((), "GET /health: no answer"),
    ],
)
async def test_2xx_is_healthy(parts: tuple[bytes, ...], reason: str | None) -> None:
    """Anything else is told."""
    async with answering(*parts) as peer:
        assert await check(peer.port)() == reason


async def test_a_closed_port_is_told() -> None:
    """With the system's reason."""
    port = closed_port()

    assert await check(port)() == f"port {port}: Connection refused"


@pytest.mark.parametrize(
    ("keys", "reason"),
    [
        ({"status": 401}, None),
        ({"status": [200, 401]}, None),
        ({"status": [200, 204]}, "GET /health: answered 401, expected 200 or 204"),
        ({"status": 401, "body": "log ?in"}, None),
        ({"status": 401, "body": "^ok$"}, "GET /health: '^ok$' is not found in the body"),
        ({"status": 401, "body": "naïve"}, None),
    ],
)
async def test_status_and_body_are_as_declared(keys: dict[str, Any], reason: str) -> None:
    """Both must be right."""
    body = "please login, naïve \ud800".encode("utf-8", "surrogatepass")
    head = b"HTTP/1.1 401 Unauthorized\r\ncontent-length: %d\r\n\r\n" % len(body)
    async with answering(head + body) as peer:
        assert await check(peer.port, **keys)() == reason


async def test_the_body_is_looked_at_without_its_chunks() -> None:
    """What is split on the wire is one text."""
    parts = (
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n",
        b"2\r\nhe\r\n",
        b"3\r\nllo\r\n",
    )
    async with answering(*parts, b"0\r\n\r\n") as peer:
        assert await check(peer.port, body="^hello$")() is None


async def test_the_request_is_as_declared() -> None:
    """The declared headers take the place of ours."""
    headers = {"X-Key": "ä", "host": "example.org"}
    async with answering(OK) as peer:
        await check(peer.port, method="POST", path="/a?b=c", headers=headers)()

    assert peer.requests == [
        "POST /a?b=c HTTP/1.1\r\nhost: example.org\r\nUser-Agent: intertie-check\r\n"
        "Accept: */*\r\nContent-Length: 0\r\nX-Key: ä\r\n\r\n".encode()
    ]


@pytest.mark.parametrize(
    "headers",
    [{"X": "secret\r\nY: z"}, {"X": "secret\n"}, {"X": "secret\0"}, {"X\r\nY": "secret"}, {"": ""}],
)
async def test_a_header_cannot_smuggle_another(headers: dict[str, str]) -> None:
    """Also one that the suite file's models did not see; the error does not show the value."""
    probe = HttpProbe(path="/").model_copy(update={"headers": headers})
    with pytest.raises(ValueError, match="cannot send the header") as caught:
        HttpCheck(1, probe, interval_s=1)

    assert "secret" not in str(caught.value)


async def test_a_connection_is_kept_for_frequent_checks() -> None:
    """As long as the server allows it."""
    async with answering(OK, times=10) as peer:
        asked = check(peer.port)
        assert [await asked() for _ in range(10)] == [None] * 10

    assert peer.connections == 1


@pytest.mark.parametrize(
    "keys", [{"interval_s": 5.0}, {"headers": {"Connection": "close"}}, {"method": "POST"}]
)
async def test_other_connections_are_not_kept(keys: dict[str, Any]) -> None:
    """A server need not hold one for long, nor when told so, nor may a POST be asked twice."""
    async with answering(OK, times=10) as peer:
        asked = check(peer.port, **keys)
        assert [await asked(), await asked()] == [None, None]
        await eventually(lambda: peer.gone == 2)


async def test_a_connection_that_was_closed_while_idle_is_no_failure() -> None:
    """A new one is made."""
    async with answering(OK, times=1) as peer:
        asked = check(peer.port)
        for times in range(1, 4):
            assert await asked() is None
            await eventually(lambda times=times: peer.gone == times)  # type: ignore[misc]

    assert peer.connections == 3


async def test_a_connection_that_is_closed_as_we_ask_is_no_failure() -> None:
    """The server could not know that a request was on its way."""

    async def talk(stream: SocketStream) -> None:
        await stream.receive()
        await stream.send(OK)
        await stream.receive()

    async with serving(talk) as peer:
        asked = check(peer.port)
        assert [await asked() for _ in range(4)] == [None] * 4

    assert peer.connections == 4


async def test_a_server_that_never_answers_is_asked_once_more_only() -> None:
    """And then told."""
    first = [OK]

    async def talk(stream: SocketStream) -> None:
        await stream.receive()
        if first:
            await stream.send(first.pop())
            await stream.receive()

    async with serving(talk) as peer:
        asked = check(peer.port)
        assert await asked() is None
        assert await asked() == "GET /health: no answer"

    assert peer.connections == 2


async def test_half_an_answer_on_a_kept_connection_is_told() -> None:
    """Only silence is asked again."""

    async def talk(stream: SocketStream) -> None:
        await stream.receive()
        await stream.send(OK)
        await stream.receive()
        await stream.send(OK[:30])

    async with serving(talk) as peer:
        asked = check(peer.port)
        assert await asked() is None
        assert await asked() == "GET /health: the answer broke off"


async def test_words_that_nobody_asked_for_are_not_taken_for_an_answer() -> None:
    """Such as the 408 of a server that tires of waiting."""

    async def talk(stream: SocketStream) -> None:
        await stream.receive()
        await stream.send(OK)
        await stream.send(b"HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\n\r\n")
        await stream.receive()

    async with serving(talk) as peer:
        asked = check(peer.port)
        assert [await asked() for _ in range(3)] == [None] * 3


async def test_a_late_answer_is_not_the_next_check_s() -> None:
    """A check that was given up takes its connection along."""
    slow, late = Event(), b"HTTP/1.1 503 Late\r\ncontent-length: 0\r\n\r\n"
    calls = 0

    async def talk(stream: SocketStream) -> None:
        nonlocal calls
        calls += 1
        answer = late if calls == 1 else OK
        await stream.receive()
        if answer is late:
            await slow.wait()
        await stream.send(answer)

    async with serving(talk) as peer:
        asked = check(peer.port)
        with move_on_after(0.05) as patience:
            await asked()
        slow.set()
        assert patience.cancelled_caught
        assert await asked() is None


async def test_a_forgotten_check_lets_its_connection_go() -> None:
    """The server need not hold it."""
    async with answering(OK, times=10) as peer:
        asked = check(peer.port)
        assert await asked() is None
        assert peer.gone == 0
        del asked
        gc.collect()
        await eventually(lambda: peer.gone == 1)
