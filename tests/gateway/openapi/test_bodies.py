"""Bodies by their content type."""

from typing import Any

import pytest

from tests.gateway.openapi.documents import FORM, JSON, Asker, described, one

PERSON: Any = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "minLength": 1},
        "age": {"type": "integer"},
        "tags": {"type": "array", "items": {"type": "integer"}},
        "file": {"type": "string", "format": "binary"},
        "meta": {"type": "object", "properties": {"a": {"type": "integer"}}},
    },
    "required": ["name"],
}


def taking(*kinds: str, schema: Any = PERSON, **more: object) -> Asker:
    """A document whose only operation takes these kinds of body."""
    content = {kind: {"schema": schema, **more} for kind in kinds}
    return Asker(described({"/a": {"post": {"requestBody": {"content": content}}}}))


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b'{"name": "x"}', None),
        (b'{"name": ""}', 422),
        (b"{}", 422),
        (b"{", 400),
        (b"\xff", 400),
        (b'{"name": "x", "name": "y"}', 400),
        (b'{"name": "\\ud800"}', 400),
        (b"[" * 60_000, 400),
        (b"", 400),
    ],
)
def test_json_is_checked(body: bytes, status: int | None) -> None:
    """Malformed is 400, other than described 422."""
    found = one(PERSON).raw("/a", body, JSON)

    assert [each.status for each in found] == ([status] if status else [])


@pytest.mark.parametrize(
    ("kind", "ok"),
    [
        ("application/json", True),
        ("Application/JSON; charset=utf-8", True),
        ("application/problem+json", False),
        ("text/json", False),
        ("", False),
    ],
)
def test_a_body_of_another_kind_is_refused(kind: str, ok: bool) -> None:
    """With 415, and what is taken."""
    found = one(PERSON).raw("/a", b'{"name": "x"}', {"content-type": kind} if kind else {})

    assert [each.status for each in found] == ([] if ok else [415])
    assert ok or "application/json" in found[0].message


@pytest.mark.parametrize(
    ("taken", "sent", "ok"),
    [
        ("*/*", "text/x", True),
        ("text/*", "text/x", True),
        ("text/*", "image/x", False),
        ("application/*+json", "application/hal+json", True),
        ("application/*+json", "application/json", False),
        ("application/json; v=2", "application/json", True),
    ],
)
def test_kinds_may_be_ranges(taken: str, sent: str, ok: bool) -> None:
    """The most exact one decides."""
    asker = taking(taken)
    body = b'{"name": "x"}'

    assert (asker.raw("/a", body, {"content-type": sent}) == []) == ok


@pytest.mark.parametrize(
    ("body", "wrong"),
    [
        (b"name=x&age=7&tags=1&tags=2", []),
        (b"name=a+b%21", []),
        (b"name=x&other=1", []),
        (b"name=x&age=old", ["/age"]),
        (b"name=x&tags=1&tags=y", ["/tags/1"]),
        (b"age=1", [""]),
        (b"name=x&name=y", [""]),
        (b"name=\xff", [""]),
    ],
)
def test_forms_are_checked(body: bytes, wrong: list[str]) -> None:
    """Each field as its type."""
    found = taking("application/x-www-form-urlencoded").raw("/a", body, FORM)

    assert [each.name for each in found] == wrong


def test_fields_of_forms_have_styles() -> None:
    """As `encoding` says."""
    encoding = {"tags": {"style": "pipeDelimited"}, "meta": {"style": "deepObject"}}
    asker = taking("application/x-www-form-urlencoded", encoding=encoding)

    assert asker.raw("/a", b"name=x&tags=1|2&meta[a]=3", FORM) == []
    assert len(asker.raw("/a", b"name=x&tags=1|y&meta[a]=z", FORM)) == 2


def test_an_empty_form_has_no_fields() -> None:
    """So it is right when none is needed, even where a body is."""
    kind = "application/x-www-form-urlencoded"
    body = {"required": True, "content": {kind: {"schema": {"type": "object"}}}}
    asker = Asker(described({"/a": {"post": {"requestBody": body}}}))

    assert asker.raw("/a", b"", FORM) == []
    assert asker.raw("/a", b"", JSON) != []


def part(name: str, text: str, more: str = "", kind: str = "") -> str:
    """One part of a multipart body."""
    told = f"Content-Type: {kind}\r\n" if kind else ""
    return f'--x\r\nContent-Disposition: form-data; name="{name}"{more}\r\n{told}\r\n{text}\r\n'


@pytest.mark.parametrize(
    ("given", "wrong"),
    [
        ([part("name", "x"), part("file", "\x00", '; filename="f"')], []),
        ([part("name", "x"), part("age", "7"), part("tags", "1"), part("tags", "2")], []),
        ([part("name", "x"), part("meta", '{"a": 1}', "", "application/json")], []),
        ([part("name", "x"), part("meta", '{"a": "y"}', "", "application/json")], ["/meta/a"]),
        ([part("name", "x"), part("meta", "{")], [""]),
        ([part("name", "x"), part("age", "old")], ["/age"]),
        ([part("name", "x"), part("tags", "y")], ["/tags/0"]),
        ([part("name", "x"), part("name", "y")], ["/name"]),
        ([part("age", "7")], [""]),
    ],
)
def test_multipart_is_checked(given: list[str], wrong: list[str]) -> None:
    """Text and JSON by their schemas, files by being there."""
    body = "".join([*given, "--x--\r\n"]).encode()
    headers = {"content-type": "multipart/form-data; boundary=x"}

    found = taking("multipart/form-data").raw("/a", body, headers)

    assert [each.name for each in found] == wrong


def test_text_is_checked_and_others_are_let_through() -> None:
    """Nobody looks into images."""
    short = {"type": "string", "maxLength": 3}
    asker = taking("text/plain", "image/png", schema=short)

    assert asker.raw("/a", b"abc", {"content-type": "text/plain"}) == []
    assert asker.raw("/a", b"abcd", {"content-type": "text/plain"}) != []
    assert asker.raw("/a", b"\xff" * 99, {"content-type": "image/png"}) == []


def test_a_body_where_none_is_described_is_refused() -> None:
    """Nobody has checked it."""
    asker = Asker(described({"/a": {"post": {}}}))

    assert asker.raw("/a", b"", {}) == []
    assert [each.message for each in asker.raw("/a", b"x", JSON)] == ["expected no body"]
