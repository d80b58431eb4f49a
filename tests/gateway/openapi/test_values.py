"""JSON that every program reads in the same way."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intertie.gateway.openapi.values import JsonError, read_json


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "NaN",
        "[Infinity]",
        '{"a":1,"a":2}',
        "[" * 100_000,
        "9" * 5_000,
        "{'a': 1}",
        '"\\uD800"',
    ],
)
def test_json_that_may_be_read_in_two_ways_is_refused(text: str) -> None:
    """A service must not see another value than the one that was checked."""
    with pytest.raises(JsonError, match="expected JSON"):
        read_json(text)


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists))
def test_json_is_read(value: object) -> None:
    """As it was written."""
    assert read_json(json.dumps(value)) == value
