import math

import pytest

from intertie.monitor.collect.events import MAX_SERIES, Feeds
from intertie.monitor.sample import STALE, Sample, Series
from intertie.suite.monitoring import BusinessMetric

pytestmark = pytest.mark.anyio

SALES = BusinessMetric(
    topic="orders.*", value="order.total", labels={"country": "customer.country"}, unit="EUR"
)
ORDERS = BusinessMetric(topic="orders.paid")
USERS = BusinessMetric(kind="gauge", labels={"plan": "plan"})


def feeds() -> Feeds:
    """Of a shop."""
    return Feeds({"sales": SALES, "orders": ORDERS, "users": USERS})


def order(total: object, country: object = "AT") -> dict[str, object]:
    """The data of an event."""
    return {"order": {"total": total}, "customer": {"country": country}}


async def told(source: Feeds) -> dict[str, float]:
    """By series, refusals that are not left out."""
    samples = await source.collect(0)
    return {
        str(each.series): each.value
        for each in samples
        if each.value or "refused" not in each.series.name
    }


async def test_events_feed_the_metrics_that_want_their_topic() -> None:
    """The number and the labels are where the suite file says; without a place each is 1."""
    source = feeds()

    source.take("orders.paid", order(10))
    source.take("orders.paid", order("2.50"))
    source.take("orders.sent", order(1, "DE"))
    source.take("carts.left", order(99))

    assert await told(source) == {
        'sales{country="AT"}': 12.5,
        'sales{country="DE"}': 1.0,
        "orders": 2.0,
    }


async def test_a_gauge_is_what_was_told_last() -> None:
    """It may go down, and below zero."""
    source = feeds()

    for value in (5, 7, -3):
        assert source.feed("users", value, {"plan": "free"}) is None

    assert (await told(source))['users{plan="free"}'] == -3


async def test_a_counter_without_labels_begins_at_zero() -> None:
    """So that the first event is seen as a growth."""
    assert await told(feeds()) == {"orders": 0.0}


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (-1, "is less than 0"),
        (math.nan, "no finite number"),
        (math.inf, "no finite number"),
        (10**400, "no finite number"),
        ("many", "no finite number"),
        (None, "no finite number"),
        (True, "no finite number"),
        ([1], "no finite number"),
    ],
)
async def test_bad_numbers_are_refused_and_counted(value: object, why: str) -> None:
    """Told to whoever feeds over HTTP; an event leaves a count only."""
    source = feeds()

    assert why in (source.feed("orders", value) or "")
    source.take("orders.sent", order(value))

    assert await told(source) == {
        "orders": 0.0,
        'intertie_business_refused_total{metric="orders"}': 1.0,
        'intertie_business_refused_total{metric="sales"}': 1.0,
    }


async def test_a_sum_stays_a_number() -> None:
    """Two large ones may be more than a number can be."""
    source = feeds()
    source.feed("orders", 1.7e308)

    assert "more than a number can be" in (source.feed("orders", 1.7e308) or "")
    assert (await told(source))["orders"] == 1.7e308


async def test_events_of_any_form_do_no_harm() -> None:
    """What lacks the number is counted; what lacks the label has none."""
    source = feeds()

    odd: tuple[dict[str, object], ...] = (
        {},
        {"order": 5},
        {"order": None},
        {"order": {"total": {}}},
    )
    for data in odd:
        source.take("orders.sent", data)
    source.take("orders.sent", {"order": {"total": 4}, "customer": "none"})
    source.take("orders.sent", order(5, ["AT"]))
    source.take("orders.sent", order(5, "x" * 2001))

    assert await told(source) == {
        "orders": 0.0,
        "sales": 4.0,
        'intertie_business_refused_total{metric="sales"}': 6.0,
    }


async def test_only_declared_metrics_and_labels_are_fed() -> None:
    """Others are a mistake of whoever feeds."""
    source = feeds()

    assert "no metric 'visits'" in (source.feed("visits", 1) or "")
    assert "no label 'colour'" in (source.feed("users", 1, {"colour": "red"}) or "")


async def test_a_metric_has_no_more_than_a_thousand_series() -> None:
    """Those that are there go on being fed."""
    source = feeds()
    for number in range(MAX_SERIES):
        assert source.feed("users", 1, {"plan": number}) is None

    refused = source.feed("users", 1, {"plan": "one more"})

    assert refused is not None
    assert "1,000 series" in refused
    assert source.feed("users", 2, {"plan": 0}) is None
    assert len(await source.collect(0)) == MAX_SERIES + 1 + 3


async def test_a_restart_forgets_nothing() -> None:
    """Counters go on from where they were, with what came meanwhile added."""
    before = feeds()
    before.take("orders.paid", order(10))
    before.feed("users", 7, {"plan": "free"})
    before.feed("orders", -1)

    after = feeds()
    after.take("orders.paid", order(5))
    after.feed("users", 8, {"plan": "free"})
    after.restore(await before.collect(0))

    assert await told(after) == {
        'sales{country="AT"}': 15.0,
        "orders": 2.0,
        'users{plan="free"}': 8.0,
        'intertie_business_refused_total{metric="orders"}': 1.0,
    }


async def test_ends_and_strangers_are_not_restored() -> None:
    """Nor what is no number."""
    source = feeds()
    strange = [("orders", STALE), ("orders", math.nan), ("orders", -4.0), ("visits", 1.0)]

    source.restore([Sample(Series(name), value) for name, value in strange])

    assert await told(source) == {"orders": 0.0}


def test_what_a_tenant_feeds_is_its_own_and_takes_no_room_of_others() -> None:
    """Whatever it says, and however many series it makes."""
    feeds = Feeds({"orders": BusinessMetric.model_validate({"labels": {"n": "n", "tenant": "t"}})})

    for number in range(MAX_SERIES):
        assert feeds.feed("orders", 1, {"n": number, "tenant": "globex"}, tenant="acme") is None
    why = feeds.feed("orders", 1, {"n": "more"}, tenant="acme")

    assert why == "orders has 1,000 series already"
    assert feeds.feed("orders", 1, {"n": "1"}, tenant="globex") is None
    assert feeds.feed("orders", 1, {"n": "1"}) is None
    assert feeds.feed("orders", 1, {"m": "1"}, tenant="globex") == "orders has no label 'm'"
