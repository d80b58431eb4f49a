"""Patterns that no text can make slow."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intertie.monitor.linear import fits, is_linear

PATTERNS = st.recursive(
    st.sampled_from(["a", "b", ".", "[ab]", "[^a]", r"\.", ""]),
    lambda inner: st.one_of(
        st.tuples(inner, inner).map("".join),
        st.tuples(inner, inner).map(lambda two: f"(?:{two[0]}|{two[1]})"),
        st.tuples(inner, st.sampled_from("*+?")).map(lambda two: f"(?:{two[0]}){two[1]}"),
    ),
    max_leaves=6,
)


@given(PATTERNS, st.text("ab.\n", max_size=6))
def test_it_fits_what_pythons_engine_fits(pattern: str, text: str) -> None:
    """The whole text, and `.` is any character."""
    assert is_linear(pattern)
    assert fits(pattern, text) == (re.fullmatch(pattern, text, re.DOTALL) is not None)


def test_repeated_repetition_is_answered_at_once() -> None:
    """Python's engine would look at it for longer than the sun shines."""
    assert not fits("(a+)+b", "a" * 10_000)
    assert not fits("(a|aa)*b", "a" * 10_000)


def test_a_pattern_ends_where_it_is_written() -> None:
    """It closes no group that is not its own."""
    assert not is_linear("a)|(b")
    assert not fits("a$", "a\n")


@pytest.mark.parametrize("pattern", ["(?=a)a", r"(a)\1", "(?<!b)a"])
def test_what_only_pythons_engine_knows_is_asked_there(pattern: str) -> None:
    """Those who may write such are the suite's own people."""
    assert not is_linear(pattern)
    assert not fits(pattern, "b")
