import pytest
from pydantic import ValidationError

from intertie.suite.recovery import AutomaticRecovery, Automation, Script

GUIDE = {
    "enabled": True,
    "max_attempts": 3,
    "services": ["media_server", "backup_service", "monitoring_service"],
}


@pytest.mark.parametrize(
    "automation",
    [
        {"automatic_recovery": GUIDE},
        {"monitoring_automation": {"remediation": {"automatic_recovery": GUIDE}}},
    ],
)
def test_recovery_can_be_said_in_either_place(automation: object) -> None:
    """In short, or where the integration guide says it; the keys are the same."""
    recovery = Automation.model_validate(automation).recovery

    assert recovery is not None
    assert recovery.max_attempts == 3
    assert recovery.covers("media_server")
    assert not recovery.covers("api")


def test_nothing_is_recovered_unless_asked_for() -> None:
    """An empty table is no wish."""
    assert Automation.model_validate({}).recovery is None
    assert Automation.model_validate({"monitoring_automation": {}}).recovery is None


def test_all_services_are_covered_by_default() -> None:
    """Unless recovery is switched off."""
    assert AutomaticRecovery.model_validate({}).covers("anything")
    assert not AutomaticRecovery.model_validate({"enabled": "false"}).covers("anything")


def test_it_has_one_place_only() -> None:
    """Two could contradict each other."""
    twice = {"automatic_recovery": GUIDE, "monitoring_automation": {}}

    with pytest.raises(ValidationError, match="`monitoring_automation` says it already"):
        Automation.model_validate(twice)


def test_a_script_is_a_step() -> None:
    """A command as a shell would split it, with a time limit."""
    steps = ["retry", {"script": "./repair.sh --now", "timeout": "5s"}, "alert"]
    recovery = AutomaticRecovery.model_validate({"steps": steps})

    assert recovery.steps[1] == Script(script=("./repair.sh", "--now"), timeout=5)


@pytest.mark.parametrize(
    ("recovery", "fault"),
    [
        ({"steps": ["alert", "restart"]}, "`alert` gives up: nothing can come after it"),
        ({"steps": []}, "at least 1 item"),
        ({"steps": ["reboot"]}, "Input should be 'retry'"),
        ({"steps": [{"script": ""}]}, "at least 1 item"),
        ({"max_attempts": 0}, "greater than or equal to 1"),
        ({"max_atempts": 3}, "Extra inputs"),
    ],
)
def test_mistakes_are_told(recovery: object, fault: str) -> None:
    """Rather than guessed at."""
    with pytest.raises(ValidationError, match=fault):
        AutomaticRecovery.model_validate(recovery)


@pytest.mark.parametrize("step", ["alrt", 7, {"script": "./repair", "timeout": 0}, {"run": "x"}])
def test_a_faulty_step_is_one_fault_of_that_step(step: object) -> None:
    """Not one for each thing it might have been."""
    with pytest.raises(ValidationError) as caught:
        AutomaticRecovery.model_validate({"steps": ["retry", step]})

    assert {error["loc"][:2] for error in caught.value.errors()} == {("steps", 1)}
    assert len({error["loc"][2] for error in caught.value.errors()}) == 1


def test_backup_and_maintenance_have_longer_names_too() -> None:
    """As the integration guide spells them; nothing else is told apart then."""
    long = {"backup_automation": {"schedule": "0 1 * * *"}, "maintenance_automation": {}}
    short = {"backup": {"schedule": "0 1 * * *"}, "maintenance": {}}

    made = Automation.model_validate({"task_automation": long})

    assert made == Automation.model_validate(short)


@pytest.mark.parametrize("tasks", [{"backup_automation": {"schedule": 3}}, {"weekly": {}}, [], "x"])
def test_a_fault_in_longer_names_is_a_fault(tasks: object) -> None:
    """Nothing is passed over."""
    with pytest.raises(ValidationError):
        Automation.model_validate({"task_automation": tasks})


def test_longer_names_beside_short_ones_are_refused() -> None:
    """Two could contradict each other."""
    twice: dict[str, object] = {"backup": {}, "task_automation": {"backup_automation": {}}}

    with pytest.raises(ValidationError, match="`task_automation` says it already"):
        Automation.model_validate(twice)


def test_health_checks_stand_beside_recovery_said_in_short() -> None:
    """They do not contradict each other."""
    checks = {"health_checks": {"interval": "60s"}}
    made = Automation.model_validate({"automatic_recovery": GUIDE, "monitoring_automation": checks})

    assert made.recovery is not None
    assert made.health_checks is not None
    assert (made.recovery.max_attempts, made.health_checks.interval) == (3, 60)
    assert Automation().health_checks is None
