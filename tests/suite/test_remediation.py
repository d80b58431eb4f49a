"""What a suite file says of answers to alerts."""

from typing import Any

import pytest
from pydantic import ValidationError

from intertie.suite.model import Suite
from intertie.suite.remediation import AlertRemediation, RemediationRule

RULE: dict[str, object] = {"alerts": "Down", "action": "restart"}


def suite(rule: dict[str, object], **more: object) -> Suite:
    """With one rule."""
    said: dict[str, Any] = {
        "suite": "a",
        "services": {"web": {"command": "true"}},
        "monitoring": {},
        "automation": {"remediation": {"rules": {"one": rule}}},
        **more,
    }
    return Suite.model_validate(said)


def test_nothing_is_done_unless_it_is_said() -> None:
    """The mode is shadow, with three attempts, and a third of the suite at once."""
    found = suite(RULE).automation.remediation

    assert found is not None
    assert found.mode_of("one") == "shadow"
    assert found.rules["one"].max_attempts == 3
    assert found.budget.blast_radius == 34
    assert (
        Suite.model_validate(
            {"suite": "a", "services": {"web": {"command": "true"}}}
        ).automation.remediation
        is None
    )


def test_a_rule_may_have_a_mode_of_its_own() -> None:
    """The first rule that fits answers."""
    found = AlertRemediation.model_validate(
        {
            "mode": "approve",
            "rules": {
                "mine": {**RULE, "mode": "automatic", "labels": {"team": "a|b"}},
                "rest": {"severity": ["critical", "warning"], "action": "stop"},
            },
        }
    )

    assert (found.mode_of("mine"), found.mode_of("rest")) == ("automatic", "approve")
    assert found.rule_for("Down", "critical", {"team": "b"}) == "mine"
    assert found.rule_for("Down", "critical", {"team": "abc"}) == "rest"
    assert found.rule_for("Down", "info", {}) is None


@pytest.mark.parametrize(
    ("action", "told", "needs"),
    [
        ("restart", "restart", True),
        ({"task": "tidy"}, "task tidy", False),
        ({"command": "./repair now"}, "command ./repair", False),
        ({"scale": {"by": "2"}}, "scale +2", True),
    ],
)
def test_an_action_is_a_word_or_a_map(action: object, told: str, needs: bool) -> None:
    """It can be told in words, and knows whether it is done to a service."""
    rule = RemediationRule.model_validate({"alerts": "Down", "action": action})

    assert (rule.told, rule.needs_service) == (told, needs)


@pytest.mark.parametrize(
    ("rule", "told"),
    [
        ({"action": "restart"}, "a rule for all alerts"),
        ({"alerts": "Down", "action": "reboot"}, "'restart', 'start' or 'stop'"),
        ({"alerts": "Down", "action": {}}, "expected one of `task`"),
        ({"alerts": "Down", "action": {"task": "a", "command": "b"}}, "expected one of `task`"),
        ({"alerts": "Down", "action": {"command": ""}}, "at least 1"),
        ({"labels": {"a": "("}, "action": "stop"}, "regular expression"),
        ({**RULE, "service": "wob"}, "names 'wob', which is no service"),
        ({"alerts": "Down", "action": {"task": "tidy"}}, "names 'tidy', which is no task"),
        ({**RULE, "wait": 0}, "longer than 0"),
    ],
)
def test_what_cannot_be_is_a_fault(rule: dict[str, object], told: str) -> None:
    """In words."""
    with pytest.raises(ValidationError, match=told.replace("(", r"\(")):
        suite(rule)


def test_it_needs_monitoring_and_channels_that_are_there() -> None:
    """Without alerts nothing would be answered."""
    with pytest.raises(ValidationError, match="it needs `monitoring`"):
        suite(RULE, monitoring=None)
    config = {"remediation": {"notify": "mail", "rules": {"one": RULE}}}
    with pytest.raises(ValidationError, match="it tells 'mail'"):
        suite(RULE, automation=config)


def test_a_task_of_the_suite_can_be_the_action() -> None:
    """One of its own, or maintenance."""
    tidy = {"alerts": "Full", "action": {"task": "maintenance"}}
    automation = {"maintenance": {}, "remediation": {"rules": {"one": tidy}}}

    assert suite(RULE, automation=automation).automation.remediation is not None
