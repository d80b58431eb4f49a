"""The words that connectors are described in."""

from dataclasses import FrozenInstanceError, fields, is_dataclass
from typing import get_args

import pytest

from intertie.integrations import data
from intertie.integrations.data import Errors, Limits, Pages


def test_values_cannot_be_changed() -> None:
    """They are shared by all connections of a kind."""
    limits = Limits(requests_per_minute=10)

    with pytest.raises(FrozenInstanceError):
        limits.requests_per_minute = 20  # type: ignore[misc]


def test_every_kind_of_pages_says_where_the_things_are() -> None:
    """So that all of them can be walked through."""
    for kind in get_args(Pages):
        assert is_dataclass(kind)
        assert "items" in {each.name for each in fields(kind)}


def test_no_status_means_two_things() -> None:
    """The usual meaning of answers."""
    usual = Errors()
    groups = ("auth", "forbidden", "absent", "clash", "throttled", "vendor_down")
    found = [status for name in groups for status in getattr(usual, name)]

    assert len(found) == len(set(found))
    assert data.__doc__
