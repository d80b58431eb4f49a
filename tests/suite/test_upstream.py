"""How the suite says the gateway talks to a service."""

import pytest
from pydantic import ValidationError

from intertie.suite.upstream import AdaptiveConcurrency, Upstream


def test_a_hash_of_something_has_its_name() -> None:
    """Of the header or cookie that makes requests alike."""
    with pytest.raises(ValidationError, match="expected the name of the cookie"):
        Upstream.model_validate({"load_balancing": {"kind": "maglev", "hash_on": "cookie"}})


def test_guides_words_for_a_breaker_are_known() -> None:
    """`failure_threshold` and `recovery_timeout`."""
    made = Upstream.model_validate(
        {"circuit_breaker": {"failure_threshold": 5, "recovery_timeout": 60}}
    )

    assert made.circuit_breaker is not None
    assert made.circuit_breaker.recovery_timeout == 60


def test_the_fewest_at_once_are_no_more_than_the_most() -> None:
    """Else no number would do."""
    with pytest.raises(ValidationError, match="no more than `max`, 5"):
        AdaptiveConcurrency(latency=0.1, min=6, max=5)
