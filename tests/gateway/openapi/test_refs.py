"""Following `$ref`."""

from pathlib import Path

import pytest

from intertie.gateway.openapi.refs import MAX_FILES, Refs
from intertie.gateway.openapi.source import Source, Spot, read_source


def opened(tmp_path: Path, text: str) -> tuple[Refs, Spot]:
    """A document in a folder of its own."""
    folder = tmp_path / "api"
    folder.mkdir(exist_ok=True)
    (folder / "api.yaml").write_text(text)
    source = read_source(folder / "api.yaml")
    return Refs(source, folder), Spot(source, (), source.value)


def at(spot: Spot, key: str) -> Spot:
    """What is below a key that is there."""
    found = spot.get(key)
    assert found is not None
    return found


def test_a_ref_leads_within_the_document(tmp_path: Path) -> None:
    """With escapes and percent-encoding, also from one to the next."""
    text = "a: {$ref: '#/b'}\nb: {$ref: '#/paths/~1x%20y/0'}\npaths: {'/x y': [{name: found}]}\n"
    refs, top = opened(tmp_path, text)

    found = refs.follow(at(top, "a"))

    assert found is not None
    assert (found.value, found.keys) == ({"name": "found"}, ("paths", "/x y", 0))
    assert refs.faults == []


def test_a_ref_leads_to_a_file_beside_it(tmp_path: Path) -> None:
    """And from there back again; each file is read once."""
    refs, top = opened(tmp_path, "a: {$ref: 'more/b.json#/x'}\nc: 3\n")
    (tmp_path / "api" / "more").mkdir()
    (tmp_path / "api" / "more" / "b.json").write_text('{"x": {"$ref": "../api.yaml#/c"}}')

    found = refs.follow(at(top, "a"))

    assert found is not None
    assert found.value == 3
    assert found.source is top.source


@pytest.mark.parametrize(
    ("ref", "said"),
    [
        ("https://example.com/a.yaml#/x", "a file beside it"),
        ("//example.com/a.yaml", "a file beside it"),
        ("file:///etc/passwd", "a file beside it"),
        ("../secret.yaml", "outside the document's folder"),
        ("/etc/passwd", "outside the document's folder"),
        ("gone.yaml", "No such file"),
        ("broken.yaml", "line 1"),
        ("#/gone", "leads nowhere"),
        ("#/list/9", "leads nowhere"),
        ("#/list/99999999999999999999", "leads nowhere"),
        ("#anchor", "leads nowhere"),
        ("#/a", "from $ref to $ref"),
    ],
)
def test_a_ref_that_leads_nowhere_is_a_fault(tmp_path: Path, ref: str, said: str) -> None:
    """Told once, with the line; nothing is ever fetched."""
    (tmp_path / "secret.yaml").write_text("a: 1")
    refs, top = opened(tmp_path, f"list: [1]\na:\n  $ref: '{ref}'\n")
    (tmp_path / "api" / "broken.yaml").write_text("a: [")

    assert refs.follow(at(top, "a")) is None
    assert refs.follow(at(top, "a")) is None
    [fault] = refs.faults
    assert said in fault.message
    assert (fault.line, fault.key) == (2, "#/a")


def test_a_link_out_of_the_folder_is_not_followed(tmp_path: Path) -> None:
    """What counts is where the file really is."""
    (tmp_path / "secret.yaml").write_text("a: 1")
    refs, top = opened(tmp_path, "a: {$ref: link.yaml}")
    (tmp_path / "api" / "link.yaml").symlink_to(tmp_path / "secret.yaml")

    assert refs.follow(at(top, "a")) is None
    assert "outside" in refs.faults[0].message


def test_a_document_that_was_sent_refers_to_no_file() -> None:
    """A service cannot have the gateway read files."""
    source = Source(Path("openapi.json"), {"a": {"$ref": "api.yaml"}})
    refs = Refs(source, None)

    assert refs.follow(Spot(source, ("a",), {"$ref": "api.yaml"})) is None


def test_a_document_has_few_files(tmp_path: Path) -> None:
    """One that refers to thousands is refused."""
    lines = [f"a{i}: {{$ref: f{i}.yaml}}" for i in range(MAX_FILES + 1)]
    refs, top = opened(tmp_path, "\n".join(lines))
    for i in range(MAX_FILES + 1):
        (tmp_path / "api" / f"f{i}.yaml").write_text("a: 1")

    for i in range(MAX_FILES + 1):
        refs.follow(at(top, f"a{i}"))

    assert {fault.message for fault in refs.faults} == {"expected at most 50 files, got more"}
