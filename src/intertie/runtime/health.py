"""From single checks to a verdict: thresholds, and how soon to look again."""

import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from anyio import current_time, move_on_after, sleep, sleep_forever

from intertie.runtime.checks import Check
from intertie.suite.health import Probe

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
    interval), so that it is ready when it is ready and not at the next tick. `up` is the verdict to
    begin with; `wake` returns when
    there is news before the next check is due.
    """

    def __init__(
        self,
        spec: Probe,
        check: Check,
        *,
        rng: random.Random,
        up: bool | None = None,
        wake: Callable[[], Awaitable[object]] = sleep_forever,
    ) -> None:
        self._spec = spec
        self._check = check
        self._rng = rng
        self._wake = wake
        self._verdict = Verdict(spec.failure_threshold, spec.success_threshold, up)
        self.last_reason = "not checked yet"

    async def run(self, on_change: OnChange) -> None:
        """Never returns."""
        pause_s = RAMP_FIRST_S
        while True:
            changed, took_s = await self._look(on_change)
            pause_s = self._next_pause_s(pause_s, took_s, changed=changed)
            await self._pause(pause_s)

    async def until_up(self) -> None:
        """Return once it is UP for the first time."""
        pause_s = RAMP_FIRST_S
        while not self._verdict.up:
            _, took_s = await self._look(_nobody)
            pause_s = self._next_pause_s(pause_s, took_s, changed=False)
            if not self._verdict.up:
                await self._pause(pause_s)

    async def _pause(self, pause_s: float) -> None:
        if self._wake is sleep_forever:
            await sleep(pause_s)
        else:
            with move_on_after(pause_s):
                await self._wake()

    async def _look(self, on_change: OnChange) -> tuple[bool, float]:
        """Check once; whether the verdict changed, and the seconds it took."""
        began = current_time()
        reason = await self._once()
        self.last_reason = reason or "healthy"
        changed = self._verdict.feed(ok=reason is None)
        if changed:
            on_change(reason is None, self.last_reason)
        return changed, current_time() - began

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


def _nobody(up: bool, reason: str) -> None:
    """Nobody wants to know."""
