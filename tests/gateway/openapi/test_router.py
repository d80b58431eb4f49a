"""Finding the operations of a path."""

import time

from hypothesis import given
from hypothesis import strategies as st

from intertie.gateway.openapi.router import Router

ROUTER = Router(
    {
        "/": "top",
        "/users": "users",
        "/users/": "slash",
        "/users/{id}": "user",
        "/users/me": "me",
        "/users/{id}.json": "file",
        "/{any}/me/posts": "posts",
        "/users/{id}/keys/{key}": "key",
        "/th%C3%A9": "thé",
    }
)


def found(path: str) -> tuple[str, dict[str, str]] | None:
    """What is at a path, with the values of its names."""
    match = ROUTER.match(path)
    return (match.found, dict(match.values)) if match else None


def test_the_path_that_is_literal_earlier_wins() -> None:
    """Then one with text around its name, then a name alone."""
    assert found("/users/me") == ("me", {})
    assert found("/users/7.json") == ("file", {"id": "7"})
    assert found("/users/7") == ("user", {"id": "7"})
    assert found("/users/7/keys/k") == ("key", {"id": "7", "key": "k"})


def test_another_way_is_tried_when_one_ends() -> None:
    """`users` is literal, but nothing below it fits."""
    assert found("/users/me/posts") == ("posts", {"any": "users"})


def test_a_slash_at_the_end_is_another_path() -> None:
    """As the document has it."""
    assert found("/users") == ("users", {})
    assert found("/users/") == ("slash", {})
    assert found("/") == ("top", {})
    assert found("/users/7/") is None


def test_an_encoded_slash_is_no_border() -> None:
    """It is a part of the value."""
    assert found("/users/a%2Fb") == ("user", {"id": "a%2Fb"})


def test_encoded_letters_are_the_same_letters() -> None:
    """In the document and in the request."""
    assert found("/%75sers") == ("users", {})
    assert found("/thé") == ("thé", {})


def test_a_path_without_an_operation_is_not_found() -> None:
    """Nor what is no path at all."""
    assert found("/gone") is None
    assert found("users") is None
    assert found("") is None
    assert found("/" + "a/" * 10_000) is None


def test_finding_is_bounded_by_the_document() -> None:
    """Paths that all fit for a while do not make it slow."""
    paths = {f"/{'/'.join(f'{{n{i}}}x' for i in range(30))}/{end}": end for end in "abc"}
    router = Router(paths)
    began = time.process_time()

    assert router.match("/" + "/".join(["xx"] * 30) + "/z") is None
    assert time.process_time() - began < 0.5


@given(st.text())
def test_any_path_can_be_asked_for(path: str) -> None:
    """Nothing raises."""
    ROUTER.match(path)
