import sys
from pathlib import Path

import pytest

from intertie.control.declared import check
from intertie.errors import SuiteError
from intertie.suite import load

PLAIN = 'suite: a\nservices: {web: {command: "true"}}\n'


@pytest.mark.parametrize(
    ("part", "told"),
    [
        ("integrations: {chat: {kind: slakc}}", "did you mean slack?"),
        ("monitoring: {alerts: {critical: ['eror_rate > 5%']}}", "error_rate"),
        ("automation: {maintenance: {schedule: soon}}", "cannot use schedule"),
    ],
)
def test_each_part_is_looked_at(tmp_path: Path, part: str, told: str) -> None:
    """Faults have their place."""
    file = tmp_path / "suite.yaml"
    file.write_text(PLAIN + part)

    with pytest.raises(SuiteError) as caught:
        check(load(file))

    assert told in str(caught.value)
    assert "suite.yaml:3:" in str(caught.value)


def test_a_suite_without_these_parts_loads_nothing_of_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They take long to load."""
    file = tmp_path / "suite.yaml"
    file.write_text(PLAIN)
    for name in ("integrations", "monitor", "automation"):
        monkeypatch.setitem(sys.modules, f"intertie.{name}.declared", None)

    check(load(file))
