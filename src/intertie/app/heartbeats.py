"""Builds what sends heartbeats and what hears them."""

import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import httpx

from intertie.monitor.alerting import Alerting
from intertie.monitor.channels.port import Resolve
from intertie.monitor.collect.collector import Collector
from intertie.monitor.heartbeat_book import HeartbeatBook
from intertie.monitor.heartbeat_listen import Clocks, Listener
from intertie.monitor.heartbeat_send import Means, Pulse
from intertie.monitor.sample import Sample
from intertie.monitor.sender import Sender
from intertie.suite.heartbeats import DeadMansSwitch

Keep = Callable[[int, Sequence[Sample]], Awaitable[None]]
Evaluate = Callable[[int], Awaitable[None]]


@asynccontextmanager
async def listening(
    config: DeadMansSwitch, file: Path, resolve: Resolve
) -> AsyncIterator[Listener]:
    """What hears others, and knows what it heard before. Raises StoreError."""
    async with HeartbeatBook.open(file) as book:
        clocks = Clocks(lambda: datetime.now(UTC), time.monotonic)
        listener = Listener(config.expect, book, resolve=resolve, clocks=clocks)
        await listener.restore()
        yield listener


@dataclass(slots=True)
class Works:
    """Whether collecting, keeping and alerting all work."""

    alerting: Alerting
    sender: Sender
    collector: Collector | None = None
    """Built after all that is told of ticks."""

    def trouble(self) -> str:
        """Why they do not; empty: they do."""
        collected = self.collector.health().reason if self.collector is not None else "not started"
        return "; ".join(filter(None, (collected, self.alerting.trouble, self._unheard())))

    def _unheard(self) -> str:
        """One channel that works is enough."""
        counts = self.sender.counts()
        deaf = [
            name
            for name, each in counts.items()
            if each.last_error_at is not None
            and (each.last_sent_at is None or each.last_sent_at < each.last_error_at)
        ]
        return f"no channel works: {', '.join(deaf)}" if deaf and len(deaf) == len(counts) else ""


def pulse_of(
    config: DeadMansSwitch, suite: str, client: httpx.AsyncClient, *, resolve: Resolve, works: Works
) -> Pulse:
    """What tells others."""
    means = Means(client, resolve, lambda: datetime.now(UTC), works.trouble)
    return Pulse(config.send, suite, means)


def after_keeping(keep: Keep, pulse: Pulse) -> Keep:
    """And tells of it."""

    async def kept(at_ms: int, samples: Sequence[Sample]) -> None:
        await keep(at_ms, samples)
        pulse.kept(at_ms)

    return kept


def after_evaluating(evaluate: Evaluate, pulse: Pulse) -> Evaluate:
    """And tells of it."""

    async def evaluated(at_ms: int) -> None:
        await evaluate(at_ms)
        pulse.evaluated(at_ms)

    return evaluated
