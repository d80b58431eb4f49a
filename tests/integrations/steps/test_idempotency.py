"""Keys that keep calls from being done twice."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from intertie.integrations.errors import InvalidError, VendorDownError
from intertie.integrations.message import Request, Response
from tests.integrations.shop import CONFIG, Shop
from tests.integrations.stage import Stage, answer

pytestmark = pytest.mark.anyio


async def test_each_attempt_has_the_same_key_and_each_call_another() -> None:
    """Else a retry would pay twice, and a second payment would not be made."""
    stage = Stage()
    stage.vendor.answers = lambda request: answer({}, 503)
    shop = stage.made(Shop, config=CONFIG, circuit_breaker={"failure_threshold": 9})

    for _ in range(2):
        with pytest.raises(VendorDownError):
            await shop.pay(cents=5)

    keys = [each.headers["idempotency-key"] for each in stage.vendor.asked]
    assert len(keys) == 2 * shop.config.retry_policy.max_attempts
    assert len(set(keys[:3])) == 1
    assert len(set(keys)) == 2


async def test_a_given_key_is_sent_as_it_is() -> None:
    """So that two processes that give the same pay once."""
    stage = Stage()

    await stage.made(Shop, config=CONFIG).pay(cents=5, key="order-7")

    assert stage.vendor.asked[0].headers["idempotency-key"] == "order-7"


async def test_a_key_that_nobody_looks_at_is_refused() -> None:
    """It would promise what the vendor does not keep."""
    stage = Stage()

    with pytest.raises(InvalidError, match="the vendor has no such way"):
        await stage.made(Shop, config=CONFIG).make(name="a", key="k")

    assert stage.vendor.asked == []


@example(" padded")
@example("a" * 256)
@given(st.text(max_size=300))
async def test_only_plain_keys_pass(key: str) -> None:
    """No line break, nothing that a header changes on its way."""
    stage = Stage()
    asked: list[Request] = stage.vendor.asked
    good = 0 < len(key) <= 255 and all(" " <= c <= "~" for c in key) and key == key.strip()

    try:
        await stage.made(Shop, config=CONFIG).pay(cents=5, key=key)
    except InvalidError:
        assert not good
        assert asked == []
    else:
        assert good
        assert asked[0].headers["idempotency-key"] == key


async def test_reads_carry_no_key() -> None:
    """There is nothing to keep apart."""
    stage = Stage()
    stage.vendor.answers = lambda request: Response(200, {}, b"{}")

    await stage.made(Shop, config=CONFIG).ping()

    assert "idempotency-key" not in stage.vendor.asked[0].headers
