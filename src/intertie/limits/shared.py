"""Counters that several gateways share: one script on Valkey or Redis, and leases on top of it."""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Literal

from anyio import TASK_STATUS_IGNORED, fail_after, sleep
from anyio.abc import TaskStatus

from intertie.bus.redis_wire import Reply, Wire, forget
from intertie.errors import BusError, BusUnavailableError
from intertie.limits.counters import Account
from intertie.limits.decide import Decision, Meter, Standing, verdict
from intertie.limits.lease import Lease
from intertie.limits.memory import MemoryCounters, monotonic_us
from intertie.limits.script import CHARGE, GIVE_BACK, SCRIPT, SHA, TAKE, words
from intertie.suite.bus import QueueConfig

TIMEOUT_S = 0.05
MAX_BOOKS = 100_000
_PATIENCE_S = 2.0
_AGAIN_S = 0.1
_GRACE_S = 0.002
_SWEEP_S = 0.05
_AWAY = Decision(False, retry_after_s=1.0, away=True)

log = logging.getLogger(__name__)


@dataclass(slots=True, eq=False)
class Book:
    """All that one gateway knows of one account."""

    lease: Lease
    local: Account
    """What this gateway may grant by itself while the counters are away."""
    keys: tuple[str, ...]
    told: tuple[str | int, ...]
    waiting: list[asyncio.Future[Decision]] = field(default_factory=list[asyncio.Future[Decision]])
    asking: bool = False
    unpaid: int = 0
    """Granted while the counters were away, to be counted when they are back."""


@dataclass(slots=True, eq=False)
class Round:
    """One question that is under way, and who waits for the answer."""

    book: Book
    waiting: list[asyncio.Future[Decision]]
    asked_us: int
    timer: asyncio.TimerHandle | None = None
    is_late: bool = False


class SharedCounters:
    """Runs as long as `run` does; before and after it, the counters are away."""

    def __init__(
        self,
        config: QueueConfig,
        *,
        outage: Literal["open", "closed"] = "open",
        gateways: int = 1,
        timeout_s: float = TIMEOUT_S,
        prefix: str = "intertie:limits",
        now_us: Callable[[], int] = monotonic_us,
    ) -> None:
        self._config = config
        self._outage = outage
        self._gateways = gateways
        self._timeout_s = timeout_s
        self._prefix = prefix
        self._now_us = now_us
        self._local = MemoryCounters(now_us=now_us)
        self._books: OrderedDict[str, Book] = OrderedDict()
        self._lent: set[Book] = set()
        self._unpaid: set[Book] = set()
        self._wire: Wire | None = None
        self._is_away = True
        self._heard_us = 0
        self.rounds = 0
        """Questions asked of the engine so far."""

    @property
    def is_away(self) -> bool:
        """Whether the declared behaviour of an outage holds now."""
        return self._is_away

    def quick(self, account: Account) -> Decision | None:
        """See Counters."""
        book = self._book(account)
        decision = book.lease.spend(self._now_us())
        if decision is None and self._is_away:
            return self._without(book)
        return decision

    async def take(self, account: Account) -> Decision:
        """See Counters."""
        if (decision := self.quick(account)) is not None:
            return decision
        book = self._book(account)
        future: asyncio.Future[Decision] = asyncio.get_running_loop().create_future()
        book.waiting.append(future)
        if not book.asking:
            self._ask(book)
        return await future

    async def usage(self, account: Account) -> tuple[Standing, ...]:
        """See Counters."""
        book = self._book(account)
        try:
            with fail_after(self._timeout_s * 10):
                return _standings(account, await self._send(book, TAKE, 0))
        except TimeoutError as exc:
            raise BusUnavailableError("cannot read the counters: no answer in time") from exc

    async def run(self, *, task_status: TaskStatus[None] = TASK_STATUS_IGNORED) -> None:
        """Keep a connection, give back what is not used; told once the first try is over."""
        told = False
        try:
            while True:
                await self._open()
                if not told:
                    task_status.started()
                    told = True
                await self._keep()
        finally:
            self._leave("this gateway stops")
            if self._wire is not None:
                self._wire.abort()

    async def _open(self) -> None:
        if self._wire is not None:
            self._wire.abort()
        try:
            with fail_after(_PATIENCE_S):
                wire = await Wire.open(self._config, patience_s=_PATIENCE_S)
                self._wire = wire
                await wire.call("SCRIPT", "LOAD", SCRIPT)
        except (BusError, TimeoutError) as exc:
            self._leave(str(exc))
        else:
            self._return()

    async def _keep(self) -> None:
        """Until the connection is lost."""
        while (wire := self._wire) is not None and wire.lost is None:
            await sleep(_SWEEP_S)
            self._give_back()
            if self._is_away and await self._answers(wire):
                self._return()
        self._leave(wire.lost or "" if wire else "it cannot be reached")
        await sleep(_AGAIN_S)

    async def _answers(self, wire: Wire) -> bool:
        try:
            with fail_after(self._timeout_s):
                # A server that restarted behind the same address has no scripts.
                await wire.call("SCRIPT", "LOAD", SCRIPT)
        except (BusError, TimeoutError):
            return False
        return True

    def _leave(self, why: str) -> None:
        if not self._is_away:
            log.warning(
                "limit counters are away", extra={"reason": why, "until_back": self._outage}
            )
        self._is_away = True

    def _return(self) -> None:
        if self._is_away:
            log.info("limit counters are back")
        self._is_away = False
        for book in self._unpaid:
            forget(self._send(book, CHARGE, book.unpaid))
            book.unpaid = 0
        self._unpaid.clear()

    def _without(self, book: Book) -> Decision:
        """What holds while the counters are away."""
        if self._outage == "closed":
            return _AWAY
        decision = self._local.quick(book.local)
        if decision.allowed:
            book.unpaid += 1
            self._unpaid.add(book)
        return decision

    def _ask(self, book: Book) -> None:
        loop = asyncio.get_running_loop()
        waiting, book.waiting = book.waiting, []
        book.asking = True
        # What is left is of an older slot than what comes.
        self._give_back_of(book)
        asked_us = self._now_us()
        wanted = book.lease.wanted(len(waiting))
        question = self._send(book, TAKE, wanted, wanted - len(waiting))
        asked = Round(book, waiting, asked_us)
        asked.timer = loop.call_later(self._timeout_s, self._is_due, asked)
        question.add_done_callback(partial(self._answered, asked))

    def _is_due(self, asked: Round) -> None:
        # A loop that was busy runs its timers before it reads: what has come is not late.
        loop = asyncio.get_running_loop()
        asked.timer = loop.call_later(_GRACE_S, self._give_up, asked)

    def _answered(self, asked: Round, question: asyncio.Future[Reply]) -> None:
        error = None if question.cancelled() else question.exception()
        if error is not None:
            self._give_up(asked, str(error))
            return
        if asked.timer is not None:
            asked.timer.cancel()
        self._heard_us = self._now_us()
        self._learn(asked, question.result())
        if not asked.is_late:
            self._next(asked.book)

    def _learn(self, asked: Round, reply: Reply) -> None:
        book, lease = asked.book, asked.book.lease
        granted, since_us = int(reply[0]), int(reply[1])
        standings = _standings(lease.account, reply)
        lease.learn(standings, self._now_us())
        waiting = [future for future in asked.waiting if not future.done()]
        for number, future in enumerate(waiting):
            future.set_result(verdict(number < granted, standings))
        spare = granted - len(waiting)
        lease.used += min(granted, len(waiting))
        if spare > 0 and asked.is_late:
            forget(self._send(book, GIVE_BACK, spare, since_us))
        elif spare > 0:
            lease.take(spare, since_us=since_us, asked_us=asked.asked_us)
            self._lent.add(book)

    def _next(self, book: Book) -> None:
        book.asking = False
        if not book.waiting:
            return
        waiting, book.waiting = book.waiting, []
        for future in waiting:
            decision = None if future.done() else self.quick(book.lease.account)
            if decision is not None:
                future.set_result(decision)
            elif not future.done():
                book.waiting.append(future)
        if book.waiting:
            self._ask(book)

    def _give_up(self, asked: Round, why: str | None = None) -> None:
        """The answer is late, or will not come."""
        if asked.is_late:
            return
        asked.is_late = True
        # One that is slow while others are answered is no outage.
        if why is not None or asked.asked_us >= self._heard_us:
            self._leave(why or f"no answer within {self._timeout_s * 1000:g} ms")
        asked.book.asking = False
        waiting = asked.waiting + asked.book.waiting
        asked.book.waiting = []
        for future in waiting:
            if not future.done():
                future.set_result(self._without(asked.book))

    def _give_back(self) -> None:
        now_us = self._now_us()
        for book in [book for book in self._lent if book.lease.ends_us <= now_us]:
            self._give_back_of(book)

    def _give_back_of(self, book: Book) -> None:
        self._lent.discard(book)
        if spare := book.lease.return_spare():
            forget(self._send(book, GIVE_BACK, spare, book.lease.since_us))

    def _send(self, book: Book, op: str, many: int, fourth: int = 0) -> asyncio.Future[Reply]:
        if self._wire is None:
            future: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
            future.set_exception(BusUnavailableError("cannot reach the counters: not connected"))
            return future
        self.rounds += 1
        keys = book.keys
        return self._wire.send("EVALSHA", SHA, len(keys), *keys, op, many, 0, fourth, *book.told)

    def _book(self, account: Account) -> Book:
        book = self._books.get(account.id)
        if book is not None and book.lease.account.meters == account.meters:
            self._books.move_to_end(account.id)
            return book
        book = self._books[account.id] = self._new_book(account)
        if len(self._books) > MAX_BOOKS:
            self._forget_idle()
        return book

    def _new_book(self, account: Account) -> Book:
        return Book(
            Lease(account),
            Account(account.id, account.tag, tuple(map(self._share, account.meters))),
            tuple(f"{self._prefix}:{{{account.tag}}}:{meter.key}" for meter in account.meters),
            tuple(word for meter in account.meters for word in words(meter.policy)),
        )

    def _share(self, meter: Meter) -> Meter:
        count = max(1, meter.policy.count // self._gateways)
        return Meter(meter.key, replace(meter.policy, count=count, lag_us=0))

    def _forget_idle(self) -> None:
        """The oldest tenth, those in use excepted."""
        for name in list(self._books)[: MAX_BOOKS // 10]:
            book = self._books[name]
            if not (book.asking or book.lease.spare or book.unpaid):
                del self._books[name]


def _standings(account: Account, reply: Reply) -> tuple[Standing, ...]:
    pairs = zip(account.meters, reply[2::2], reply[3::2], strict=True)
    return tuple(Standing(meter.policy, int(free), int(reset)) for meter, free, reset in pairs)
