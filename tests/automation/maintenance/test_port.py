import pytest
from pydantic import ValidationError

from intertie.automation.maintenance.port import Done, TaskReport


def test_what_was_done_survives_its_way_between_processes() -> None:
    """As one line of JSON."""
    done = Done(told="3 old files\nremoved", changed=3, freed_bytes=4096, faults=("cannot clean",))

    line = done.model_dump_json()

    assert "\n" not in line
    assert Done.model_validate_json(line) == done


@pytest.mark.parametrize("keys", [{"changed": -1}, {"freed_bytes": -1}, {"more": 1}])
def test_what_makes_no_sense_is_refused(keys: dict[str, int]) -> None:
    """A process that says so is not believed."""
    with pytest.raises(ValidationError):
        Done.model_validate(keys)


def test_a_report_names_a_task_of_the_suite_file() -> None:
    """And one of three outcomes."""
    with pytest.raises(ValidationError):
        TaskReport.model_validate({"name": "sweeping", "outcome": "done", "told": ""})
