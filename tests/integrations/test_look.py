"""Looking into answers."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from intertie.integrations.look import at, first_text, listed

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


class Page(BaseModel):
    """A part of an answer."""

    items: list[dict[str, int]] = [{"id": 1}]
    count: int = 0


def test_a_path_goes_through_tables_lists_and_models() -> None:
    """Numbers are places in lists."""
    told = {"pages": [Page()], "0": "zero"}

    assert at(told, "pages.0.items.0.id") == 1
    assert at(told, "pages.0.count") == 0
    assert at(told, "0") == "zero"
    assert at(told, "") is told


def test_where_nothing_is_there_is_nothing() -> None:
    """No error, whatever the answer is."""
    for path in ("pages.1", "pages.-1", "pages.x", "none.a.b", "pages.0.items.id", "a..b"):
        assert at({"pages": [Page()], "none": None}, path) is None


@given(JSON, st.text() | st.from_regex(r"[a-z0-9.]*"))
def test_no_answer_breaks_it(told: Any, path: str) -> None:
    """Deep, foreign or empty; also with digits that are none of ours."""
    at(told, path)
    assert isinstance(first_text(told, (path, "a.b")), str)
    assert isinstance(listed(told, path), list | tuple)


def test_the_first_text_is_taken() -> None:
    """Empty ones, and what is none, are passed over."""
    told = {"a": "", "b": 5, "c": {"d": "found"}, "e": "later"}

    assert first_text(told, ("a", "b", "missing", "c.d", "e")) == "found"
    assert first_text(told, ("a", "b")) == ""
    assert first_text(None, ("a",)) == ""


def test_a_text_is_no_list() -> None:
    """Else its letters would be things."""
    assert listed({"a": "abc"}, "a") == ()
    assert listed({"a": (1, 2)}, "a") == (1, 2)
