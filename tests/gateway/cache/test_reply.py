"""Heads that go to clients."""

from http import HTTPStatus

from intertie.gateway.cache.message import Answer, Request
from intertie.gateway.cache.policy import Standing
from intertie.gateway.cache.reply import Framing, local, of_kept, of_origin, pieces
from intertie.gateway.cache.store import PUBLIC, Address, Kept

KEPT = Kept(
    Address(b"", b"", b"", b"/"),
    PUBLIC,
    (),
    200,
    b'HTTP/1.1 200 OK\r\netag: "1"\r\ncontent-length: 5\r\n',
    b"abcde",
    Standing(1000, 60, False, False, 0, 0, True, ""),
)


def asked(method: bytes = b"GET", **headers: bytes) -> Request:
    """One request."""
    return Request(
        method, b"/", [(key.replace("_", "-").encode(), headers[key]) for key in headers]
    )


def test_a_kept_answer_tells_its_age() -> None:
    """And what is left of its time (RFC 9211)."""
    reply = of_kept(asked(), KEPT, b"hit", 1010.9)

    assert reply.head.endswith(b"age: 10\r\ncache-status: intertie; hit; ttl=50\r\n")
    assert reply.body == b"abcde"


def test_parts_and_conditions() -> None:
    """206, 304 and 416 of the same answer."""
    part = of_kept(asked(range=b"bytes=1-2"), KEPT, b"hit", 1000)
    same = of_kept(asked(if_none_match=b'"1"'), KEPT, b"hit", 1000)
    none = of_kept(asked(range=b"bytes=9-"), KEPT, b"hit", 1000)

    assert part.head.startswith(b"HTTP/1.1 206 ")
    assert b"content-length: 2\r\n" in part.head
    assert bytes(part.body) == b"bc"
    assert (same.head[:12], same.body) == (b"HTTP/1.1 304", b"")
    assert b"content-length" not in same.head
    assert none.head.startswith(b"HTTP/1.1 416 ")


def test_only_a_200_has_parts() -> None:
    """A 404 is given whole."""
    missing = Kept(KEPT.address, PUBLIC, (), 404, b"HTTP/1.1 404 x\r\n", b"no", KEPT.standing)

    assert of_kept(asked(range=b"bytes=0-0"), missing, b"hit", 1000).body == b"no"


def test_how_the_end_is_told() -> None:
    """A length that stands beside chunks is not passed on (RFC 9112 §6.3)."""
    sized = Answer(200, [(b"Content-Length", b"5")])
    both = Answer(200, [(b"Content-Length", b"5"), (b"Transfer-Encoding", b"chunked")])

    assert of_origin(asked(), sized, b"fwd=miss")[1] is Framing.LENGTH
    head, framing = of_origin(asked(), both, b"fwd=miss")
    assert framing is Framing.CHUNKED
    assert b"ontent-" not in head
    assert of_origin(asked(b"HEAD"), both, b"fwd=miss")[1] is Framing.NONE


def test_our_own_words_are_kept_by_nobody() -> None:
    """They are about this moment."""
    reply = local(HTTPStatus.BAD_GATEWAY, b"fwd=miss", 0)

    assert b"cache-control: no-store\r\n" in reply.head
    assert b"content-length: %d\r\n" % len(reply.body) in reply.head


def test_pieces_make_the_whole() -> None:
    """Without copies."""
    assert b"".join(pieces(b"abcdefg", 3)) == b"abcdefg"
