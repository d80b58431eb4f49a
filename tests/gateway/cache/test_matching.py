"""Which kept answer a request selects."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intertie.gateway.cache.matching import (
    chosen,
    is_not_modified,
    normal,
    of_304,
    range_holds,
    selects,
)
from intertie.gateway.cache.message import Answer, Request

LATER, EARLIER = b"Tue, 14 Nov 2023 22:13:21 GMT", b"Tue, 14 Nov 2023 22:13:20 GMT"


def asked(**headers: bytes) -> Request:
    """One request."""
    return Request(
        b"GET", b"/", [(key.replace("_", "-").encode(), headers[key]) for key in headers]
    )


@given(st.dictionaries(st.sampled_from(["a", "b", "c"]), st.binary(max_size=8)))
def test_a_request_selects_what_it_brought(headers: dict[str, bytes]) -> None:
    """Whatever its fields hold."""
    made = asked(**headers)

    assert selects(chosen(Answer(200, [(b"vary", b"A, b"), (b"vary", b"c")]), made), made)


@pytest.mark.parametrize(
    ("name", "one", "other"),
    [
        (b"accept-language", b"en, de", b"DE,en"),
        (b"accept-encoding", b"gzip, br;q=0.5", b"br; q=0.5 ,gzip"),
        (b"foo", b"1, 2", b" 1,2 "),
    ],
)
def test_what_means_the_same_is_the_same(name: bytes, one: bytes, other: bytes) -> None:
    """Order of languages, case of them, white space between parts."""
    assert normal(name, one) == normal(name, other)


def test_what_might_mean_something_else_is_not() -> None:
    """Case and order of an unknown field, and the inside of quotes."""
    assert normal(b"foo", b"a, b") != normal(b"foo", b"b, a")
    assert normal(b"foo", b"A") != normal(b"foo", b"a")
    assert normal(b"foo", b'"a, b"') != normal(b"foo", b'"a,b"')


@pytest.mark.parametrize(
    ("request_headers", "expected"),
    [
        ({"if_none_match": b'"1"'}, True),
        ({"if_none_match": b'W/"1"'}, True),
        ({"if_none_match": b'"0", "1"'}, True),
        ({"if_none_match": b"*"}, True),
        ({"if_none_match": b'"2"', "if_modified_since": LATER}, False),
        ({"if_modified_since": LATER}, True),
        ({"if_modified_since": EARLIER}, True),
        ({"if_modified_since": b"yesterday"}, False),
        ({}, False),
    ],
)
def test_conditions(request_headers: dict[str, bytes], expected: bool) -> None:
    """If-None-Match comes before If-Modified-Since (RFC 9110 §13.2.2)."""
    headers = [(b"ETag", b'"1"'), (b"Last-Modified", EARLIER)]

    assert is_not_modified(asked(**request_headers), headers) is expected


def test_a_range_holds_while_the_answer_is_the_same() -> None:
    """By a strong tag or the exact date."""
    headers = [(b"etag", b'"1"'), (b"last-modified", EARLIER)]

    assert range_holds(asked(), headers)
    assert range_holds(asked(if_range=b'"1"'), headers)
    assert range_holds(asked(if_range=EARLIER), headers)
    assert not range_holds(asked(if_range=LATER), headers)
    assert not range_holds(asked(if_range=b'W/"1"'), headers)


def test_a_304_leaves_out_what_describes_the_content() -> None:
    """RFC 9110 §15.4.5."""
    assert of_304([(b"ETag", b"1"), (b"Content-Length", b"5")]) == [(b"ETag", b"1")]
