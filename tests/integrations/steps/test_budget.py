"""No more is asked than is allowed."""

import pytest

from intertie.integrations.data import Limits
from intertie.integrations.errors import ThrottledError
from intertie.integrations.message import Request, Response
from intertie.integrations.operation import Empty, Nothing, get
from intertie.limits.counters import Account
from intertie.limits.decide import Decision, Standing
from tests.integrations.shop import CONFIG, AppShop, Shop
from tests.integrations.stage import Stage, answer

pytestmark = pytest.mark.anyio
ONCE = {"max_attempts": 1}


async def refused(shop: Shop) -> ThrottledError:
    """What a call is told that is not made."""
    with pytest.raises(ThrottledError) as caught:
        await shop.ping()
    return caught.value


async def test_a_call_over_the_allowance_is_not_sent() -> None:
    """And the error says whose it is, and when there is more."""
    stage = Stage()
    rates = {"requests_per_minute": 3}
    shop = stage.made(Shop, config=CONFIG, retry_policy=ONCE, rate_limits=rates)
    for _ in range(3):
        await shop.ping()

    told = await refused(shop)

    assert len(stage.vendor.asked) == 3
    assert "default/main now: the allowance is used up (own)" in str(told)
    assert told.retry_after_s is not None
    stage.clock.time_s += told.retry_after_s
    await shop.ping()


async def test_each_attempt_counts() -> None:
    """The vendor counts it too."""
    stage = Stage()
    stage.vendor.answers = lambda request: answer({}, 503)
    shop = stage.made(Shop, config=CONFIG, rate_limits={"requests_per_minute": 2})

    await refused(shop)

    assert len(stage.vendor.asked) == 2


async def test_a_pause_that_the_vendor_wants_is_kept_by_all_calls() -> None:
    """Not only by the one that was told; afterwards all go on."""
    stage = Stage()
    stage.vendor.answers = lambda request: answer({}, 429, retry_after="40")
    shop = stage.made(Shop, config=CONFIG, retry_policy=ONCE)
    await refused(shop)

    stage.clock.time_s += 39
    told = await refused(shop)
    assert told.retry_after_s == pytest.approx(1)
    assert len(stage.vendor.asked) == 1
    stage.clock.time_s += 2
    stage.vendor.answers = lambda request: answer({})
    await shop.ping()


async def test_of_two_pauses_the_longer_one_counts() -> None:
    """A call that was under way may be told a shorter one later."""
    stage = Stage()
    shop = stage.made(Shop, config=CONFIG, retry_policy=ONCE)
    waits = ["60", "5"]

    async def late(request: Request) -> Response:
        if len(stage.vendor.asked) == 1:
            await refused(shop)
        return answer({}, 429, retry_after=waits.pop(0))

    stage.vendor.answers = late
    await refused(shop)

    stage.clock.time_s += 10
    assert (await refused(shop)).retry_after_s == pytest.approx(50)


@pytest.mark.parametrize("said", ["inf", "1e300", "9" * 400, "99999999"])
async def test_no_vendor_is_left_alone_for_ever(said: str) -> None:
    """A day later it is asked again, whatever it said."""
    stage = Stage()
    stage.vendor.answers = lambda request: answer({}, 429, retry_after=said)
    shop = stage.made(Shop, config=CONFIG, retry_policy=ONCE)
    await refused(shop)
    stage.vendor.answers = lambda request: answer({})

    stage.clock.time_s += 86_400
    await shop.ping()


async def test_an_operations_own_allowance_is_its_own() -> None:
    """Others go on when it is spent."""

    class Slow(Shop):
        kind = "slow shop"
        report = get("/report", Nothing, Empty, per_minute=1)

    stage = Stage()
    shop = stage.made(Slow, config=CONFIG, retry_policy=ONCE)
    await shop.report()

    with pytest.raises(ThrottledError):
        await shop.report()
    await shop.ping()


async def test_a_tenants_rate_is_that_of_all_its_connections() -> None:
    """Two names are no two allowances."""
    stage = Stage()
    stage.tools.tenant_rates = {"a": 2}
    one, two = (stage.made(Shop, "a", name=n, config=CONFIG, retry_policy=ONCE) for n in "xy")
    await one.ping()
    await two.ping()

    assert "(tenant)" in str(await refused(one))
    assert "(tenant)" in str(await refused(two))


async def passed(shop: Shop, tries: int) -> int:
    """How many calls are let through."""
    done = 0
    for _ in range(tries):
        try:
            await shop.ping()
        except ThrottledError:
            continue
        done += 1
    return done


@pytest.mark.parametrize("known", [Limits(60, per="app"), Limits(None, 10, per="app")])
async def test_a_share_holds_from_when_it_is_shared(known: Limits) -> None:
    """Also for one who called before the other came, and again alone once it is gone."""

    class Shared(AppShop):
        kind = "shared shop"
        limits = known

    stage = Stage()
    whole = known.requests_per_minute or known.burst_limit or 0
    first = stage.made(Shared, "a", config=CONFIG, retry_policy=ONCE)
    await first.ping()
    second = stage.made(Shared, "b", config=CONFIG, retry_policy=ONCE)
    made = await passed(first, whole)

    assert 0 < made <= whole // 2
    await second.ping()
    await stage.registry.remove("main", "b")
    stage.clock.time_s += 70
    for _ in range(whole):
        await first.ping()


async def test_apps_that_are_not_the_same_share_nothing() -> None:
    """Each has an allowance of its own at the vendor, and its own pauses."""
    stage = Stage()
    one, two = (
        stage.made(AppShop, each, config={"token": f"token-of-{each}"}, retry_policy=ONCE)
        for each in "ab"
    )
    stage.vendor.answers = lambda request: answer({}, 429, retry_after="30")
    await refused(one)
    stage.vendor.answers = lambda request: answer({})

    for _ in range(10):
        await two.ping()


class Away:
    """Counters that cannot be asked."""

    def quick(self, account: Account) -> Decision | None:
        """See Counters."""
        return None

    async def take(self, account: Account) -> Decision:
        """See Counters."""
        return Decision(False, away=True)

    async def usage(self, account: Account) -> tuple[Standing, ...]:
        """See Counters."""
        return ()


async def test_counters_that_are_away_stop_what_is_limited() -> None:
    """What has no limit goes on; the other may be asked for too much."""
    stage = Stage()
    stage.tools.counters = Away()
    rates = {"requests_per_minute": 3}
    shop = stage.made(Shop, config=CONFIG, retry_policy=ONCE, rate_limits=rates)
    free = stage.made(Shop, name="free", config=CONFIG)

    assert "the counters are away" in str(await refused(shop))
    await free.ping()
