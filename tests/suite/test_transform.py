"""What a suite file may say of bodies."""

from typing import Any

import pytest
from pydantic import ValidationError

from intertie.suite.transform import BodyTransform


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({}, "one of merge and replace"),
        ({"merge": {}, "replace": {}}, "one of merge and replace"),
        ({"merge": {"a": "{{user}}"}}, "body.field.field"),
        ({"merge": {"a": ["{{body.x) %REQ(cookie}}"]}}, "body.field.field"),
        ({"merge": {"a": {"b": "{{header.x.y}}"}}}, "body.field.field"),
    ],
)
def test_a_template_that_cannot_be_filled_is_refused(said: dict[str, Any], why: str) -> None:
    """Wherever in it the place is."""
    with pytest.raises(ValidationError, match=why):
        BodyTransform.model_validate(said)


def test_a_template_is_not_bottomless() -> None:
    """Sixteen levels are enough."""
    deep: Any = {}
    for _ in range(30):
        deep = {"a": deep}

    with pytest.raises(ValidationError, match="no more than 16 levels"):
        BodyTransform(replace=deep)
