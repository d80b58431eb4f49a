from pathlib import Path

import pytest

from intertie.automation.declared import check
from intertie.errors import SuiteError
from intertie.suite import load

TEXT = """
suite: a
services: {web: {command: "true"}}
automation:
  tasks: {night: {command: "true", schedule: "0 2 * * *"}}
  backup:
    schedule: "0 2 * * *"
    drill: {schedule: "0 4 * * 6"}
  maintenance: {schedule: "0 3 * * 0"}
"""


@pytest.mark.parametrize(
    ("good", "place"),
    [
        ('night: {command: "true", schedule: "0 2 * * *"', "automation.tasks.night"),
        ('backup:\n    schedule: "0 2 * * *"', "automation.backup"),
        ('drill: {schedule: "0 4 * * 6"', "automation.backup.drill"),
        ('maintenance: {schedule: "0 3 * * 0"', "automation.maintenance"),
    ],
)
def test_each_schedule_is_looked_at(tmp_path: Path, good: str, place: str) -> None:
    """And told with its place."""
    file = tmp_path / "suite.yaml"
    file.write_text(TEXT)
    check(load(file))
    bad = good.rpartition('"0 ')[0] + '"soon"'
    file.write_text(TEXT.replace(good, bad))

    with pytest.raises(SuiteError) as caught:
        check(load(file))

    assert f"{place}: cannot use schedule" in str(caught.value)
