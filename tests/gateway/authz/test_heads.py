"""A head that was read before is told by its bytes, and by nothing less."""

import httptools
import pytest
from hypothesis import given
from hypothesis import strategies as st

from intertie.gateway.authz.heads import MAX_HEAD_BYTES, Heads
from intertie.gateway.authz.question import REQUEST_ID

HEADERS = {"host": "a", "x-api-key": "k", "x-intertie-route": "shop"}


def _request(target: str = "/check/orders", *, method: str = "GET", id: str = "r-1") -> bytes:
    lines = [f"{method} {target} HTTP/1.1", "host: a", "x-api-key: k"]
    lines += [f"{REQUEST_ID}: {id}", "x-intertie-route: shop", "", ""]
    return "\r\n".join(lines).encode()


def _heads() -> Heads:
    heads = Heads()
    heads.learn(_request(), {**HEADERS, REQUEST_ID: "r-1"})
    return heads


def test_the_next_request_of_a_client_is_known_whatever_its_path_and_id() -> None:
    """With its own method, target and id."""
    found = _heads().question(_request("/check/orders/7?x=1", method="DELETE", id="r-2"))

    assert found is not None
    assert (found.method, found.target, found.request_id) == ("DELETE", "/orders/7?x=1", "r-2")
    assert found.headers == HEADERS


@pytest.mark.parametrize(
    "data",
    [
        _request().replace(b"x-api-key: k", b"x-api-key: l"),
        _request().replace(b"x-api-key: k\r\n", b""),
        _request().replace(b"x-api-key", b"x-api-kez"),
        _request() + _request(),
        _request() + b"body",
        _request()[:-1],
        _request("/own-usage"),
        _request("/check /orders"),
        _request("/check/a\x01"),
        _request("/check/a\nx-api-key: other"),
        _request(method="CONNECT"),
        _request(method="get"),
        _request().replace(b"HTTP/1.1", b"HTTP/1.0"),
        b"",
        b"\r\n\r\n",
    ],
)
def test_all_else_is_for_the_parser(data: bytes) -> None:
    """Another header, more than a head, less than one, or a line that is none."""
    assert _heads().question(data) is None


def test_room_is_bounded() -> None:
    """The head that came least lately goes; one that is too long is never kept."""
    heads = Heads(max_heads=2)
    for key in ("a", "b", "c"):
        heads.learn(_request().replace(b"x-api-key: k", f"x-api-key: {key}".encode()), {})
    heads.learn(_request("/check/" + "x" * MAX_HEAD_BYTES), {})

    assert len(heads) == 2
    assert heads.question(_request().replace(b"x-api-key: k", b"x-api-key: a")) is None
    assert heads.question(_request().replace(b"x-api-key: k", b"x-api-key: c")) is not None


class _Seen:
    def __init__(self) -> None:
        self.target = b""
        self.headers: dict[str, str] = {}

    def on_url(self, url: bytes) -> None:
        self.target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers[name.decode()] = value.decode("latin-1")


@given(
    target=st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=30),
    id=st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=40),
)
def test_what_is_known_is_what_the_parser_would_say(target: str, id: str) -> None:
    """Path, headers and id are the same by both ways."""
    data = _request(f"/check/{target}", id=id)
    seen = _Seen()
    parser = httptools.HttpRequestParser(seen)
    try:
        parser.feed_data(data)
    except httptools.HttpParserError:
        return  # Envoy sends no such path
    found = _heads().question(data)

    assert found is not None
    assert found.target == seen.target.decode().removeprefix("/check")
    assert {**found.headers, REQUEST_ID: found.request_id} == seen.headers
