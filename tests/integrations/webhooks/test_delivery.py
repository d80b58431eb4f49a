"""Headers, and times."""

from dataclasses import replace

import pytest

from intertie.integrations.errors import WebhookForgedError
from intertie.integrations.webhooks.delivery import check_time, equal, matching
from tests.integrations.webhooks.cases import NOW, post

STAMP = str(int(NOW.timestamp()))


def test_a_header_that_is_there_twice_is_refused() -> None:
    """Also when both say the same; one that is missing is empty, or refused where it is needed."""
    delivery = replace(post(b"", {}), headers={"once": [" a "], "twice": ["a", "a"]})

    assert delivery.header("once") == "a"
    assert delivery.header("never") == ""
    with pytest.raises(WebhookForgedError, match="twice is there 2 times"):
        delivery.header("twice")
    with pytest.raises(WebhookForgedError, match="never is missing"):
        delivery.needed("never")


def test_repr_shows_no_content() -> None:
    """Addresses, headers and bodies may hold secrets; logs show what they are given."""
    shown = repr(post(b"hidden", {"hidden": "hidden"}, "https://hidden.example"))

    assert "hidden" not in shown


@pytest.mark.parametrize(
    "stamp", ["", "+1800000000", "1_800_000_000", "1800000000.0", "١٨٠٠٠٠٠٠٠٠", "9" * 400, "-1"]
)
def test_a_time_is_plain_digits(stamp: str) -> None:
    """Whatever Python reads as a number beside that was not what the vendor sent."""
    with pytest.raises(WebhookForgedError, match="no number"):
        check_time(stamp, post(b"", {}), 1e12)


def test_a_time_may_be_off_both_ways() -> None:
    """By the tolerance, in the unit of the stamp."""
    delivery = post(b"", {})

    check_time(STAMP, delivery, 0)
    check_time(f"{STAMP}999", delivery, 1, per_s=1000)
    with pytest.raises(WebhookForgedError, match="it is 301 s early"):
        check_time(str(int(STAMP) + 301), delivery, 300)
    with pytest.raises(WebhookForgedError, match="it is 301 s old"):
        check_time(str(int(STAMP) - 301), delivery, 300)


def test_many_signatures_are_refused() -> None:
    """Each costs time."""
    assert matching(["a", "b"], ["x"] * 15 + ["B"], str.upper) == 1
    with pytest.raises(WebhookForgedError, match="17 signatures"):
        matching(["a"], ["A"] * 17, str.upper)


def test_texts_are_compared_whatever_they_hold() -> None:
    """Half a surrogate pair too."""
    assert equal("ä", "ä")
    assert not equal("a", "\ud800")
