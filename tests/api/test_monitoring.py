"""What the bodies of monitoring take; the routes are tested on running suites."""

import pytest
from pydantic import ValidationError

from intertie.api.monitoring import AcknowledgeBody, FeedBody, SilenceBody


@pytest.mark.parametrize(
    "body",
    [
        {"matchers": [], "duration": "1h", "comment": "x"},
        {"matchers": ["alertname"], "duration": "1h", "comment": "x"},
        {"matchers": ["a=b"], "duration": "0s", "comment": "x"},
        {"matchers": ["a=b"], "duration": "1h", "comment": ""},
        {"matchers": ["a=b"], "duration": "1h", "comment": "x", "who": "me"},
    ],
)
def test_a_silence_is_of_something_for_a_time_and_a_reason(body: dict[str, object]) -> None:
    """Or it is refused."""
    with pytest.raises(ValidationError):
        SilenceBody.model_validate(body)


def test_a_feed_is_a_finite_number() -> None:
    """Nothing else can be added to a figure."""
    assert FeedBody.model_validate({"value": 1}).labels == {}
    for value in ("1", float("nan"), float("inf"), None, True):
        with pytest.raises(ValidationError):
            FeedBody.model_validate({"value": value})


def test_an_acknowledgement_may_have_an_end() -> None:
    """Without one it holds until there is another alert."""
    told = {"group": "Down", "comment": "on it"}

    assert AcknowledgeBody.model_validate(told).duration is None
    assert AcknowledgeBody.model_validate({**told, "duration": "2h"}).duration == 7200
