"""Which meters a request is held against."""

import pytest

from intertie.gateway.limits.plan import Asker, LimitPlan, network
from intertie.identity.principal import Principal
from intertie.limits.counters import Account
from intertie.suite.identity import TenantRates
from intertie.suite.limits import RateLimiting, parse_windows

ADA = Principal("user", "ada", tenant="acme")
EVE = Principal("user", "eve", tenant="acme")


def _plan(tenants: dict[str, TenantRates] | None = None, **limits: object) -> LimitPlan:
    return LimitPlan(RateLimiting.model_validate(limits), tenants)


def _told(account: Account) -> list[str]:
    return [f"{each.policy.name} {each.policy.count}" for each in account.meters]


def test_a_client_has_one_account_for_all_usual_routes() -> None:
    """An hour and a minute, wherever it asks."""
    plan = _plan()
    first, second = (plan.account(Asker("", ADA), route, None) for route in ("a", "b"))

    assert first == second
    assert _told(first) == ["default 1000", "burst 100"]


def test_a_route_with_its_own_rate_is_counted_by_itself() -> None:
    """In place of the usual rates."""
    plan = _plan()
    own = plan.account(Asker("", ADA), "a", parse_windows("5/second, 9/day"))
    usual = plan.account(Asker("", ADA), "b", None)

    assert _told(own) == ["route-second 5", "route-day 9"]
    assert not {each.key for each in own.meters} & {each.key for each in usual.meters}


def test_with_route_in_the_key_each_route_is_counted_by_itself() -> None:
    """The same rates, other meters."""
    plan = _plan(key="client+route")
    first, second = (plan.account(Asker("", ADA), route, None) for route in ("a", "b"))

    assert _told(first) == _told(second)
    assert first.id != second.id


def test_a_tenant_is_counted_over_all_its_clients() -> None:
    """Beside what each client may; other tenants know nothing of it."""
    plan = _plan({"acme": TenantRates(requests_per_minute=7, burst_limit=3)})
    ada, eve = (plan.account(Asker("", who), "a", None) for who in (ADA, EVE))
    other = plan.account(Asker("", Principal("user", "ada")), "a", None)

    assert _told(ada)[2:] == ["tenant-burst 3", "tenant-minute 7"]
    assert ada.meters[2:] == eve.meters[2:]
    assert ada.meters[0] != eve.meters[0]
    assert _told(other) == ["default 1000", "burst 100"]
    assert other.meters[0].key != ada.meters[0].key


def test_a_plan_of_ones_own_takes_the_place_of_the_usual_rates() -> None:
    """Of one key or user."""
    plan = _plan(consumers={"user:ada": "5000/hour"})

    assert _told(plan.account(Asker("", ADA), "a", None)) == ["consumer-hour 5000"]
    assert _told(plan.account(Asker("", EVE), "a", None)) == ["default 1000", "burst 100"]


def test_who_is_not_known_is_counted_by_address() -> None:
    """Of IPv6 by the /64 that one subscriber has."""
    plan = _plan()
    ids = [
        plan.account(Asker(address), "a", None).id
        for address in ("2001:db8::1", "2001:db8::2", "2001:db8:0:1::1", "192.0.2.1", "192.0.2.2")
    ]

    assert len(set(ids)) == 4
    assert ids[0] == ids[1]


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("", "unknown"),
        ("evil|key", "unknown"),
    ],
)
def test_what_is_no_address_is_one_unknown(address: str, expected: str) -> None:
    """All of them together."""
    assert network(address) == expected


def test_a_header_counts_where_the_key_says_so_and_its_absence_is_no_way_around() -> None:
    """Without it the client is counted; a long one is cut."""
    plan = _plan(key="header:x-team")

    def key(**headers: str) -> str:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return plan.account(Asker("", ADA, named), "a", None).id

    assert plan.headers == ("x-team",)
    assert key(x_team="red") != key(x_team="blue")
    assert "user:ada" in key()
    assert len(key(x_team="r" * 5000)) < 300


def test_preflights_are_counted_apart_by_address() -> None:
    """They use up nothing of what a client may do."""
    plan = _plan()
    preflight = plan.preflight(Asker("192.0.2.1"))

    assert preflight is not None
    assert _told(preflight) == ["preflight 100"]
    assert _plan(preflight_rate=None).preflight(Asker("192.0.2.1")) is None


def test_buckets_are_for_short_windows() -> None:
    """An hour is always a sliding window."""
    account = _plan(algorithm="bucket").account(Asker("", ADA), "a", None)

    assert [each.policy.algorithm for each in account.meters] == ["sliding", "bucket"]


def test_shared_counters_hold_back_what_may_pass_late() -> None:
    """Only there."""
    shared = _plan(counters="shared").account(Asker("", ADA), "a", None)
    local = _plan().account(Asker("", ADA), "a", None)

    assert all(each.policy.lag_us > 0 for each in shared.meters)
    assert not any(each.policy.lag_us for each in local.meters)


def test_quotas_of_the_calendar_are_fixed_and_others_stay_as_they_are() -> None:
    """Days and months only; a month has its own length."""
    plan = _plan(counters="shared", calendar=True)
    windows = parse_windows("10000/month, 1000/day, 100/hour")
    policies = [each.policy for each in plan.account(Asker("", ADA), "a", windows).meters]

    assert [each.algorithm for each in policies] == ["sliding", "fixed", "fixed"]
    assert [each.by_month for each in policies] == [False, False, True]


def test_all_windows_are_fixed_where_that_is_the_algorithm() -> None:
    """An hour as well as a minute."""
    account = _plan(counters="shared", algorithm="fixed").account(Asker("", ADA), "a", None)

    assert [each.policy.algorithm for each in account.meters] == ["fixed", "fixed"]
