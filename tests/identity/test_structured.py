"""Structured fields: what the grammar allows, and nothing else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intertie.identity.structured import MAX_LENGTH, InnerList, Item, dictionary


def test_a_dictionary_has_items_and_lists() -> None:
    """With their parameters, in the order they came."""
    found = dictionary('sig1=("@method" "date";sf);created=16;keyid="a\\"b", d=:aGk=: , n=-7, b=?1')

    sig = found["sig1"]
    assert isinstance(sig, InnerList)
    assert sig.items == (Item("@method"), Item("date", {"sf": True}))
    assert sig.parameters == {"created": 16, "keyid": 'a"b'}
    assert sig.text == '("@method" "date";sf);created=16;keyid="a\\"b"'
    assert (found["d"], found["n"], found["b"]) == (Item(b"hi"), Item(-7), Item(True))


@pytest.mark.parametrize(
    "text",
    [
        *("", "a", "A=1", "a=1,", "a=1 b=2", "a=(1", 'a="é"', 'a="x', "a=:?:", "a=:a:", "a=1.5"),
        *("a=1, a=2", "a=1;x=1;x=2", 'a=("x""y")', "a=1234567890123456", "a=\n1", 'a="\\n"'),
        "a=" + "1" * MAX_LENGTH,
    ],
)
def test_what_is_no_dictionary_is_refused(text: str) -> None:
    """Nothing is guessed."""
    with pytest.raises(ValueError, match=r"expected|twice|long"):
        dictionary(text)


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused(text: str) -> None:
    """Never another error."""
    try:
        dictionary(text)
    except ValueError:
        return
