import json
from pathlib import Path

import pytest

from intertie.errors import SuiteError
from intertie.suite import load

GOLDEN = Path(__file__).parent.parent / "golden" / "suite"


def test_ten_planted_faults_are_all_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Exactly ten, in the order of the file, each with its line."""
    monkeypatch.chdir(GOLDEN)

    with pytest.raises(SuiteError) as caught:
        load("ten_faults.yaml", env={})

    assert len(caught.value.faults) == 10
    assert str(caught.value) == (GOLDEN / "ten_faults.txt").read_text().rstrip("\n")


def test_a_file_that_uses_everything_gives_its_models() -> None:
    """Anchors, include, extends, overlay, interpolation and short forms end in plain models."""
    loaded = load(GOLDEN / "every_key.yaml", env={"WEB_PORT": "3001"}, environment="production")

    expected = json.loads((GOLDEN / "every_key.json").read_text())
    assert loaded.suite.model_dump(mode="json", exclude_defaults=True) == expected
    assert type(loaded.suite).model_validate(expected) == loaded.suite
