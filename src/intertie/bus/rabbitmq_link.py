"""A connection to RabbitMQ that is made when it is needed, and made anew after a loss."""

import asyncio
import logging
import os
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import cast

from aiormq.abc import AbstractChannel
from aiormq.channel import Channel
from aiormq.connection import Connection
from aiormq.exceptions import (
    AMQPConnectionError,
    AMQPError,
    ChannelAccessRefused,
    ChannelNotFoundEntity,
    ChannelPreconditionFailed,
    DeliveryError,
)
from anyio import (
    CancelScope,
    Lock,
    current_time,
    fail_after,
    move_on_after,
    sleep_until,
    to_thread,
)
from pamqp.commands import Basic
from pamqp.common import FieldTable
from yarl import URL

from intertie.bus.port import PRIORITIES
from intertie.bus.rabbitmq_names import Names
from intertie.errors import BusError, BusUnavailableError
from intertie.suite.bus import QueueConfig

_FAULTS = (AMQPError, OSError, RuntimeError)  # RuntimeError: used after it was closed
_CLOSE_S = 3.0

SETTLE_S = 1.0
"""From the making of a queue until a crash of the broker does not undo it."""

# It logs, with a traceback, each loss that it also raises.
if logging.getLogger("aiormq").level == logging.NOTSET:
    logging.getLogger("aiormq").setLevel(logging.CRITICAL)


class Link:
    """One connection, and on it a channel for confirmed publishing.

    Every call raises BusUnavailableError when the broker is gone or does not answer in time, and
    BusError when it refuses.
    """

    def __init__(
        self, config: QueueConfig, *, heartbeat_s: int = 15, settle_s: float = SETTLE_S
    ) -> None:
        host, port = config.address
        self.address = f"{'amqps' if config.tls else 'amqp'}://{host}:{port}"
        self.timeout_s = config.connect_timeout or 5.0
        self._config = config
        self._heartbeat_s = heartbeat_s
        self.settle_s = settle_s
        self._made_at = -settle_s
        self._opening = Lock()
        self._connection: Connection | None = None
        self._confirmed: Channel | None = None

    async def open(self) -> Connection:
        """The connection, which is up as far as anybody knows."""
        async with self._opening:
            return await self._connected()

    async def close(self) -> None:
        """Whatever the broker has not heard an ack of, it will deliver again."""
        connection, self._connection, self._confirmed = self._connection, None, None
        if connection is not None:
            with CancelScope(shield=True), move_on_after(_CLOSE_S):
                # Whoever waits for an answer is told so, instead of being cancelled.
                await connection.close(AMQPConnectionError("the connection was closed"))

    async def send(
        self,
        body: bytes,
        properties: Basic.Properties,
        *,
        exchange: str = "",
        key: str,
        mandatory: bool = False,
    ) -> None:
        """Return when the broker has confirmed it. `mandatory`: to some queue at least."""
        channel = self._confirmed
        if channel is None or channel.is_closed:
            channel = await self._open_confirmed()
        try:
            await channel.basic_publish(
                body,
                exchange=exchange,
                routing_key=key,
                properties=properties,
                mandatory=mandatory,
                timeout=self.timeout_s,
                wait=False,
            )
        except BaseException as exc:
            if not _is_fault(exc):
                raise
            if isinstance(exc, TimeoutError) and self._confirmed is channel:
                await self.close()
            raise self._told(exc) from exc

    @asynccontextmanager
    async def channel(self) -> AsyncIterator[AbstractChannel]:
        """One that nobody else uses: a refusal closes it. Use it within `bounded`."""
        connection = await self.open()
        with self.bounded():
            channel = await connection.channel(publisher_confirms=False)
        try:
            yield channel
        finally:
            with CancelScope(shield=True), move_on_after(_CLOSE_S), ignored():
                await channel.close()

    @contextmanager
    def bounded(self) -> Iterator[None]:
        """What is asked of the broker here ends in time, and fails in the bus's words."""
        try:
            with fail_after(self.timeout_s):
                yield
        except BaseException as exc:
            if not _is_fault(exc):
                raise
            raise self._told(exc) from exc

    async def count(self, queue: str) -> tuple[int, int] | None:
        """The messages that wait in it, and its consumers; None when there is no such queue."""
        try:
            async with self.channel() as channel:
                with self.bounded():
                    found = await channel.queue_declare(queue, passive=True)
        except BusError as exc:
            if isinstance(exc.__cause__, ChannelNotFoundEntity):
                return None
            raise
        return found.message_count or 0, found.consumer_count or 0

    async def declare(self, queue: str, arguments: FieldTable) -> int:
        """Make a durable queue; how many messages wait in it. One that exists stays as it is."""
        found = await self.count(queue)
        if found is not None:
            return found[0]
        async with self.channel() as channel:
            with self.bounded():
                await channel.queue_declare(queue, durable=True, arguments=arguments)
        self._made_at = current_time()
        return 0

    async def settled(self) -> None:
        """Return when the queues that were made here outlive a crash of the broker.

        RabbitMQ notes a new quorum queue on disk half a second after it has said that it is there.
        """
        await sleep_until(self._made_at + self.settle_s)

    async def remove(self, queue: str) -> None:
        """Delete a queue and what is in it; one that is not there is fine."""
        async with self.channel() as channel:
            with self.bounded():
                await channel.queue_delete(queue)

    async def _open_confirmed(self) -> Channel:
        async with self._opening:
            if self._confirmed is not None and not self._confirmed.is_closed:
                return self._confirmed
            connection = await self._connected()
            with self.bounded():
                channel = cast(Channel, await connection.channel(publisher_confirms=True))
                for priority in PRIORITIES:
                    name = Names(self._config.exchange).topics(priority)
                    await channel.exchange_declare(name, exchange_type="topic", durable=True)
            self._confirmed = channel
            return channel

    async def _connected(self) -> Connection:
        if self._connection is not None:
            if self._connection.is_opened:
                return self._connection
            await self.close()
        tls = await self._tls() if self._config.tls else None
        connection = Connection(self._url(), context=tls)
        connection.vhost = self._config.virtual_host
        try:
            with fail_after(self.timeout_s):
                await connection.connect()
        except BaseException as exc:
            if not _is_fault(exc):
                raise
            raise self._told(exc, "reach") from exc
        self._connection = connection
        return connection

    def _url(self) -> URL:
        host, port = self._config.address
        return URL.build(
            scheme="amqps" if self._config.tls else "amqp",
            user=self._config.username,
            password=self._config.password,
            host=host,
            port=port,
            query={"heartbeat": str(self._heartbeat_s), "name": "intertie"},
        )

    async def _tls(self) -> ssl.SSLContext:
        file = self._config.ca_file
        try:
            return await to_thread.run_sync(lambda: ssl.create_default_context(cafile=file))
        except OSError as exc:
            raise BusError(
                f"cannot reach the bus at {self.address}: its ca_file {file} cannot be used:"
                f" {exc.strerror or exc}"
            ) from exc

    def _told(self, exc: BaseException, doing: str = "use") -> BusError:
        """In the bus's words."""
        text = f"cannot {doing} the bus at {self.address}: "
        if isinstance(exc, TimeoutError):
            return BusUnavailableError(f"{text}no answer within {self.timeout_s:g} s")
        refused = isinstance(exc, ChannelAccessRefused | ChannelPreconditionFailed)
        return (BusError if refused else BusUnavailableError)(text + _why(exc))


def _is_fault(exc: BaseException) -> bool:
    """Whether the client tells so that the broker is gone, or refuses.

    To what waits for a connection that goes down it gives the cause, a cancellation that nobody
    asked for, or a bare Exception.
    """
    if isinstance(exc, asyncio.CancelledError):
        task = asyncio.current_task()
        return task is not None and not task.cancelling()
    return isinstance(exc, _FAULTS) or type(exc) is Exception


def _why(exc: BaseException) -> str:
    if isinstance(exc, DeliveryError):
        return "it did not take the message"
    if not isinstance(exc, AMQPError | OSError):
        return "the connection was lost"
    if exc.args and isinstance(exc.args[0], int) and isinstance(exc, OSError):
        code = exc.errno or exc.args[0]
        return os.strerror(code) if code < 200 else str(exc.args[-1])  # noqa: PLR2004 — AMQP's own
    return str(exc.args[-1]) if exc.args else type(exc).__name__


@contextmanager
def ignored() -> Iterator[None]:
    """For what is done to leave nothing behind: a broker that is gone has forgotten it all."""
    try:
        yield
    except BaseException as exc:
        if not _is_fault(exc):
            raise
