import pytest
from pydantic import ValidationError

from intertie.suite.points import ApiConfiguration, IntegrationPoints


@pytest.mark.parametrize(
    ("text", "an_hour"), [(1000, 1000), ("1000/hour", 1000), ("10/minute", 600), ("240/day", 10)]
)
def test_a_rate_is_so_many_an_hour(text: object, an_hour: int) -> None:
    """However it is said."""
    assert ApiConfiguration.model_validate({"rate_limit": text}).rate_limit == an_hour


@pytest.mark.parametrize("rate", [0, "x", "5/week", True])
def test_all_else_is_no_rate(rate: object) -> None:
    """Nothing is guessed."""
    with pytest.raises(ValidationError):
        ApiConfiguration.model_validate({"rate_limit": rate})


def test_the_protocol_says_which_keys_there_are() -> None:
    """A key of another protocol is a fault."""
    with pytest.raises(ValidationError, match="multipath"):
        IntegrationPoints.model_validate({"storage": {"protocol": "nfs4", "multipath": True}})
