from pathlib import Path

import pytest

from intertie.forward.cursors import load, save
from intertie.runtime.logs import Source


def test_cursors_are_found_again(tmp_path: Path) -> None:
    """Whatever the service is called; nothing else is left in the folder."""
    path = tmp_path / "state" / "central.json"
    cursors = {Source("a.b-c_1", 12, "err"): 2**40, Source("api", 0, "out"): 0}

    save(path, {})
    save(path, cursors)

    assert load(path) == cursors
    assert list(path.parent.iterdir()) == [path]


def test_before_the_first_line_there_are_none(tmp_path: Path) -> None:
    """That is no fault."""
    assert load(tmp_path / "none.json") == {}


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"\xff", b'{"api": 3, "/0.out": 1, "a/x.out": 2, "a/0.out": "5"}']
)
def test_what_cannot_be_understood_counts_as_none(tmp_path: Path, content: bytes) -> None:
    """Lines are sent twice then, but none is lost."""
    path = tmp_path / "central.json"
    path.write_bytes(content)

    assert load(path) == {}
