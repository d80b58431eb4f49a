"""What a suite file says of heartbeats."""

from typing import Any

import pytest
from pydantic import ValidationError

from intertie.suite.heartbeats import DeadMansSwitch


def test_a_receiver_needs_no_more_than_its_address() -> None:
    """A plain POST each minute."""
    found = DeadMansSwitch.model_validate({"send": {"pings": {"url": "https://pings.example/1"}}})

    assert found.send["pings"].every == 60
    assert found.send["pings"].method == "POST"
    assert found.send["pings"].secret is None


def test_a_missing_heartbeat_is_critical_unless_said_otherwise() -> None:
    """It may be the only word of a suite that is gone."""
    tree = {"expect": {"partner": {"within": "5m", "secret": "${secret:pair}"}}}
    found = DeadMansSwitch.model_validate(tree).expect["partner"]

    assert (found.within, found.severity) == (300, "critical")


@pytest.mark.parametrize(
    ("tree", "why"),
    [
        ({"expect": {"a": {"within": "5m", "secret": "word"}}}, "expected a reference"),
        ({"expect": {"a": {"within": "5m"}}}, "secret"),
        (
            {"send": {"a": {"url": "x", "secret": "${secret:s}", "method": "GET"}}},
            "a signed heartbeat is posted",
        ),
    ],
)
def test_what_cannot_be_is_told_with_a_reason(tree: dict[str, Any], why: str) -> None:
    """No secret in the file, none left out, and no signature of nothing."""
    with pytest.raises(ValidationError, match=why):
        DeadMansSwitch.model_validate(tree)
