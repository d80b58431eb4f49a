"""Durations as options."""

import click
import pytest

from intertie.cli.span import Span


def test_a_duration_is_seconds() -> None:
    """As the suite file has it; anything else is a fault of the option."""
    assert Span().convert("1h30m", None, None) == 5400
    assert Span().convert("7d", None, None) == 604_800
    with pytest.raises(click.BadParameter, match="expected a duration"):
        Span().convert("soon", None, None)
