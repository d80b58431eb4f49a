"""Each feature the documentation claims has its proof in the tree."""

import re
from pathlib import Path

import pytest

PAGE = Path(__file__).resolve().parent.parent / "docs" / "features.md"
ROWS = re.findall(r"^\| ([^|]+) \| (yes|part) \| (.+) \|$", PAGE.read_text(), re.MULTILINE)


def test_there_are_rows() -> None:
    """The page is read at all."""
    assert len(ROWS) > 50


@pytest.mark.parametrize(("feature", "verdict", "proof"), ROWS, ids=lambda value: value[:40])
def test_a_claim_has_its_proof(feature: str, verdict: str, proof: str) -> None:
    """A yes links to a file with tests; a part says what is missing."""
    links = re.findall(r"\]\(([^)]+)\)", proof)
    files = [(PAGE.parent / link).resolve() for link in links]

    assert [str(file) for file in files if not file.exists()] == []
    if verdict == "yes":
        assert any("def test_" in file.read_text() for file in files), feature
