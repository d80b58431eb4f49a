"""From single checks to a verdict: thresholds, and how soon to look again."""

import random
from collections.abc import Callable
from dataclasses import dataclass

from anyio import current_time, move_on_after, sleep

from intertie.runtime.checks import Check
from intertie.suite.model import Healthcheck

RAMP_FIRST_S = 0.005
_RAMP_GROWTH = 1.5

OnChange = Callable[[bool, str], None]
"""Called with the new verdict and the reason."""


@dataclass(slots=True)
class Verdict:
    """Whether a replica is UP, by what its checks said. None until it was UP for the first time."""

    failure_threshold: int
    success_threshold: int
    up: bool | None = None
    _in_a_row: int = 0
    """Results that speak against `up`."""

    def feed(self, *, ok: bool) -> bool:
        """Take in one result; whether the verdict changed."""
        if ok == bool(self.up):
            self._in_a_row = 0
            return False
        self._in_a_row += 1
        threshold = self.success_threshold if ok else self.failure_threshold
        if self._in_a_row < threshold:
            return False
        self.up = ok
        self._in_a_row = 0
        return True


class Monitor:
    """Checks one replica until cancelled.

    While the replica starts, checks follow each other closely (5 ms, then ever longer up to the
    interval), so that it is ready when it is ready and not at the next tick.
    """

    def __init__(self, spec: Healthcheck, check: Check, *, rng: random.Random) -> None:
        self._spec = spec
        self._check = check
        self._rng = rng
        self._verdict = Verdict(spec.failure_threshold, spec.success_threshold)
        self.last_reason = "not checked yet"

    async def run(self, on_change: OnChange) -> None:
        """Never returns."""
        pause_s = RAMP_FIRST_S
        while True:
            began = current_time()
            reason = await self._once()
            took_s = current_time() - began
            self.last_reason = reason or "healthy"
            changed = self._verdict.feed(ok=reason is None)
            if changed:
                on_change(reason is None, self.last_reason)
            pause_s = self._next_pause_s(pause_s, took_s, changed=changed)
            await sleep(pause_s)

    async def _once(self) -> str | None:
        with move_on_after(self._spec.timeout):
            return await self._check()
        return f"no answer within {self._spec.timeout:g} s"

    def _next_pause_s(self, last_s: float, took_s: float, *, changed: bool) -> float:
        interval_s = self._spec.interval
        if self._verdict.up is None:
            # A slow check (a command) gets half of the time at most.
            return min(max(last_s * _RAMP_GROWTH, took_s), interval_s)
        if changed:
            # Replicas that became ready together are not asked together ever after.
            return interval_s * self._rng.uniform(0.5, 1.0)
        return interval_s
