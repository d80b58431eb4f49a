"""The bytes that Envoy is answered."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intertie.gateway.authz.answer import (
    Refusal,
    document,
    header_lines,
    identity,
    refusal,
    without_cookies,
)
from intertie.identity.principal import Principal


def test_a_refusal_is_a_problem_document() -> None:
    """It names the rule, the route and the request."""
    refused = Refusal(403, "role_missing", "no", "role:admin")
    head, _, body = refusal(refused, route="orders", request_id="r-1").partition(b"\r\n\r\n")

    assert head.startswith(b"HTTP/1.1 403 Forbidden\r\n")
    assert f"content-length: {len(body)}".encode() in head
    assert b"cache-control: no-store" in head
    assert json.loads(body) == {
        "type": "about:blank",
        "title": "Forbidden",
        "status": 403,
        "detail": "no",
        "code": "role_missing",
        "policy": "role:admin",
        "route": "orders",
        "request_id": "r-1",
    }


@given(st.text())
def test_no_value_can_add_a_header(text: str) -> None:
    """Whatever a name or an address holds."""
    told = identity(Principal("user", "ada", name=text, tenant=text or "t"))
    lines = header_lines({"a": text})

    assert b"\r" not in lines.removesuffix(b"\r\n")
    assert b"\n" not in lines.removesuffix(b"\r\n")
    assert all(line.partition(b": ")[0] in _NAMES for line in told.split(b"\r\n"))
    assert document(200, b"", {"a": text}, kind="b").count(b"\r\n\r\n") == 1


_NAMES = {
    b"x-forwarded-user",
    b"x-client-id",
    b"x-tenant-id",
    b"x-roles",
    b"x-envoy-auth-headers-to-remove",
    b"",
}


@pytest.mark.parametrize(
    ("header", "rest"),
    [
        ("intertie=1", ""),
        ("a=b; intertie=1; c=d", "a=b; c=d"),
        ("__Host-intertie=1;a=b", "a=b"),
        ("notintertie=1; intertie2=3", "notintertie=1; intertie2=3"),
        ("intertie=1; intertie=2", ""),
        ("intertie", ""),
    ],
)
def test_the_cookie_of_a_session_is_taken_out_and_no_other(header: str, rest: str) -> None:
    """Services get the cookies that are theirs."""
    assert without_cookies(header, ("__Host-intertie", "intertie")) == rest


def test_an_unusual_status_is_answered_all_the_same() -> None:
    """`throttling_response` may be any from 400 on."""
    assert document(499, b"", kind="a").startswith(b"HTTP/1.1 499 ")
