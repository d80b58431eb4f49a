"""The text of an API key."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intertie.identity import keytext
from intertie.identity.keytext import LENGTH, PATTERN, base62, make, parse

_IDS = st.binary(min_size=keytext.ID_BYTES, max_size=keytext.ID_BYTES)
_SECRETS = st.binary(min_size=keytext.SECRET_BYTES, max_size=keytext.SECRET_BYTES)
_KEY = make(b"\x01" * 11, b"\x02" * 32)


@given(id=_IDS, secret=_SECRETS)
def test_a_key_is_read_back(id: bytes, secret: bytes) -> None:
    """Any bytes become a key of one length, in letters and digits, and the same parts again."""
    key = make(id, secret)

    assert parse(key.text) == key
    assert len(key.text) == LENGTH
    assert re.fullmatch(r"itk(_[0-9A-Za-z]+){3}", key.text)


@given(one=_SECRETS, two=_SECRETS)
def test_two_secrets_are_two_texts(one: bytes, two: bytes) -> None:
    """All 256 bits are in it."""
    assert (make(b"i", one).text == make(b"i", two).text) == (one == two)


@given(place=st.integers(0, LENGTH - 1), char=st.characters())
def test_a_typing_error_is_seen_without_asking(place: int, char: str) -> None:
    """One wrong character, wherever: the checksum tells."""
    text = _KEY.text
    wrong = text[:place] + char + text[place + 1 :]

    assert (parse(wrong) is not None) == (wrong == text)


@given(text=st.text(max_size=100))
def test_other_text_is_no_key(text: str) -> None:
    """And raises nothing."""
    assert parse(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "itk_",
        _KEY.text + " ",
        _KEY.text + "\n",
        _KEY.text[:-1],
        _KEY.text.upper(),
        _KEY.text.replace("itk", "itx"),
        _KEY.text.replace("1", "１"),  # noqa: RUF001 — a wide digit
        "itk_" * 100_000,
    ],
)
def test_almost_a_key_is_none(text: str) -> None:
    """Not even with a line end after it."""
    assert parse(text) is None


def test_a_scanner_finds_it_in_other_text() -> None:
    """The pattern is all that is needed; the checksum says that it is no accident."""
    found = PATTERN.search(f"export KEY='{_KEY.text}' # of ann")

    assert found is not None
    assert parse(found[0]) == _KEY


def test_nothing_of_the_secret_is_shown() -> None:
    """Nor is enough of it in the last four."""
    assert _KEY.secret not in repr(_KEY)
    assert len(_KEY.last4) == 4


def test_base62_counts_and_refuses_what_does_not_fit() -> None:
    """Zeros in front; digits, capitals, small letters."""
    assert [base62(n, 2) for n in (0, 9, 10, 35, 36, 61, 62)] == [
        "00",
        "09",
        "0A",
        "0Z",
        "0a",
        "0z",
        "10",
    ]
    with pytest.raises(ValueError, match="more than 2 digits"):
        base62(62**2, 2)
