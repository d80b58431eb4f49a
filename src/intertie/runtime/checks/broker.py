"""The broker check: the first exchange of each protocol, which needs no login."""

import re
import struct
from collections.abc import Awaitable, Callable, Mapping

from intertie.runtime.checks.net import Connection, NoAnswer, PeerError, connect, no_connection
from intertie.suite.health import Broker

_LINE_END = re.compile(rb"\r?\n")
_SHOWN = 80
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]+")


async def broker(port: int, kind: Broker) -> str | None:
    """Whether the port speaks this protocol and answers its first exchange."""
    try:
        with await connect(port) as connection:
            await _EXCHANGES[kind](connection)
    except OSError as exc:
        return no_connection(port, exc)
    except NoAnswer:
        return f"{kind} on port {port}: closed the connection without an answer"
    except PeerError as exc:
        return f"{kind} on port {port}: {exc}"
    return None


async def _redis(connection: Connection) -> None:
    """https://redis.io/docs/latest/develop/reference/protocol-spec/."""
    await connection.send(b"*1\r\n$4\r\nPING\r\n")
    line = await connection.receive_through(_LINE_END, "the answer")
    # One that wants a password, or lets this user do little, is up all the same.
    if not line.startswith((b"+PONG", b"-NOAUTH", b"-NOPERM")):
        raise PeerError(f"answered PING with {_shown(line)}")


_START = (10, 10)
_AMQP_SIZES = range(4, 128 * 1024)


async def _rabbitmq(connection: Connection) -> None:
    """AMQP 0-9-1, section 4.2.2: protocol header, then Connection.Start as a method frame."""
    await connection.send(b"AMQP\0\0\x09\x01")
    begin = await connection.await_bytes(4)
    if begin == b"AMQP":  # the server's way to say which version it wants instead
        version = ".".join(map(str, (await connection.receive_exactly(8))[5:]))
        raise PeerError(f"does not speak AMQP 0-9-1 but {version}")
    if not begin.startswith(b"\x01\0\0"):
        raise PeerError("the answer is not AMQP")
    frame = await connection.receive_exactly(11)
    size, class_, method = struct.unpack_from("!IHH", frame, 3)
    if (class_, method) != _START or size not in _AMQP_SIZES:
        raise PeerError("the answer is not AMQP's Connection.Start")


_KAFKA_ASKED = 0x1E7E11  # any number: the answer repeats it
_KAFKA_SIZES = range(6, 1024 * 1024)
_KAFKA_FINE = {0, 35}  # 35: the broker would rather have another version of the question


async def _kafka(connection: Connection) -> None:
    """ApiVersions (key 18), version 0: https://kafka.apache.org/protocol."""
    client = b"intertie-check"
    body = struct.pack("!hhih", 18, 0, _KAFKA_ASKED, len(client)) + client
    await connection.send(struct.pack("!i", len(body)) + body)
    size, repeated = struct.unpack("!ii", await connection.receive_exactly(8))
    if repeated != _KAFKA_ASKED or size not in _KAFKA_SIZES:
        raise PeerError("the answer is not Kafka's")
    (error,) = struct.unpack("!h", await connection.receive_exactly(2))
    if error not in _KAFKA_FINE:
        raise PeerError(f"answered ApiVersions with error {error}")


async def _nats(connection: Connection) -> None:
    """The server speaks first: https://docs.nats.io/reference/reference-protocols/nats-protocol."""
    line = await connection.receive_through(_LINE_END, "the first line")
    if not line.upper().startswith(b"INFO {"):
        raise PeerError(f"began with {_shown(line)}, not INFO")


def _shown(line: bytes) -> str:
    text = _CONTROL.sub(" ", line[:_SHOWN].decode(errors="replace")).strip()
    return repr(text)


_EXCHANGES: Mapping[Broker, Callable[[Connection], Awaitable[None]]] = {
    "redis": _redis,
    "rabbitmq": _rabbitmq,
    "kafka": _kafka,
    "nats": _nats,
}
