"""What a gateway may spend without asking."""

from intertie.limits.decide import Standing
from intertie.limits.lease import LEASE_US, Lease
from tests.limits.engine import account


def _lease(remaining: int = 1000, period_s: int = 60) -> Lease:
    lease = Lease(account((1000, period_s)))
    policy = lease.account.meters[0].policy
    lease.learn((Standing(policy, remaining, 9_000_000),), 0)
    return lease


def test_a_lease_is_spent_until_it_ends() -> None:
    """Not a moment longer: after that it counts for nobody."""
    lease = _lease()
    lease.take(3, since_us=5, asked_us=0)

    spent = [lease.spend(at_us) is not None for at_us in (0, LEASE_US - 1, LEASE_US)]

    assert spent == [True, True, False]
    assert lease.return_spare() == 1
    assert lease.spend(0) is None


def test_as_many_are_wanted_as_were_used_before() -> None:
    """A client that asks once leases nothing; a busy one at most a part of what is left."""
    lease = _lease(remaining=160)
    first = lease.wanted(1)
    lease.used = 4
    busy = lease.wanted(1)
    lease.used = 1000

    assert (first, busy, lease.wanted(1)) == (1, 5, 11)


def test_a_short_window_is_never_leased_from() -> None:
    """A lease would be most of a second's requests."""
    lease = _lease(period_s=1)
    lease.used = 100

    assert not lease.can_lease
    assert lease.wanted(2) == 2


def test_a_refusal_holds_for_a_moment_only() -> None:
    """Others may give back what they do not need."""
    lease = _lease(remaining=0)

    refused = lease.spend(10_000)

    assert refused is not None
    assert (refused.allowed, refused.retry_after_s) == (False, 9.0)
    assert lease.spend(60_000) is None
