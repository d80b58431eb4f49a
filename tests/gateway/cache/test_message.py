"""Heads, and what is for one hop only."""

from intertie.gateway.cache.message import (
    Request,
    block,
    end_to_end,
    parse_block,
    status_line,
    without,
)


def test_what_connection_lists_goes_no_further() -> None:
    """Nor what is for one hop by its name (RFC 9110 §7.6.1)."""
    headers = [(b"Connection", b"close, X-Odd"), (b"x-odd", b"1"), (b"TE", b"x"), (b"A", b"1")]

    assert end_to_end(headers) == [(b"A", b"1")]


def test_a_block_is_read_as_it_was_written() -> None:
    """Also with values that look like names."""
    headers = [(b"A", b"1: 2"), (b"b", b""), (b"a", b"3")]

    assert parse_block(block(headers)) == headers


def test_lines_of_one_field_are_one() -> None:
    """For looking up, whatever the case."""
    request = Request(b"GET", b"/", [(b"A", b"1"), (b"a", b"2")])

    assert request.get(b"a") == b"1, 2"
    assert without(request.headers, {b"a"}) == []


def test_a_request_has_a_body_if_it_says_so() -> None:
    """A length of 0 is none."""
    assert Request(b"GET", b"/", [(b"Content-Length", b"3")]).has_body
    assert Request(b"GET", b"/", [(b"Transfer-Encoding", b"chunked")]).has_body
    assert not Request(b"GET", b"/", [(b"Content-Length", b"0")]).has_body


def test_the_origins_words_stay() -> None:
    """And known ones are found where there are none."""
    assert status_line(200, b"Fine") == b"HTTP/1.1 200 Fine\r\n"
    assert status_line(206) == b"HTTP/1.1 206 Partial Content\r\n"
    assert status_line(799) == b"HTTP/1.1 799 \r\n"
