"""The one producer of a bus: opened with the first message, and anew after a failure."""

import asyncio

from aiokafka import AIOKafkaProducer  # type: ignore[import-untyped]
from aiokafka.errors import KafkaError  # type: ignore[import-untyped]
from anyio import Lock, fail_after, move_on_after
from anyio.abc import TaskGroup

from intertie.bus.kafka_link import GRACE_S, Link, shut
from intertie.bus.kafka_records import Headers
from intertie.errors import BusUnavailableError

_MOST_REQUEST = 3 << 20
_BATCH = 64 << 10


class Producer:
    """`tasks` closes those that failed."""

    def __init__(self, link: Link, tasks: TaskGroup) -> None:
        self._link = link
        self._tasks = tasks
        self._current: AIOKafkaProducer | None = None
        self._given_up: set[AIOKafkaProducer] = set()
        self._opening = Lock()
        self._idempotent = True

    async def send(
        self, topic: str, value: bytes | None, *, key: bytes | None, headers: Headers
    ) -> None:
        """Return once every copy that counts has it. A value of None deletes the key's records."""
        producer = self._current or await self._open()
        try:
            # Not anyio's: on this path, at each message, it costs as much as the library's send.
            async with asyncio.timeout(self._link.timeout_s):
                await producer.send_and_wait(topic, value, key=key, headers=headers)
        except (KafkaError, TimeoutError) as exc:
            error = self._link.trouble("publish", exc, self._link.timeout_s)
            if isinstance(error, BusUnavailableError):
                # What it still holds is not to be sent behind the back of who tries again.
                self._give_up(producer)
            raise error from exc

    async def close(self) -> None:
        """Send what is under way, and go."""
        producer, self._current = self._current, None
        if producer is not None:
            with move_on_after(GRACE_S):
                await producer.flush()
            self._given_up.add(producer)
        for each in list(self._given_up):  # whose task was cancelled before it began
            await self._drop(each)

    def _give_up(self, producer: AIOKafkaProducer) -> None:
        if self._current is producer:
            self._current = None
            self._given_up.add(producer)
            self._tasks.start_soon(self._drop, producer)

    async def _drop(self, producer: AIOKafkaProducer) -> None:
        if producer in self._given_up:
            self._given_up.remove(producer)
            await _close(producer)

    async def _open(self) -> AIOKafkaProducer:
        async with self._opening:  # one connects, within its time limit; the others need the same
            if self._current is None:
                self._current = await self._connect()
            return self._current

    async def _connect(self) -> AIOKafkaProducer:
        if self._idempotent:
            producer = await self._started(idempotent=True)
            if producer is not None:
                return producer
        producer = await self._started(idempotent=False)
        if producer is None:
            raise await self._link.unreachable()
        self._idempotent = False  # the broker answers, only not to that
        return producer

    async def _started(self, *, idempotent: bool) -> AIOKafkaProducer | None:
        producer = AIOKafkaProducer(
            acks="all",
            enable_idempotence=idempotent,
            max_request_size=_MOST_REQUEST,
            max_batch_size=_BATCH,
            **self._link.options(),
        )
        started = False
        try:
            with fail_after(self._link.timeout_s):
                await producer.start()
            started = True
        except (KafkaError, TimeoutError):
            return None
        finally:
            if not started:
                await _close(producer)
        return producer


async def _close(producer: AIOKafkaProducer) -> None:
    """Drop what it holds, and go: left to itself it would send that whenever it could."""

    async def stop() -> None:
        try:
            await producer._sender.close()  # pyright: ignore[reportPrivateUsage] # no other way
        finally:
            held = producer._message_accumulator  # pyright: ignore[reportPrivateUsage]
            held._batches.clear()  # pyright: ignore[reportPrivateUsage]
            held._pending_batches.clear()  # pyright: ignore[reportPrivateUsage]
            await producer.stop()

    def cut() -> None:
        for connection in list(producer.client._conns.values()):  # pyright: ignore[reportPrivateUsage]
            connection.close()

    cut()
    await shut(stop, cut)
