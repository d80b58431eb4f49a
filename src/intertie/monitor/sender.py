"""Sends a message by several channels at once, again where that helps, and by others where not."""

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from random import Random
from traceback import extract_tb

from anyio import create_task_group, fail_after
from anyio.abc import TaskGroup

from intertie.monitor.channels.port import Channel, ChannelError, Message
from intertie.trace_context import Tracer

log = logging.getLogger(__name__)

TRIES = 4
TRY_TIMEOUT_S = 15.0
_LONGEST_ASKED_S = 60.0

Sleep = Callable[[float], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a message in one channel."""

    channel: str
    ok: bool
    told: str
    """What the other side answered, or why it did not get it."""
    tries: int
    fallback: bool = False
    """It was told in place of another one."""


@dataclass(frozen=True, slots=True)
class Count:
    """What a channel has done since the sender was made."""

    sent: int = 0
    failed: int = 0
    """Messages given up, each once however often it was tried."""
    last_error: str = ""
    last_error_at: datetime | None = None
    last_sent_at: datetime | None = None


@dataclass(slots=True)
class _Round:
    """One message on its way."""

    message: Message
    group: TaskGroup
    asked: tuple[str, ...]
    outcomes: dict[str, Outcome]
    fell_back: bool = False


class Sender:
    """Tells people. It keeps no message: whoever calls it stores what must not be forgotten."""

    def __init__(
        self,
        channels: Mapping[str, Channel],
        *,
        fallback: Sequence[str],
        sleep: Sleep,
        now: Callable[[], datetime],
        rng: Random,
        try_timeout_s: float = TRY_TIMEOUT_S,
        tracer: Tracer | None = None,
    ) -> None:
        """`fallback`: channels that are told when another one gave up."""
        self._channels = dict(channels)
        self._fallback = tuple(dict.fromkeys(fallback))
        self._sleep = sleep
        self._now = now
        self._rng = rng
        self._try_timeout_s = try_timeout_s
        self.tracer = tracer or Tracer()
        """For all that tells people."""
        self._counts = dict.fromkeys(self._channels, Count())

    async def send(
        self, message: Message, channels: Sequence[str], *, falls_back: bool = True
    ) -> Sequence[Outcome]:
        """Tell it by all of `channels` at once; an outcome for each, then those told instead.

        `falls_back`: False where whoever calls sees to those himself.

        Never raises for a channel that fails. It returns when the slowest is done: a channel takes
        up to 71 s, or four minutes where its other side asks to wait, and one told instead of it
        comes after that.
        """
        asked = tuple(dict.fromkeys(channels))
        outcomes: dict[str, Outcome] = {}
        async with create_task_group() as group:
            todo = _Round(message, group, asked, outcomes, fell_back=not falls_back)
            for name in asked:
                group.start_soon(self._tell, todo, name)
        order = (*asked, *self._fallback)
        return [outcomes[name] for name in dict.fromkeys(order) if name in outcomes]

    def counts(self) -> Mapping[str, Count]:
        """What each channel has done, as it is now."""
        return dict(self._counts)

    async def _tell(self, todo: _Round, name: str) -> None:
        outcome = await self._traced(name, todo.message)
        todo.outcomes[name] = replace(outcome, fallback=name not in todo.asked)
        self._count(outcome)
        if not outcome.ok and not todo.fell_back:
            todo.fell_back = True
            for other in self._fallback:
                if other not in todo.asked:
                    todo.group.start_soon(self._tell, todo, other)

    async def _traced(self, name: str, message: Message) -> Outcome:
        fields = {"intertie.channel": name, "intertie.notice": message.key}
        context = self.tracer.child()
        with self.tracer.within(context, "send notice", "client", fields) as piece:
            outcome = await self._outcome(name, message)
            piece.failed = None if outcome.ok else outcome.told
            told = {"channel": name, "notice": message.key, "tries": outcome.tries}
            level = logging.INFO if outcome.ok else logging.WARNING
            log.log(level, "notice sent" if outcome.ok else "notice not sent", extra=told)
        return outcome

    async def _outcome(self, name: str, message: Message) -> Outcome:
        channel = self._channels.get(name)
        if channel is None:
            why = f"cannot tell by {name!r}: no such channel"
            return Outcome(name, ok=False, told=why, tries=0)
        tries, told = 1, await self._try(channel, message)
        while isinstance(told, ChannelError) and told.retry and tries < TRIES:
            await self._sleep(wait_s(tries, told.retry_after_s, rng=self._rng))
            tries, told = tries + 1, await self._try(channel, message)
        return Outcome(name, ok=isinstance(told, str), told=str(told), tries=tries)

    async def _try(self, channel: Channel, message: Message) -> str | ChannelError:
        try:
            with fail_after(self._try_timeout_s):
                return await channel.send(message)
        except ChannelError as exc:
            return exc
        except TimeoutError:
            why = f"no answer within {self._try_timeout_s:g}s"
            return ChannelError(f"cannot tell by {channel.name!r}: {why}", retry=True)
        except Exception as exc:
            # The fence: a fault in one channel must not keep the others from telling people. Its
            # text is not shown, as it may hold what the channel knows.
            kind, place = type(exc).__name__, _place(exc)
            log.error("channel failed", extra={"channel": channel.name, "error": kind, "at": place})
            why = f"unexpected {kind} at {place}"
            return ChannelError(f"cannot tell by {channel.name!r}: {why}", retry=False)

    def _count(self, outcome: Outcome) -> None:
        old, now = self._counts.get(outcome.channel, Count()), self._now()
        self._counts[outcome.channel] = (
            replace(old, sent=old.sent + 1, last_sent_at=now)
            if outcome.ok
            else replace(old, failed=old.failed + 1, last_error=outcome.told, last_error_at=now)
        )


def wait_s(tried: int, asked_s: float | None, *, rng: Random) -> float:
    """Seconds until the next try after `tried` of them: 1, 2, 4, 8, each up to a half less or more.

    It is longer where the other side asks for that, up to a minute.
    """
    own = 2.0 ** (tried - 1) * rng.uniform(0.5, 1.5)
    return max(own, min(asked_s or 0.0, _LONGEST_ASKED_S))


def _place(exc: Exception) -> str:
    frames = extract_tb(exc.__traceback__)
    return f"{frames[-1].filename.rpartition('/')[2]}:{frames[-1].lineno}" if frames else "?"
