"""Reading the text of documents, hostile ones too."""

import json
import os
import time
from pathlib import Path

import pytest

from intertie.errors import SuiteError
from intertie.gateway.openapi.source import (
    MAX_BYTES,
    MAX_DEPTH,
    Source,
    Spot,
    parse_source,
    pointer,
    read_source,
)


def refused(content: bytes) -> str:
    """What is said of a text that cannot be used, within ten seconds."""
    began = time.process_time()
    with pytest.raises(SuiteError) as caught:
        parse_source(content, Path("api.yaml"))
    assert time.process_time() - began < 10
    return str(caught.value)


def test_yaml_tells_the_line_of_a_value() -> None:
    """And its column, so that an editor can go there."""
    source = parse_source(b"openapi: 3.0.3\npaths:\n  /a:\n    get: {}\n", Path("api.yaml"))

    fault = source.fault(("paths", "/a", "get", "gone"), "wrong", "mend it")

    assert str(fault) == "api.yaml:4:5: #/paths/~1a/get/gone: wrong (mend it)"


def test_json_tells_the_pointer() -> None:
    """Lines are told of its syntax only."""
    source = parse_source(b'{"paths": {"/a": {}}}', Path("api.json"))

    assert str(source.fault(("paths", "/a"), "wrong")) == "api.json: #/paths/~1a: wrong"
    assert refused(b'{"a":\n 1,\n}').startswith("api.yaml:3:1: expected JSON")


def test_a_list_item_has_its_place() -> None:
    """Down to the item."""
    source = parse_source(b"a:\n  - x\n  - y\n", Path("f"))

    assert source.fault(("a", 1), "wrong").line == 3


def test_a_pointer_escapes_slashes_and_tildes() -> None:
    """RFC 6901, section 3; an endless one is cut."""
    assert pointer(("paths", "/a~b", 0)) == "#/paths/~1a~0b/0"
    assert pointer(()) == "#"
    assert len(pointer(("x" * 5000,))) < 500


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"[" * 5_000, "levels of nesting"),
        (b'{"a":' * 50_000 + b"1" + b"}" * 50_000, "levels of nesting"),
        (b'{"a":' * (MAX_DEPTH + 1) + b"1" + b"}" * (MAX_DEPTH + 1), "at most 60 levels"),
        (b"{" + b" " * MAX_BYTES + b"}", "larger than 16 MiB"),
        (b'{"a": NaN}', "NaN is no JSON value"),
        (b'{"a": 1, "a": 2}', "'a' stands twice"),
        (b'{"a": ' + b"9" * 5000 + b"}", "expected JSON"),
        (b"\xff\xfe{", "not UTF-8"),
        (b"- a\n", "expected a map"),
        (b"", "expected a map"),
        (b"a: 1\na: 2\n", "stands here twice"),
        (b"a: [", "cannot read the YAML"),
        (b"a: !!python/object:os.system {}", "expected no tag"),
    ],
)
def test_a_text_that_is_no_document_is_refused(content: bytes, said: str) -> None:
    """In bounded time, with the reason."""
    assert said in refused(content)


def test_aliases_of_aliases_are_refused() -> None:
    """A few hundred bytes of YAML cannot become a gigabyte."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 10)]

    assert "with all aliases written out" in refused("\n".join(lines).encode())


@pytest.mark.slow
def test_a_long_list_is_refused_in_bounded_time() -> None:
    """JSON of fifteen megabytes with millions of values."""
    content = b'{"a": [' + b"1," * 7_000_000 + b"1]}"

    assert "at most 2,000,000 values" in refused(content)


def test_a_pipe_is_no_document(tmp_path: Path) -> None:
    """Opening one could block for ever."""
    os.mkfifo(tmp_path / "api.json")

    with pytest.raises(SuiteError, match="not a file"):
        read_source(tmp_path / "api.json")
    with pytest.raises(SuiteError, match="No such file"):
        read_source(tmp_path / "gone.json")


def test_a_file_is_read(tmp_path: Path) -> None:
    """JSON is known by its first character, whatever the file is called."""
    (tmp_path / "api.yaml").write_text(json.dumps({"a": [1, {"b": "x"}]}))

    assert read_source(tmp_path / "api.yaml").value == {"a": [1, {"b": "x"}]}


def test_a_spot_knows_what_is_below() -> None:
    """Extensions are left out, and what is no map has nothing in it."""
    spot = Spot(Source(Path("f"), {}), (), {"a": {"b": "x", "x-c": 1}, "l": [1, 2], "y": True})

    found = spot.get("a", "b")
    assert found is not None
    assert (found.keys, found.value) == (("a", "b"), "x")
    assert spot.get("a", "b", "c") is None
    assert [name for name, _ in (spot.get("a") or spot).entries()] == ["b"]
    assert [each.keys for each in (spot.get("l") or spot).items()] == [("l", 0), ("l", 1)]
    assert (spot.text("l"), spot.text("gone"), spot.flag("y"), spot.flag("a")) == (
        "",
        "",
        True,
        False,
    )
