"""What a document says, in one form."""

from typing import Any

from tests.gateway.openapi.documents import described, loaded


def test_a_document_tells_its_paths_once() -> None:
    """In its order, whatever methods they have."""
    document = loaded(described({"/b": {"get": {}, "post": {}}, "/a": {"get": {}}}))

    assert document.paths == ("/b", "/a")
    assert document.base_paths == ("",)


def test_an_operation_is_open_when_one_way_asks_nothing() -> None:
    """An empty requirement is met by everybody."""
    ways: tuple[Any, ...] = ([], [{}], [{"a": []}, {}], [{"a": []}])
    paths = {f"/{i}": {"get": {"security": way}} for i, way in enumerate(ways)}

    assert [each.open for each in loaded(described(paths)).operations] == [True, True, True, False]
