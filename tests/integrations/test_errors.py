"""The tree of what may become of a call."""

import inspect
from datetime import UTC, datetime

import pytest

from intertie.integrations import errors
from intertie.integrations.errors import (
    CircuitOpenError,
    IntegrationError,
    InvalidError,
    QuotaSpentError,
    ScopeMissingError,
    ThrottledError,
    VendorDownError,
)

CLASSES = [
    each
    for _, each in inspect.getmembers(errors, inspect.isclass)
    if issubclass(each, IntegrationError) and each is not IntegrationError
]
CAUSES = {"auth", "scope", "quota", "vendor", "request", "drift", "egress"}


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_each_says_whether_to_try_again_and_whom_to_blame(kind: type[IntegrationError]) -> None:
    """And stands in the tree that the module begins with."""
    assert kind.retry in {"no", "yes", "after"}
    assert kind.cause in CAUSES
    assert kind.__name__ in (errors.__doc__ or "")


def test_errors_carry_what_a_caller_acts_on() -> None:
    """When to come back, what to ask for, where it is wrong."""
    until = datetime(2030, 1, 1, tzinfo=UTC)

    assert ThrottledError("x", retry_after_s=3).retry_after_s == 3
    assert QuotaSpentError("x", until=until).until == until
    assert ScopeMissingError("x", scopes=["a"]).scopes == ("a",)
    assert InvalidError("x", fields={"limit": "too large"}).fields == {"limit": "too large"}
    assert (VendorDownError.retry, CircuitOpenError.retry) == ("yes", "no")
