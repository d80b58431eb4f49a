"""No more is asked than the vendor, the tenant and the connection allow."""

from intertie.integrations.budget import account_of, pause_of
from intertie.integrations.call import Call, Step, Tools
from intertie.integrations.errors import ThrottledError
from intertie.integrations.message import Response
from intertie.limits.counters import Account
from intertie.limits.decide import Decision

_LONGEST_S = 86_400.0
"""Whatever a vendor says, it is asked again once a day."""


class Budget:
    """A step. Each attempt counts, for the vendor counts it too."""

    def __init__(self, inner: Step, tools: Tools) -> None:
        self._inner = inner
        self._tools = tools

    async def __call__(self, call: Call) -> Response:
        """Raises ThrottledError; the vendor is not asked then, and nothing is counted."""
        connection = call.connection
        if self._tools.holds:
            self._held(call)
        account = connection.account(call.operation, account_of)
        if account is not None:
            decision = self._tools.counters.quick(account)
            if decision is None:
                decision = await self._tools.counters.take(account)
            if not decision.allowed:
                raise _refused(call, account, decision)
        try:
            return await self._inner(call)
        except ThrottledError as exc:
            if exc.retry_after_s is not None:
                self._hold(pause_of(connection, call.operation), exc.retry_after_s)
            raise

    def _hold(self, key: str, for_s: float) -> None:
        """Of several pauses the longest counts."""
        until, holds = self._tools.steady() + min(for_s, _LONGEST_S), self._tools.holds
        holds[key] = max(until, holds.get(key, until))

    def _held(self, call: Call) -> None:
        """The vendor said when it wants to be asked again."""
        holds = self._tools.holds
        key = pause_of(call.connection, call.operation)
        wait_s = holds.get(key, 0.0) - self._tools.steady()
        if wait_s > 0:
            raise ThrottledError(
                f"cannot call {call.connection.label}: the vendor wants a pause of"
                f" {wait_s:.1f} s more",
                retry_after_s=wait_s,
            )
        holds.pop(key, None)


def _refused(call: Call, account: Account, decision: Decision) -> ThrottledError:
    label = call.connection.label
    if decision.away:
        return ThrottledError(f"cannot call {label}: the counters are away", retry_after_s=1.0)
    keys = {each.policy.name: each.key for each in account.meters}
    spent = ", ".join(sorted({keys[name].split("|")[0] for name in decision.violated}))
    return ThrottledError(
        f"cannot call {label} now: the allowance is used up ({spent}); free in"
        f" {decision.retry_after_s:.1f} s",
        retry_after_s=decision.retry_after_s,
    )
