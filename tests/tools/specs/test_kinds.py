"""Each vendor's entry is complete."""

import pytest

from tools.specs.kinds import KINDS, Kind
from tools.specs.sources import ROOT, OurOwn
from tools.specs.tree import METHODS


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.name)
def test_an_entry_is_complete(kind: Kind) -> None:
    """Operations are named once, `method /path`; only what we wrote is ours."""
    assert len(set(kind.operations)) == len(kind.operations) > 0
    for operation in kind.operations:
        method, _, path = operation.partition(" ")
        assert method in METHODS
        assert path.startswith("/")
    assert (kind.by == "ours") == isinstance(kind.source, OurOwn)
    assert kind.licence in {"MIT", "Apache-2.0"}, "other licences are not for commits"


def test_every_slice_has_its_entry() -> None:
    """No file lies among them that nothing keeps current."""
    assert {file.stem for file in (ROOT / "specs").glob("*.json")} == set(KINDS)


def test_licences_are_told() -> None:
    """MIT asks for the notice beside each copy."""
    told = (ROOT / "specs" / "README.md").read_text(encoding="utf-8")

    for kind in KINDS.values():
        assert f"`{kind.name}.json`" in told
        assert kind.notice in told
