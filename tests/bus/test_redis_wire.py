"""One connection that speaks RESP, to servers that behave badly."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace

import anyio
import pytest
from anyio import create_task_group, fail_after
from anyio.abc import SocketStream

from intertie.bus.redis_wire import ReplyError, Wire
from intertie.errors import BusError, BusUnavailableError
from intertie.suite.bus import QueueConfig, QueueType
from tests.bus.peers.shared import shared
from tests.bus.peers.valkey import valkey
from tests.runtime.checks.peer import serving

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[QueueConfig]:
    """One Valkey for this module."""
    yield from shared(valkey, tmp_path_factory.mktemp("valkey"))


@asynccontextmanager
async def wire(config: QueueConfig, patience_s: float = 5.0) -> AsyncIterator[Wire]:
    """Open while the block runs."""
    opened = await Wire.open(config, patience_s=patience_s)
    try:
        yield opened
    finally:
        await opened.aclose()


@asynccontextmanager
async def saying(*answers: bytes, connect_timeout: float = 30.0) -> AsyncIterator[QueueConfig]:
    """A server that answers with these, one for each thing it hears, and then nothing."""

    async def talk(stream: SocketStream) -> None:
        for answer in answers:
            await stream.receive()
            await stream.send(answer)
        async for _ in stream:
            pass

    async with serving(talk) as peer:
        yield QueueConfig(
            QueueType.REDIS, host="127.0.0.1", port=peer.port, connect_timeout=connect_timeout
        )


@pytest.mark.slow
async def test_answers_find_their_commands(server: QueueConfig) -> None:
    """Hundreds under way at once, errors among them."""
    async with wire(server) as one, create_task_group() as group:

        async def echo(n: int) -> None:
            assert await one.call("ECHO", n) == b"%d" % n
            with pytest.raises(ReplyError, match="unknown command"):
                await one.call("NOSUCH")

        for n in range(300):
            group.start_soon(echo, n)


@pytest.mark.slow
async def test_a_database_can_be_chosen(server: QueueConfig) -> None:
    """What is in one is not in another."""
    async with wire(replace(server, database=3)) as three, wire(server) as zero:
        await three.call("SET", "x", "y")

        assert await three.call("GET", "x") == b"y"
        assert await zero.call("GET", "x") is None


@pytest.mark.slow
async def test_a_wrong_password_is_a_mistake_to_mend(server: QueueConfig) -> None:
    """Told with the address, and without any password."""
    with pytest.raises(BusError, match=r"cannot log in at the bus at redis://127\.0\.0\.1") as told:
        await Wire.open(replace(server, password="wrong-one"), patience_s=1)

    assert not isinstance(told.value, BusUnavailableError)
    assert "wrong-one" not in str(told.value)


@pytest.mark.slow
async def test_a_silent_server_is_given_up() -> None:
    """When connecting, and later."""
    async with saying(connect_timeout=1.0) as config:
        with pytest.raises(BusUnavailableError, match="no answer within 1 s"):
            await Wire.open(config, patience_s=5)
    async with saying(b"+PONG\r\n") as config, wire(config, patience_s=0.1) as one:
        with fail_after(30), pytest.raises(BusUnavailableError, match=r"no answer within 0\.1 s"):
            await one.call("GET", "x")
        with pytest.raises(BusUnavailableError):
            await one.call("GET", "x")


async def test_what_is_not_resp_is_told() -> None:
    """Somebody else listens there."""
    async with saying(b"HTTP/1.1 400 Bad Request\r\n\r\n") as config:
        with pytest.raises(BusUnavailableError, match="the answer is not RESP"):
            await Wire.open(config, patience_s=1)


async def test_an_answer_to_nothing_is_told() -> None:
    """It cannot be known whose it is."""
    async with saying(b"+PONG\r\n+MORE\r\n") as config:
        one = await Wire.open(config, patience_s=1)
        with fail_after(30), pytest.raises(BusUnavailableError):
            await one.call("GET", "x")
        await one.aclose()


async def test_a_server_that_is_loading_is_waited_for() -> None:
    """Trying again may help; a refusal would be for good."""
    async with saying(b"+PONG\r\n", b"-LOADING soon\r\n") as config, wire(config) as one:
        with pytest.raises(BusUnavailableError, match="cannot use the bus now: LOADING soon"):
            await one.call("GET", "x")


@pytest.mark.slow
def test_it_works_on_uvloop_too(server: QueueConfig) -> None:
    """Which services may run on."""

    async def main() -> bytes:
        async with wire(server) as one:
            found: bytes = await one.call("ECHO", "x")
            return found

    assert anyio.run(main, backend_options={"use_uvloop": True}) == b"x"


@pytest.mark.parametrize(
    "told",
    [
        "OOM command not allowed when used memory > 'maxmemory'.",
        "ERR Error running script (call to f_6b1b): @user_script:1: @user_script: 1: -OOM command"
        " not allowed when used memory > 'maxmemory'.",
        "ERR Error running script (call to f_6b1b): @user_script:1: -READONLY You can't write",
        "ERR max number of clients reached",
        "UNBLOCKED force unblock from blocking operation, instance state changed",
    ],
)
async def test_what_may_work_later_is_not_refused(told: str) -> None:
    """Also when it was told to a script, which Redis 6.2 wraps in words of its own."""
    async with saying(b"+PONG\r\n", f"-{told}\r\n".encode()) as config, wire(config) as one:
        with pytest.raises(BusUnavailableError):
            await one.call("SET", "a", "b")


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["asyncio", "uvloop"])
def test_a_server_that_is_not_listened_to_is_not_silent(backend: str) -> None:
    """Whoever pauses waits for nothing."""

    async def paused() -> None:
        answers = (b"+PONG\r\n", b"$1\r\nx\r\n")
        async with saying(*answers) as config, wire(config, patience_s=0.5) as one:
            one.resume()
            one.pause()
            answer = one.send("GET", "a")
            await anyio.sleep(2.5)
            one.resume()
            assert await answer == b"x"

    anyio.run(paused, backend_options={"use_uvloop": backend == "uvloop"})
