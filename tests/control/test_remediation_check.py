"""Alerts that rules of remediation answer have to exist."""

from pathlib import Path

import pytest

from intertie.control.declared import check as check_all
from intertie.control.remediation_check import check
from intertie.errors import SuiteError
from intertie.suite import load

SUITE = """
suite: a
services: {web: {command: "true"}}
monitoring: {alerts: {rules: {WebDown: {expr: "up == 0"}}}}
automation:
  remediation:
    rules:
      first: {alerts: [WebDown], action: restart}
"""


def test_a_known_alert_may_be_answered(tmp_path: Path) -> None:
    """Also none at all, by severity."""
    file = tmp_path / "suite.yaml"
    file.write_text(SUITE + "      rest: {severity: critical, action: stop}\n")

    check(load(file))


def test_an_unknown_alert_is_a_fault_with_its_place(tmp_path: Path) -> None:
    """And with what was meant, perhaps."""
    file = tmp_path / "suite.yaml"
    file.write_text(SUITE.replace("[WebDown]", "[WebDwn]"))

    with pytest.raises(SuiteError) as caught:
        check_all(load(file))

    told = str(caught.value)
    assert "suite.yaml:8:" in told
    assert "no rule below `monitoring` is named 'WebDwn'" in told
    assert "did you mean `WebDown`?" in told


def test_a_suite_without_remediation_has_no_faults(tmp_path: Path) -> None:
    """Nothing is looked at."""
    file = tmp_path / "suite.yaml"
    file.write_text(SUITE.partition("automation")[0])

    check(load(file))
