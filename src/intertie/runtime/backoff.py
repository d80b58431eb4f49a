"""Whether and when an ended replica is started again. Pure: the time and chance are arguments."""

import random
from collections import deque

from intertie.suite.restart import Restart

_MOST_REMEMBERED = 1_000


class Backoff:
    """Restarts of one replica since it was started on request.

    The first restart within the window comes at once; the n-th after it waits a random time up to
    `delay * 2**(n-1)` ("full jitter", so that services that died together do not return together).
    Source: Brooker, "Exponential Backoff and Jitter" (2015).
    """

    def __init__(self, policy: Restart, rng: random.Random) -> None:
        self._policy = policy
        self._rng = rng
        self._restarts: deque[float] = deque(maxlen=_MOST_REMEMBERED)

    def after_end(
        self, *, ok: bool, at_s: float, ran_s: float = 0.0, forced: bool = False
    ) -> float | None:
        """Seconds to wait before the next start, or None when there is none.

        `ok` means it ended with an exit code of success after running for `ran_s`; `forced` that
        we ended it ourselves, to start it anew whatever the policy; `at_s` is a clock that never
        goes back.
        """
        if not (forced or self._is_restarted(ok=ok)):
            return None
        self._forget(at_s, ran_s)
        done = len(self._restarts)
        if self._policy.max_attempts is not None and done >= self._policy.max_attempts:
            return None
        wait_s = self._wait_s(done)
        self._restarts.append(at_s + wait_s)
        return wait_s

    def _forget(self, at_s: float, ran_s: float) -> None:
        if self._policy.reset_after is not None and ran_s >= self._policy.reset_after:
            self._restarts.clear()
        while self._restarts and self._restarts[0] <= at_s - self._policy.window:
            self._restarts.popleft()

    def _is_restarted(self, *, ok: bool) -> bool:
        match self._policy.policy:
            case "no":
                return False
            case "on-failure":
                return not ok
            case "always" | "unless-stopped":
                return True

    def _wait_s(self, done: int) -> float:
        if done == 0:
            return 0.0
        policy = self._policy
        if policy.backoff == "fixed":
            return min(policy.delay, policy.max_delay)
        # The exponent is bounded: 2.0 to a very high power is an error, not a large number.
        longest = min(policy.max_delay, policy.delay * 2.0 ** min(done - 1, 60))
        return self._rng.uniform(0, longest) if policy.jitter else longest
