"""What a call is counted against: allowances of the vendor, the tenant and the connection."""

from collections.abc import Iterator
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from intertie.integrations.operation import Operation
from intertie.limits.counters import Account
from intertie.limits.decide import MICROSECONDS, Meter, Policy
from intertie.limits.lease import LEASE_US

if TYPE_CHECKING:
    from intertie.integrations.connector import Connector

_MINUTE_US = 60 * MICROSECONDS


def account_of(connection: "Connector", operation: Operation[Any, Any]) -> Account | None:
    """All meters at once: a call takes from all of them or from none. None is unlimited."""
    meters = tuple(_meters(connection, operation))
    if not meters:
        return None
    own = f"|{operation.name}" if operation.has_allowance else ""
    return Account(f"call|{connection.label}{own}", connection.kind, meters, tells=False)


def allowance(connection: "Connector") -> str:
    """Of what the vendor counts: this connection, or all of its kind."""
    if connection.limits.per != "app":
        return f"vendor|{connection.label}"
    needs = connection.auth.needs
    app = connection.optional_secret(needs[0]) if needs else ""
    return f"vendor|{connection.kind}|{sha256(app.encode()).hexdigest()[:12]}"


def pause_of(connection: "Connector", operation: Operation[Any, Any]) -> str:
    """Of what waits when the vendor wants a pause."""
    own = f"|{operation.name}" if connection.limits.per == "operation" else ""
    return f"{allowance(connection)}{own}"


def share(connection: "Connector") -> None:
    """Note that its tenant has a part in what the vendor allows.

    Where several tenants share one allowance, each has its equal part, and nobody else's.
    """
    tenants = connection.tools.sharers.setdefault(allowance(connection), set())
    if connection.tenant not in tenants:
        tenants.add(connection.tenant)
        connection.tools.shares += 1


def unshare(connection: "Connector") -> None:
    """Its tenant has no other connection that takes part: what it had is the others' again."""
    tools = connection.tools
    tools.sharers.get(allowance(connection), set()).discard(connection.tenant)
    tools.shares += 1


def _meters(connection: "Connector", operation: Operation[Any, Any]) -> Iterator[Meter]:
    known, told = connection.limits, connection.config.rate_limits
    whole = allowance(connection)
    yield from _of(whole, known.requests_per_minute, known.burst_limit)
    sharers = len(connection.tools.sharers.get(whole, ()))
    if sharers > 1:
        part = f"{whole}|{connection.tenant}"
        minute, burst = known.requests_per_minute, known.burst_limit
        yield from _of(part, _part(minute, sharers), _part(burst, sharers))
    rate = connection.tools.tenant_rates.get(connection.tenant)
    yield from _of(f"tenant|{connection.tenant}", rate, None)
    yield from _of(f"own|{connection.label}", told.requests_per_minute, told.burst_limit)
    own = f"own|{connection.label}|{operation.name}"
    yield from _of(own, operation.per_minute, operation.per_second)


def _part(whole: int | None, sharers: int) -> int | None:
    return max(whole // sharers, 1) if whole else None


def _of(subject: str, per_minute: int | None, burst: int | None) -> Iterator[Meter]:
    if per_minute:
        policy = Policy("minute", per_minute, _MINUTE_US, lag_us=LEASE_US)
        yield Meter(f"{subject}|60", policy)
    if burst:
        yield Meter(f"{subject}|1", Policy("burst", burst, MICROSECONDS))
