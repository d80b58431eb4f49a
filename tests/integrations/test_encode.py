"""Requests as vendors want them."""

import json
import re
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import Field

from intertie.integrations.encode import flat, nested, request_of, segment, text
from intertie.integrations.operation import (
    Arguments,
    Empty,
    Nothing,
    delete,
    get,
    graphql,
    patch,
    post,
)
from tests.integrations.shop import Id

BASE = "https://api.shop.example/v1"
NAMES = st.text(st.characters(blacklist_characters="[]", blacklist_categories=["Cs"]), min_size=1)
NAMES = NAMES.filter(lambda name: not name.isdigit())
LEAVES = st.text(st.characters(blacklist_categories=["Cs"])) | st.integers() | st.booleans()
TREES = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, min_size=1, max_size=4)
        | st.dictionaries(NAMES, inner, min_size=1, max_size=4)
    ),
    max_leaves=12,
)


class Told(Arguments):
    """Of each sort."""

    id: str = "1"
    since: str | None = Field(default=None, alias="from")
    flags: list[str] = Field(default_factory=list)
    is_new: bool | None = None
    more: dict[str, Any] | None = None


def decoded(pairs: list[tuple[str, str]]) -> Any:
    """What a server that knows `a[b][0]=c` reads, written apart from our own code."""
    tree: dict[str, Any] = {}
    for key, value in pairs:
        head, rest = re.fullmatch(r"([^\[\]]+)((?:\[[^\[\]]*\])*)", key, re.DOTALL).groups()  # type: ignore[union-attr]
        steps = [head, *re.findall(r"\[([^\[\]]*)\]", rest)]
        here = tree
        for step in steps[:-1]:
            here = here.setdefault(step, {})
        assert steps[-1] not in here
        here[steps[-1]] = value
    return as_lists(tree)


def as_lists(tree: Any) -> Any:
    """Tables with the keys 0, 1, 2 … are lists."""
    if not isinstance(tree, dict):
        return tree
    if list(tree) == [str(number) for number in range(len(tree))]:
        return [as_lists(each) for each in tree.values()]
    return {name: as_lists(each) for name, each in tree.items()}


def as_texts(tree: Any) -> Any:
    """What is left of a value in a form: every leaf is a text."""
    if isinstance(tree, dict):
        return {name: as_texts(each) for name, each in tree.items()}
    if isinstance(tree, list):
        return [as_texts(each) for each in tree]
    return str(tree).lower() if isinstance(tree, bool) else str(tree)


@given(st.dictionaries(NAMES, TREES, max_size=5))
def test_a_nested_form_is_read_as_it_was_told(tree: dict[str, Any]) -> None:
    """By another decoder, after the way over the wire."""
    operation = post("/x", Told, Empty, encoding="nested form")
    request = request_of(operation, Told(id="1", more={"t": tree}), base=BASE, timeout_s=1)
    assert request.body is not None

    pairs = parse_qsl(request.body.decode(), keep_blank_values=True, strict_parsing=True)

    read = decoded(pairs)
    assert read["id"] == "1"
    assert read.get("more", {}).get("t", {}) == as_texts(tree)


@given(st.dictionaries(NAMES, LEAVES | st.lists(LEAVES, min_size=1), max_size=5))
def test_a_flat_form_repeats_the_names_of_lists(told: dict[str, Any]) -> None:
    """In the order in which they were told."""
    pairs = list(flat(told))

    for name, value in told.items():
        found = [each for key, each in pairs if key == name]
        assert found == [as_texts(each) for each in (value if isinstance(value, list) else [value])]


@example("..")
@example(".")
@example("../../admin")
@example("a/../b")
@example("%2e%2e")
@example("%2e%2e%2fadmin")
@example("..;/admin")
@example("x?y#z")
@example("\u2024\u2024/")
@example("..\\..")
@example("ä\r\nhost: evil")
@given(st.text(st.characters(blacklist_categories=["Cs"]), min_size=1))
def test_a_part_of_a_path_never_leaves_it(value: str) -> None:
    """It arrives as it was told, in its own place, or the call is not made."""
    operation = get("/items/{id}/parts", Id, Empty)
    try:
        request = request_of(operation, Id(id=value), base=BASE, timeout_s=1)
    except ValueError:
        assert value in {".", ".."}
        return

    parts = urlsplit(request.url)
    segments = parts.path.split("/")
    assert (parts.scheme, parts.netloc, parts.query, parts.fragment) == (
        "https",
        "api.shop.example",
        "",
        "",
    )
    assert segments[:3] + segments[4:] == ["", "v1", "items", "parts"]
    assert unquote(segments[3], errors="strict") == value
    assert re.fullmatch(r"[A-Za-z0-9_.~%-]+", segments[3])


@pytest.mark.parametrize("value", ["", None])
def test_a_path_without_its_part_is_no_path(value: object) -> None:
    """Else an empty id would mean the whole list: DELETE /items/."""

    class Loose(Arguments):
        id: str | list[str] | None = None

    operation = delete("/items/{id}", Loose, Empty)
    for each in (value, []):
        with pytest.raises(ValueError, match="id is needed for the address"):
            request_of(operation, Loose.model_validate({"id": each}), base=BASE, timeout_s=1)


@pytest.mark.parametrize("value", [".", ".."])
def test_dots_alone_are_refused(value: str) -> None:
    """They go up however they are written."""
    with pytest.raises(ValueError, match="cannot be a part of an address"):
        segment(value)


def test_a_query_has_what_the_path_has_not() -> None:
    """By the vendor's names; what is not told is not sent, lists have commas."""
    told = Told.model_validate(
        {"id": "1", "from": "a b+c&d=é", "flags": ["x", "y"], "is_new": False, "more": {"a": None}}
    )

    request = request_of(get("/i/{id}", Told, Empty), told, base=BASE, timeout_s=3)

    assert request.url == (
        f"{BASE}/i/1?from=a%20b%2Bc%26d%3D%C3%A9&flags=x%2Cy&is_new=false"
        "&more=%7B%22a%22%3A%20null%7D"
    )
    assert request.body is None
    assert request.timeout_s == 3


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        (True, "true"),
        (None, ""),
        ([1, None, "a"], "1,,a"),
        ({"a": [1]}, '{"a": [1]}'),
        (1.5, "1.5"),
    ],
)
def test_no_value_is_spelt_as_python_does(value: object, wanted: str) -> None:
    """No `None`, `True` or quotes of ours reach a vendor."""
    assert text(value) == wanted


def test_a_body_of_json_has_what_the_path_has_not() -> None:
    """Nothing beside it."""
    told = Told.model_validate({"id": "1", "from": "x", "more": {"n": None}})

    request = request_of(patch("/i/{id}", Told, Empty), told, base=BASE, timeout_s=1)

    assert request.headers["content-type"] == "application/json"
    assert json.loads(request.body or b"") == {"from": "x", "flags": [], "more": {"n": None}}
    assert request.url == f"{BASE}/i/1"


def test_a_document_has_variables() -> None:
    """At the base itself."""
    request = request_of(graphql("{ me }", Told, Empty), Told(id="1"), base=BASE, timeout_s=1)

    assert request.url == BASE
    assert json.loads(request.body or b"") == {
        "query": "{ me }",
        "variables": {"id": "1", "flags": []},
    }


def test_a_post_without_a_body_has_a_query() -> None:
    """Where the operation says so."""
    operation = post("/i", Told, Empty, encoding="none")

    request = request_of(operation, Told(id="1"), base=BASE, timeout_s=1)

    assert request.url == f"{BASE}/i?id=1&flags="
    assert request.body is None


def test_a_request_shows_none_of_its_secrets() -> None:
    """Its `repr` is all that a log may get."""
    operation = post("/i", Nothing, Empty, headers=(("x-key", "hidden-1"),))
    request = request_of(operation, Nothing(), base=f"{BASE}/hidden-2", timeout_s=1)
    request.body = b"hidden-3"

    assert "hidden" not in repr(request)


def test_empty_tables_and_lists_leave_no_trace_in_a_nested_form() -> None:
    """There is no way to write them."""
    assert list(nested({"a": {}, "b": [], "c": {"d": None}})) == [("c[d]", "")]
