"""Header fields as a cache reads them."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intertie.gateway.cache import fields


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (b"", {}),
        (b"max-age=3600", {b"max-age": b"3600"}),
        (b"MaX-AgE=1 , NO-store", {b"max-age": b"1", b"no-store": None}),
        (b"max-age=1, max-age=2", {b"max-age": b"1"}),
        (b'max-age="3600"', {b"max-age": b"3600"}),
        (b'extension="max-age=3600", max-age=1', {b"extension": b"max-age=3600", b"max-age": b"1"}),
        (b'no-cache="a, b"', {b"no-cache": b"a, b"}),
        (b",,no-cache,", {b"no-cache": None}),
        (b"max-age =5", {}),
        (b"=5, private", {b"private": None}),
    ],
)
def test_directives(text: bytes, found: dict[bytes, bytes | None]) -> None:
    """The first counts, quotes hold together, and what is no directive is none."""
    assert fields.directives(text) == found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (b"max-age=3600", 3600),
        (b"max-age=003600", 3600),
        (b"max-age=99999999999", fields.MAX_SECONDS),
        (b"max-age=" + b"9" * 5000, 0),
        (b"max-age", 0),
        (b"max-age=", 0),
        (b"max-age='3600'", 0),
        (b"max-age=-1", 0),
        (b"max-age=1.5", 0),
        (b"s-maxage=1", None),
    ],
)
def test_seconds_that_make_no_sense_are_none_at_all(text: bytes, found: int | None) -> None:
    """So that nothing becomes fresh by them (RFC 9111 §4.2.1)."""
    assert fields.seconds(fields.directives(text), b"max-age") == found


@given(st.binary(max_size=200))
def test_no_bytes_make_it_fail(text: bytes) -> None:
    """Whatever an origin sends."""
    fields.seconds(fields.directives(text), b"max-age")
    fields.date(text)
    fields.age([text])
    fields.entity_tags(text)
    fields.names(text)


@given(st.integers(min_value=0, max_value=4_102_444_799))
def test_dates_are_read_as_they_are_written(at: int) -> None:
    """In all three forms that there ever were (RFC 9110 §5.6.7)."""
    moment = datetime.fromtimestamp(at, UTC)

    assert fields.date(fields.http_date(at)) == at
    assert fields.date(moment.strftime("%a %b %e %H:%M:%S %Y").encode()) == at


def test_a_year_of_two_digits_is_a_near_one() -> None:
    """At most 50 years ahead."""
    assert fields.date(b"Sunday, 06-Nov-94 08:49:37 GMT") == 784111777
    assert fields.date(b"Thursday, 18-Aug-50 02:01:18 GMT") == 2544400878


@pytest.mark.parametrize(
    "text",
    [
        b"0",
        b"",
        b"Thu, 18 Aug 2050 02:01:18 UTC",
        b"Thu, 18 Aug 2050 2:01:18 GMT",
        b"Thu 18 Aug 2050 02:01:18 GMT",
        b"Thu, 40 Aug 2050 02:01:18 GMT",
        b"Thu, 18 Foo 2050",
    ],
)
def test_what_is_no_date_is_none(text: bytes) -> None:
    """Nothing is guessed."""
    assert fields.date(text) is None


@pytest.mark.parametrize(
    ("lines", "found"),
    [
        ([], 0),
        ([b" 12 "], 12),
        ([b"0", b"0"], None),
        ([b"7200, 0"], None),
        ([b"-1"], None),
        ([b"1.0"], None),
        ([b"1;a=b"], None),
    ],
)
def test_an_age_that_makes_no_sense_is_none(lines: list[bytes], found: int | None) -> None:
    """Its answer counts as old."""
    assert fields.age(lines) == found


def test_entity_tags_are_compared_without_their_weakness() -> None:
    """A comma within one is no border."""
    assert fields.entity_tags(b'W/"a", "b,c" ,"d"') == [b'"a"', b'"b,c"', b'"d"']
    assert fields.opaque(b'W/"a"') == fields.opaque(b'"a"')
