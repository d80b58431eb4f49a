"""Hears heartbeats of others, and measures how long none came."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from anyio import Lock, to_thread

from intertie.errors import ConflictError, NotFoundError
from intertie.monitor.channels.port import Resolve
from intertie.monitor.heartbeat import HEARTBEAT, SILENCE, Heard, heard, listened, opened
from intertie.monitor.heartbeat_book import HeartbeatBook
from intertie.monitor.sample import Sample, Series
from intertie.suite.heartbeats import Expect

_SAVED_EVERY_S = 10.0


@dataclass(frozen=True, slots=True)
class Clocks:
    """What time it is, and how much of it passes."""

    now: Callable[[], datetime]
    monotonic_s: Callable[[], float]


class Listener:
    """A source of samples, and where heartbeats arrive."""

    name = "heartbeats"

    def __init__(
        self,
        expected: Mapping[str, Expect],
        book: HeartbeatBook,
        *,
        resolve: Resolve,
        clocks: Clocks,
    ) -> None:
        self.expected = dict(expected)
        self._book = book
        self._resolve = resolve
        self._clocks = clocks
        self._known = dict.fromkeys(self.expected, Heard())
        self._looked_s = self._saved_s = clocks.monotonic_s()
        self._missing: Sequence[str] = ()
        """Those that were when it was saved last."""
        self._one_at_a_time = Lock()

    async def restore(self) -> None:
        """Go on where the last process stopped."""
        kept = await self._book.all()
        self._known = {name: kept.get(name, Heard()) for name in self.expected}

    @property
    def known(self) -> Mapping[str, Heard]:
        """By name, as it is this moment."""
        self._listen()
        return dict(self._known)

    def is_missing(self, name: str, each: Heard) -> bool:
        """Whether it stays away for too long."""
        return each.silent_s > self.expected[name].within

    async def take(self, name: str, data: bytes, signed: str) -> None:
        """Take one in. Kept once it returns.

        Raises NotFoundError, ConflictError for one that is no newer than the last, and as
        `heartbeat.opened` does.
        """
        expect = self.expected.get(name)
        if expect is None:
            raise NotFoundError(f"cannot take heartbeat {name[:100]!r}: none of that name expected")
        secret = await to_thread.run_sync(self._resolve, expect.secret)
        now = self._clocks.now()
        beat = opened(data, signed, name=name, secret=secret, now=now)
        async with self._one_at_a_time:
            self._listen()
            after = heard(self._known[name], beat, now)
            if after is None:
                raise ConflictError(
                    f"cannot take heartbeat {name!r}: it or a newer one came before"
                )
            await self._book.keep({name: after})
            self._known[name] = after

    async def collect(self, at_ms: int) -> Sequence[Sample]:
        """Seconds of silence, of each."""
        async with self._one_at_a_time:
            self._listen()
            await self._save()
        return [
            Sample(Series.of(SILENCE, {HEARTBEAT: name}), each.silent_s)
            for name, each in self._known.items()
        ]

    async def _save(self) -> None:
        """Now and then, and as soon as one is missing: that is not forgotten in a crash."""
        missing = [name for name, each in self._known.items() if self.is_missing(name, each)]
        if self._looked_s - self._saved_s >= _SAVED_EVERY_S or missing != self._missing:
            await self._book.keep(self._known)
            self._saved_s, self._missing = self._looked_s, missing

    def _listen(self) -> None:
        now_s = self._clocks.monotonic_s()
        passed_s, self._looked_s = now_s - self._looked_s, now_s
        self._known = {name: listened(each, passed_s) for name, each in self._known.items()}
