import pytest
from pydantic import ValidationError

from intertie.suite.rule_tests import RuleTest


def test_values_may_be_one_number() -> None:
    """YAML reads `1` as a number; it is a series of one sample."""
    found = RuleTest.model_validate(
        {"name": "a", "input_series": [{"series": "up", "values": 1}], "interval": "30s"}
    )

    assert found.input_series[0].values == "1"
    assert found.interval == 30


def test_what_is_expected_names_its_alert() -> None:
    """And a time."""
    with pytest.raises(ValidationError, match="alertname"):
        RuleTest.model_validate({"name": "a", "alert_rule_test": [{"eval_time": "1m"}]})
