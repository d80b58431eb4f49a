"""What a connection is told."""

import pytest
from pydantic import ValidationError

from intertie.integrations import IntegrationConfig, IntegrationType


def test_the_guides_words_make_a_connection() -> None:
    """As its quick start spells them; what is left out has the guide's defaults."""
    made = IntegrationConfig.model_validate(
        {
            "name": "spotify_main",
            "type": IntegrationType.EXTERNAL_API,
            "config": {"client_secret": "hunter2"},
            "timeout": 30,
            "retry_policy": {"max_attempts": 3, "backoff_multiplier": 2.0},
        }
    )

    assert made.enabled
    assert made.retry_policy.backoff_multiplier == 2.0
    assert made.circuit_breaker.failure_threshold == 5
    assert "hunter2" not in f"{made!r} {made}"


@pytest.mark.parametrize(
    "told", [{"name": "a b"}, {"name": ""}, {"name": "a", "timeout": 0}, {"name": "a", "typo": 1}]
)
def test_what_makes_no_sense_is_refused(told: dict[str, object]) -> None:
    """Before anything is registered."""
    with pytest.raises(ValidationError):
        IntegrationConfig.model_validate(told)
