"""One consumer on NATS: asks for as many messages as it has hands free, and renews their leases."""

import json
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from functools import partial
from typing import Protocol

from anyio import Event, create_task_group, current_time, move_on_after, sleep
from nats import errors
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription as Inbox

from intertie.bus.nats_link import Link
from intertie.bus.nats_names import message_of
from intertie.bus.port import Subscription, Take
from intertie.errors import BusUnavailableError

_ASK_S = 20.0
"""How long the server keeps a request for messages."""
_SILENT_S = _ASK_S + 10.0
"""A server that says nothing for so long, though asked, has forgotten the request."""
_LOOK_S = 1.0
_LEAVE_S = 2.0
_STATUS, _REST = "Status", "Nats-Pending-Messages"
_HEARTBEAT, _EXPIRED = "100", "408"


class Bury(Protocol):
    """Puts a message among the dead letters of the consumer's group."""

    async def __call__(self, held: "Held", reason: str) -> None:
        """Return once the server keeps it."""
        ...


class Held:
    """See Delivery."""

    def __init__(self, pull: "Pull", raw: Msg) -> None:
        self.raw = raw
        self.place = raw.metadata.sequence.stream
        """In the stream: nothing else there has this number."""
        self.tries = raw.metadata.num_delivered
        self.message = message_of(
            raw.subject, raw.headers or {}, raw.data, id=f"{raw.metadata.stream}:{self.place}"
        )
        self._pull = pull

    async def ack(self) -> None:
        """See Delivery."""
        if self._pull.grouped:
            await self._pull.end(self, "ack", self.raw.ack)

    async def retry(self, after_s: float) -> None:
        """See Delivery."""
        if self._pull.grouped:
            await self._pull.end(self, "retry", partial(self.raw.nak, after_s))

    async def bury(self, reason: str) -> None:
        """See Delivery."""
        if self._pull.bury is not None:
            await self._pull.bury(self, reason)
            await self.ack()


class Pull:
    """One subscriber's share of a consumer's messages."""

    def __init__(
        self,
        link: Link,
        stream: str,
        consumer: str,
        *,
        wants: Subscription,
        bury: Bury | None = None,
    ) -> None:
        self.grouped = wants.group is not None
        self.bury = bury
        self._link = link
        self._next = f"$JS.API.CONSUMER.MSG.NEXT.{stream}.{consumer}"
        self._inbox = link.client.new_inbox()
        self._most = wants.prefetch
        self._renew_s = wants.lease_s / 3
        self._hands: dict[Held, None] = {}
        self._waiting: deque[Held] = deque()
        self._asked = 0
        self._heard = current_time()
        self._over: str | None = None
        self._left = False
        self._changed = Event()

    async def run(self, take: Take) -> None:
        """Hand over messages until cancelled. Raises BusUnavailableError when that cannot go on."""
        with self._link.call("subscribe"):
            # No limit of bytes: there are never more messages than were asked for.
            inbox = await self._link.client.subscribe(
                self._inbox, cb=self._arrived, pending_bytes_limit=0
            )
        try:
            with self._link.watched(self._wake):
                async with create_task_group() as tasks:
                    if self.grouped:
                        tasks.start_soon(self._renew)
                    await self._hand_over(take)
        except BaseExceptionGroup as group:  # of one: renewing raises nothing
            raise group.exceptions[0] from None
        finally:
            await self._leave(inbox)

    async def end(self, held: Held, doing: str, send: Callable[[], Awaitable[None]]) -> None:
        """Tell the server what became of a message; a message that has ended is left alone."""
        if self._left:
            raise self._link.unavailable(f"cannot {doing}: its consumer has ended")
        if held not in self._hands:
            return
        with self._link.told(doing):
            await send()
        del self._hands[held]
        self._wake()

    async def _hand_over(self, take: Take) -> None:
        while True:
            if self._changed.is_set():
                self._changed = Event()
            self._check()
            await self._ask()
            if not self._waiting:
                with move_on_after(_LOOK_S):
                    await self._changed.wait()
                continue
            held = self._waiting.popleft()
            await take(held)
            if not self.grouped:
                del self._hands[held]

    def _check(self) -> None:
        self._link.check()
        if self._over is not None:
            raise self._link.unavailable(self._over)
        if self._asked and current_time() - self._heard > _SILENT_S:
            raise self._link.unavailable("it has forgotten this consumer")

    async def _ask(self) -> None:
        """Ask for many at once, and before all that were asked for have come."""
        free = self._most - len(self._hands) - self._asked
        idle = not self._asked and not self._waiting
        if free < 1 or self._asked > self._most // 4 or not (idle or free >= self._most // 2):
            return
        self._asked += free
        self._heard = current_time()
        wish = json.dumps({"batch": free, "expires": int(_ASK_S * 1e9)}).encode()
        with self._link.call("ask for messages"):
            await self._link.client.publish(self._next, wish, reply=self._inbox)

    async def _arrived(self, raw: Msg) -> None:
        self._heard = current_time()
        status = (raw.headers or {}).get(_STATUS)
        if status is not None and not raw.data:
            self._told(status, raw.headers or {})
        else:
            self._asked = max(0, self._asked - 1)
            held = Held(self, raw)
            self._hands[held] = None
            self._waiting.append(held)
        self._wake()

    def _told(self, status: str, headers: Mapping[str, str]) -> None:
        rest = headers.get(_REST)
        if rest is not None:
            self._asked = max(0, self._asked - int(rest))
        elif status == _EXPIRED:
            self._asked = 0
        elif status != _HEARTBEAT:
            self._over = headers.get("Description") or "it has no such consumer any more"

    def _wake(self) -> None:
        self._changed.set()

    async def _renew(self) -> None:
        while not self._link.is_lost:
            await sleep(self._renew_s)
            with suppress(BusUnavailableError), self._link.call("renew leases"):
                for held in tuple(self._hands):
                    if held in self._hands:
                        await held.raw.in_progress()

    async def _leave(self, inbox: Inbox) -> None:
        """Give back what is in hand, also what was still on its way."""
        self._left = True
        if self._link.is_lost:
            return
        with move_on_after(_LEAVE_S, shield=True) as scope:
            with suppress(errors.Error, OSError):
                await inbox.drain()  # type: ignore[no-untyped-call]
                for held in self._hands if self.grouped else ():
                    await held.raw.nak()
        if scope.cancelled_caught:
            # An answer to the ping that was given up would be an error to the client.
            self._link.lose(f"no answer within {_LEAVE_S:g} s")
