"""Another attempt, where that is safe and may help."""

from random import uniform

from intertie.integrations.call import Call, Step, Tools
from intertie.integrations.config import RetryPolicy
from intertie.integrations.errors import IntegrationError
from intertie.integrations.message import Response


class Retry:
    """A step. A call that the vendor may have done is made again only where twice is as once."""

    def __init__(self, inner: Step, tools: Tools) -> None:
        self._inner = inner
        self._sleep = tools.sleep

    async def __call__(self, call: Call) -> Response:
        """Raises what the last attempt raised."""
        policy = call.connection.config.retry_policy
        tries = 0
        while True:
            tries += 1
            try:
                return await self._inner(call)
            except IntegrationError as exc:
                pause_s = _pause_s(exc, tries, policy)
                if pause_s is None or tries >= policy.max_attempts or not _may(call, exc):
                    raise
            await self._sleep(pause_s)


def _may(call: Call, exc: IntegrationError) -> bool:
    """What was refused for its number was not done; what got lost may have been."""
    if call.operation.never_again:
        return False
    return exc.retry == "after" or call.operation.may_repeat


def _pause_s(exc: IntegrationError, tries: int, policy: RetryPolicy) -> float | None:
    """Full jitter (Brooker 2015), or what the vendor says; None: not again."""
    if exc.again is False or (exc.retry == "no" and not exc.again):
        return None
    longest = policy.initial_delay * policy.backoff_multiplier ** (tries - 1)
    drawn = uniform(0, min(longest, policy.max_delay))  # noqa: S311 - no secret
    if exc.retry_after_s is None:
        return drawn
    return None if exc.retry_after_s > policy.max_delay else exc.retry_after_s
