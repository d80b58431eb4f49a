"""Who fails again and again is left alone: a connection for itself, a vendor for all tenants."""

from intertie.integrations.breaker import Breaker, Evidence
from intertie.integrations.call import Call, Step, Tools
from intertie.integrations.errors import (
    AuthExpiredError,
    CircuitOpenError,
    IntegrationError,
    VendorDownError,
)
from intertie.integrations.message import Response, origin


class Breakers:
    """A step. What is the caller's fault, or the budget's, breaks nothing."""

    def __init__(self, inner: Step, tools: Tools) -> None:
        self._inner = inner
        self._tools = tools

    async def __call__(self, call: Call) -> Response:
        """Raises CircuitOpenError, or AuthExpiredError, without asking."""
        breaker = call.connection.breaker
        tried = breaker.is_trying
        if breaker.is_open or self._tools.evidence:
            self._admit(call)
        is_trial = breaker.is_trying and not tried
        try:
            response = await self._inner(call)
        except VendorDownError:
            self._failed(call)
            raise
        except AuthExpiredError as exc:
            call.connection.breaker.failed(self._tools.steady(), is_refused=True)
            self._alive(call) if exc.status else self._left(call, is_trial)
            raise
        except IntegrationError as exc:
            self._worked(call) if exc.status else self._left(call, is_trial)
            raise
        except BaseException:
            self._left(call, is_trial)
            raise
        self._worked(call)
        return response

    def _admit(self, call: Call) -> None:
        """The own breaker first: who does not pass it may not be the one who tries for all."""
        connection, now = call.connection, self._tools.steady()
        breaker, label = connection.breaker, connection.label
        if wait_s := breaker.wait_s(now):
            raise _left_alone(label, breaker, wait_s)
        evidence = self._evidence(call)
        if evidence is not None and (wait_s := evidence.wait_s(connection.tenant, now)):
            breaker.left()
            raise CircuitOpenError(
                f"cannot call {label}: {connection.kind} fails for several tenants; the next"
                f" try is in {wait_s:.0f} s",
                retry_after_s=wait_s,
            )

    def _evidence(self, call: Call) -> Evidence | None:
        known = self._tools.evidence
        return known.get(_place(call)) if known else None

    def _failed(self, call: Call) -> None:
        connection, now = call.connection, self._tools.steady()
        connection.breaker.failed(now)
        evidence = self._evidence(call)
        if evidence is not None and evidence.tries == connection.tenant:
            evidence.failed(connection.tenant, now)
        elif connection.breaker.is_open:
            known = self._tools.evidence.setdefault(_place(call), Evidence())
            known.failed(connection.tenant, now)

    def _worked(self, call: Call) -> None:
        call.connection.breaker.worked()
        self._alive(call)

    def _alive(self, call: Call) -> None:
        evidence = self._evidence(call)
        if evidence is not None:
            evidence.worked()

    def _left(self, call: Call, is_trial: bool) -> None:
        if is_trial:
            call.connection.breaker.left()
        evidence = self._evidence(call)
        if evidence is not None:
            evidence.left(call.connection.tenant)


def _place(call: Call) -> str:
    """What fails together. Connections with addresses of their own say nothing of each other."""
    return f"{call.connection.kind}|{origin(call.connection.base_url)}"


def _left_alone(label: str, breaker: Breaker, wait_s: float) -> IntegrationError:
    kind = AuthExpiredError if breaker.is_refused else CircuitOpenError
    what = "its credentials were refused" if breaker.is_refused else "it failed"
    return kind(
        f"cannot call {label}: {what} {breaker.failures} times in a row; the next try is in"
        f" {wait_s:.0f} s",
        retry_after_s=wait_s,
    )
