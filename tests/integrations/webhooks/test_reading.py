"""Bodies of every kind."""

from base64 import b64encode
from dataclasses import replace
from urllib.parse import urlencode

import pytest

from intertie.integrations.errors import InvalidError
from intertie.integrations.webhooks.reading import Body, read
from tests.integrations.webhooks.cases import post


def notice(xml: str | bytes) -> bytes:
    """A form of Braintree's."""
    raw = xml.encode() if isinstance(xml, str) else xml
    return urlencode({"bt_payload": b64encode(raw).decode(), "bt_signature": "x"}).encode()


def test_json_is_taken_as_it_is() -> None:
    """Objects and lists."""
    assert read("json", post(b'{"a": [1, 1.5]}', {})) == {"a": [1, 1.5]}
    assert read("json", post(b"[{}]", {})) == [{}]


def test_a_form_is_fields() -> None:
    """One that is there several times is a list; empty ones stay."""
    assert read("form", post(b"a=1&b=&a=2&a=%C3%A4", {})) == {"a": ["1", "2", "ä"], "b": ""}


def test_a_call_without_a_body_says_it_in_its_address() -> None:
    """Twilio can be told to deliver by GET."""
    delivery = replace(post(b"", {}, "https://h.example/x?From=%2B1&Body="), method="GET")

    assert read("form", delivery) == {"From": "+1", "Body": ""}


def test_the_first_letter_tells_json_from_a_form() -> None:
    """Not the header, which nobody signed."""
    assert read("json or form", post(b' {"a":1}', {})) == {"a": 1}
    assert read("json or form", post(b"payload=%7B%7D", {})) == {"payload": "{}"}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"7",
        b'"text"',
        b"null",
        b"{",
        b"\xff{}",
        b'{"a": NaN}',
        b"[1e999]",
        b"[" * 200_000,
        b"[" + b"9" * 5000 + b"]",
    ],
    ids=lambda body: repr(body[:12]),
)
def test_what_is_no_json_is_refused(body: bytes) -> None:
    """Also what Python would take, and could not give out again."""
    with pytest.raises(InvalidError, match="cannot read a delivery"):
        read("json", post(body, {}))


def test_braintrees_xml_is_read() -> None:
    """Lists, nothing, and names with `-`."""
    xml = """<?xml version="1.0" encoding="UTF-8"?>
    <notification><kind>check</kind><subject><add-ons type="array"><add-on><id>1</id></add-on>
    </add-ons><note nil="true"/><price>1.00</price></subject></notification>"""

    assert read("braintree", post(notice(xml), {})) == {
        "kind": "check",
        "subject": {"add_ons": [{"id": "1"}], "note": None, "price": "1.00"},
    }


BOMB = '<!DOCTYPE a [<!ENTITY b "bb"><!ENTITY c "&b;&b;">]><a><kind>&c;</kind></a>'
OUTSIDE = '<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a><kind>&b;</kind></a>'


@pytest.mark.parametrize(
    "xml",
    [
        BOMB,
        OUTSIDE,
        OUTSIDE.replace("DOCTYPE", "doctype"),
        BOMB.encode("utf-16"),
        f'<?xml version="1.0" encoding="utf-16"?>{BOMB}'.encode("utf-16"),
        f'<?xml version="1.0" encoding="cp037"?>{BOMB}'.encode("cp037"),
        "<a>" + "<b>" * 100 + "</b>" * 100 + "</a>",
        "<a><kind>&unknown;</kind></a>",
        "<a>",
        "",
        b"\xff",
    ],
    ids=lambda xml: repr(xml[:30]),
)
def test_dangerous_xml_is_refused(xml: str | bytes) -> None:
    """Entities in whatever letters, and what has no end."""
    with pytest.raises(InvalidError, match="cannot read a delivery"):
        read("braintree", post(notice(xml), {}))


@pytest.mark.parametrize("body", [b"", b"bt_payload=%", b"bt_payload=AAA", b"x=1"])
@pytest.mark.parametrize("kind", ["braintree"])
def test_a_form_without_a_payload_is_refused(kind: Body, body: bytes) -> None:
    """It may be signed, and still say nothing."""
    with pytest.raises(InvalidError):
        read(kind, post(body, {}))
