"""RFC 9111 by its clauses: kept or not, fresh or not, used again or not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intertie.gateway.cache import policy
from intertie.gateway.cache.fields import http_date
from intertie.gateway.cache.message import Answer, Request
from intertie.gateway.cache.policy import Terms, Wish

NOW = 1_700_000_000.0
PLAIN = Terms()
DEFAULT = Terms(default_ttl=300)


def answer(status: int = 200, **headers: str) -> Answer:
    """One that came just now."""
    told = {"date": http_date(NOW).decode(), **headers}
    lines = [(key.replace("_", "-").encode(), value.encode()) for key, value in told.items()]
    return Answer(status, lines, received=NOW)


def request(method: bytes = b"GET", **headers: str) -> Request:
    """A plain one."""
    lines = [(key.replace("_", "-").encode(), value.encode()) for key, value in headers.items()]
    return Request(method, b"/", lines)


def clause(asked: Request, told: Answer, terms: Terms = PLAIN) -> str | None:
    """Of the refusal."""
    rule = policy.refusal(asked, told, terms)
    return None if rule is None else rule.clause


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        (answer(cache_control="max-age=1"), None),
        (answer(cache_control="no-store, max-age=1"), "RFC 9111 §5.2.2.5"),
        (answer(cache_control="private, max-age=1"), "RFC 9111 §5.2.2.7"),
        (answer(cache_control='private="x-a", max-age=1'), None),
        (answer(206, cache_control="max-age=1"), "RFC 9111 §3.3"),
        (answer(304, cache_control="max-age=1"), "RFC 9111 §4.3.3"),
        (answer(599, cache_control="max-age=1"), None),
        (answer(599, cache_control="max-age=1, must-understand"), "RFC 9111 §5.2.2.3"),
        (answer(cache_control="max-age=1, no-store, must-understand"), None),
        (answer(cache_control="max-age=1", vary="a, *"), "RFC 9111 §4.1"),
        (answer(cache_control="max-age=1", set_cookie="a=b"), "RFC 9111 §7.3"),
        (answer(cache_control="max-age=0"), "RFC 9111 §4.2"),
        (answer(cache_control="max-age=0", etag='"1"'), None),
        (answer(cache_control="max-age=0, stale-while-revalidate=9"), None),
        (answer(cache_control="no-cache, max-age=9"), "RFC 9111 §4.2"),
        (answer(expires="0", etag='"1"'), None),
        (answer(500, last_modified=http_date(NOW - 99).decode()), "RFC 9111 §3"),
        (answer(), "RFC 9111 §4.2"),
    ],
)
def test_what_may_be_kept(told: Answer, expected: str | None) -> None:
    """Each refusal names its clause."""
    assert clause(request(), told) == expected


@pytest.mark.parametrize("said", ["public", "s-maxage=5", "must-revalidate"])
def test_answers_to_authorized_requests_are_kept_by_consent_only(said: str) -> None:
    """RFC 9111 §3.5."""
    asked = request(authorization="Bearer x")

    assert clause(asked, answer(cache_control="max-age=5")) == "RFC 9111 §3.5"
    assert clause(asked, answer(cache_control=f"max-age=5, {said}")) is None


def test_what_the_request_says_holds_too() -> None:
    """`no-store`, other methods, and a body."""
    good = answer(cache_control="max-age=5")

    assert clause(request(cache_control="no-store"), good) == "RFC 9111 §5.2.1.5"
    assert clause(request(b"POST"), good) == "RFC 9111 §3"
    assert clause(request(content_length="3"), good) == "RFC 9110 §9.3.1"


@pytest.mark.parametrize(
    ("told", "lifetime", "explicit"),
    [
        (answer(cache_control="max-age=10, s-maxage=5"), 5, True),
        (answer(cache_control="max-age=10", expires=http_date(NOW + 5).decode()), 10, True),
        (answer(expires=http_date(NOW + 5).decode()), 5, True),
        (answer(expires="0"), 0, True),
        (answer(expires=http_date(NOW - 5).decode()), 0, True),
        (answer(cache_control="max-age=1", cdn_cache_control="max-age=9"), 9, True),
        (answer(cache_control="max-age=1", cdn_cache_control='max-age="9"'), 0, True),
        (answer(cache_control="max-age=1", cdn_cache_control="max-age: 9"), 1, True),
        (answer(cache_control="max-age=1", surrogate_control="max-age=9"), 9, True),
        (answer(cache_control="max-age=1", surrogate_control="max-age=9;other"), 1, True),
        (answer(cache_control="max-age=1", surrogate_control="max-age=9;intertie"), 9, True),
        (answer(), 0, False),
        (answer(last_modified=http_date(NOW - 1000).decode()), 100, False),
        (answer(last_modified=http_date(NOW - 10**8).decode()), 86400, False),
    ],
)
def test_how_long_it_is_fresh(told: Answer, lifetime: float, explicit: bool) -> None:
    """The most special word counts (RFC 9111 §4.2.1, RFC 9213)."""
    assert policy.freshness(told, policy.control(told), PLAIN) == (lifetime, explicit)


@pytest.mark.parametrize(
    ("told", "lifetime"),
    [
        (answer(), 300),
        (answer(404), 10),
        (answer(500), 0),
        (answer(302), 0),
        (answer(302, cache_control="public"), 300),
        (answer(last_modified=http_date(NOW - 1000).decode()), 300),
        (answer(cache_control="max-age=7"), 7),
        (answer(expires="0"), 0),
    ],
)
def test_the_default_holds_where_nobody_said_anything(told: Answer, lifetime: float) -> None:
    """And the status allows it; refusals have their own."""
    assert policy.freshness(told, policy.control(told), DEFAULT)[0] == lifetime


def kept(told: Answer, terms: Terms = PLAIN, waited: float = 0.0) -> policy.Standing:
    """As it stands once it has come."""
    return policy.standing(told, terms, asked=NOW - waited, told=NOW)


@pytest.mark.parametrize(
    ("told", "waited", "age"),
    [
        (answer(), 0, 0),
        (answer(age="5"), 0, 5),
        (answer(age="5"), 2, 7),
        (answer(date=http_date(NOW - 9).decode(), age="5"), 0, 9),
        (answer(date="never"), 0, 0),
    ],
)
def test_its_age_when_it_comes(told: Answer, waited: float, age: float) -> None:
    """RFC 9111 §4.2.3."""
    assert kept(told, waited=waited).age(NOW) == age


def test_an_age_without_sense_is_old_beyond_use() -> None:
    """However long it would be fresh."""
    assert kept(answer(cache_control="max-age=2147483648", age="x")).ttl(NOW) < 0


FRESH = kept(answer(cache_control="max-age=100", age="40"))
STALE = kept(answer(cache_control="max-age=100", age="140"))
MUST = kept(answer(cache_control="max-age=100, must-revalidate", age="140"))
SHARED = kept(answer(cache_control="s-maxage=100", age="140"))


@pytest.mark.parametrize(
    ("standing", "wished", "asks"),
    [
        (FRESH, Wish(), False),
        (FRESH, Wish(no_cache=True), True),
        (FRESH, Wish(no_store=True), True),
        (FRESH, Wish(max_age=39), True),
        (FRESH, Wish(max_age=40), False),
        (FRESH, Wish(min_fresh=61), True),
        (FRESH, Wish(min_fresh=60), False),
        (STALE, Wish(), True),
        (STALE, Wish(max_stale=39), True),
        (STALE, Wish(max_stale=40), False),
        (MUST, Wish(max_stale=1000), True),
        (SHARED, Wish(max_stale=1000), True),
        (kept(answer(cache_control="no-cache, max-age=9")), Wish(max_stale=9), True),
    ],
)
def test_when_the_origin_has_to_be_asked(
    standing: policy.Standing, wished: Wish, asks: bool
) -> None:
    """RFC 9111 §4.2.4, §5.2.1, §5.2.2."""
    assert (policy.must_ask(standing, wished, NOW) is not None) is asks


def test_wishes_are_read_from_the_request() -> None:
    """`max-stale` without a number is any time; Pragma counts where there is nothing newer."""
    told = policy.wish(request(cache_control="max-stale, min-fresh=2, only-if-cached, max-age=1"))

    assert told == Wish(only_if_cached=True, max_age=1, min_fresh=2, max_stale=2**31)
    assert policy.wish(request(pragma="no-cache")).no_cache
    assert not policy.wish(request(pragma="no-cache", cache_control="max-age=1")).no_cache


def test_stale_answers_stand_in_for_so_long_only() -> None:
    """RFC 5861; the route's word counts where the answer has none."""
    told = "max-age=0, stale-if-error=5, stale-while-revalidate=3"
    standing = kept(answer(cache_control=told))

    assert policy.may_stand_in(standing, NOW + 5)
    assert not policy.may_stand_in(standing, NOW + 6)
    assert policy.may_refresh_behind(standing, Wish(), NOW + 3)
    assert not policy.may_refresh_behind(standing, Wish(), NOW + 4)
    assert not policy.may_refresh_behind(standing, Wish(max_age=0), NOW + 3)
    assert policy.may_stand_in(kept(answer(expires="0"), Terms(stale_if_error=9)), NOW + 9)
    assert not policy.may_stand_in(MUST, NOW)


@given(st.lists(st.sampled_from(["no-store", "private", "public", "max-age=9", "s-maxage=9"])))
def test_whatever_stands_beside_it_no_store_and_private_hold(said: list[str]) -> None:
    """No combination of words opens what one of them closes."""
    refused = clause(request(), answer(cache_control=", ".join(said))) is not None

    if "no-store" in said or "private" in said:
        assert refused
