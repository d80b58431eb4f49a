"""Another attempt, where that is safe and may help."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intertie.integrations.config import RetryPolicy
from intertie.integrations.errors import (
    IntegrationError,
    ThrottledError,
    VendorDownError,
    VendorTimeoutError,
)
from intertie.integrations.message import Request, Response
from intertie.integrations.operation import Nothing, graphql
from tests.integrations.shop import CONFIG, Shop
from tests.integrations.stage import Stage, answer

pytestmark = pytest.mark.anyio
REPEATED: dict[str, dict[str, Any]] = {"ping": {}, "rename": {"id": "1"}, "pay": {"cents": 1}}
ONCE: dict[str, dict[str, Any]] = {
    "make": {"name": "a"},
    "wire": {"cents": 1},
    "tell": {"name": "a"},
}


@pytest.mark.parametrize("name", [*REPEATED, *ONCE])
@pytest.mark.parametrize("fault", ["503", "timeout", "reset"])
async def test_what_may_have_been_done_is_repeated_only_where_twice_is_as_once(
    name: str, fault: str
) -> None:
    """Reads, PUT, and what has a key; never a write, a message or money without one."""
    stage = Stage()

    def fails(request: Request) -> Response:
        if fault == "timeout":
            raise VendorTimeoutError("cannot reach it: no answer")
        if fault == "reset":
            raise VendorDownError("cannot reach it: reset")
        return answer({}, 503)

    stage.vendor.answers = fails
    shop = stage.made(Shop, config=CONFIG)
    with pytest.raises(VendorDownError):
        await getattr(shop, name)(**{**REPEATED, **ONCE}[name])

    assert len(stage.vendor.asked) == (3 if name in REPEATED else 1)


@pytest.mark.parametrize("name", sorted({*REPEATED, *ONCE} - {"wire"}))
async def test_what_was_refused_for_its_number_was_not_done(name: str) -> None:
    """It is asked again, after the pause that the vendor wants."""
    stage = Stage()
    left = [answer({}, 429, retry_after="7"), answer({})]
    stage.vendor.answers = lambda request: left.pop(0)

    await getattr(stage.made(Shop, config=CONFIG), name)(**{**REPEATED, **ONCE}[name])

    assert stage.pauses == [7.0]


async def test_what_may_never_be_done_twice_is_never_tried_twice() -> None:
    """Not even where the vendor says that it did nothing."""
    stage = Stage()
    stage.vendor.answers = lambda request: answer({}, 429, retry_after="7")

    with pytest.raises(ThrottledError):
        await stage.made(Shop, config=CONFIG).wire(**ONCE["wire"])

    assert (len(stage.vendor.asked), stage.pauses) == (1, [])


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 422, 302])
async def test_what_will_not_change_is_not_tried_again(status: int) -> None:
    """Nor is anything waited for."""
    stage = Stage()
    stage.vendor.answers = lambda request: answer({}, status, retry_after="1")

    with pytest.raises(IntegrationError):
        await stage.made(Shop, config=CONFIG).ping()

    assert len(stage.vendor.asked) == 1
    assert stage.pauses == []


@given(
    attempts=st.integers(1, 10),
    initial=st.floats(0.001, 60),
    factor=st.floats(1, 10),
    longest=st.floats(0.001, 300),
)
async def test_pauses_keep_their_bounds(
    attempts: int, initial: float, factor: float, longest: float
) -> None:
    """Between 0 and what the policy says of this attempt, and never over its longest."""
    policy = RetryPolicy(
        max_attempts=attempts, initial_delay=initial, backoff_multiplier=factor, max_delay=longest
    )
    stage = Stage()
    stage.vendor.answers = lambda request: answer({}, 503)
    breaker = {"failure_threshold": 100}
    shop = stage.made(Shop, config=CONFIG, retry_policy=policy, circuit_breaker=breaker)

    with pytest.raises(VendorDownError):
        await shop.ping()

    assert len(stage.vendor.asked) == attempts
    bounds = [min(initial * factor**n, longest) for n in range(attempts - 1)]
    assert all(0 <= p <= b for p, b in zip(stage.pauses, bounds, strict=True))


async def test_a_pause_that_is_too_long_is_the_callers_to_wait() -> None:
    """The error says how long."""
    stage = Stage()
    stage.vendor.answers = lambda request: answer({}, 429, retry_after="3600")

    with pytest.raises(ThrottledError) as caught:
        await stage.made(Shop, config=CONFIG).ping()

    assert caught.value.retry_after_s == 3600
    assert stage.pauses == []


@pytest.mark.parametrize("said", ["nan", "inf", "-inf", "-5", "1e999", "soon", "", "٣", "Fri, 99"])
async def test_nonsense_for_a_pause_is_as_if_nothing_was_said(said: str) -> None:
    """A pause of our own is taken then."""
    stage = Stage()
    left = [answer({}, 429, retry_after=said), answer({})]
    stage.vendor.answers = lambda request: left.pop(0)

    await stage.made(Shop, config=CONFIG).ping()

    assert len(stage.pauses) == 1
    assert 0 <= stage.pauses[0] <= (3 if said == "٣" else 0.5)


@pytest.mark.parametrize(
    ("document", "said", "repeats"),
    [
        ("query { me }", {}, True),
        ("{ me }", {}, True),
        ("mutation { pay }", {}, False),
        ("\n  mutation Pay($n: Int) { pay(n: $n) }", {}, False),
        ("mutation { pay }", {"effect": "read"}, True),
    ],
)
def test_a_mutation_writes_unless_it_says_otherwise(
    document: str, said: dict[str, Any], repeats: bool
) -> None:
    """Else what got lost would be done a second time."""
    assert graphql(document, Nothing, Nothing, **said).may_repeat is repeats
