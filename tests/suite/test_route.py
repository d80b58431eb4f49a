"""What a route may say."""

from typing import Any

import pytest
from pydantic import ValidationError

from intertie.suite.route import Route


def route(**keys: Any) -> Route:
    """One of `/a`."""
    return Route.model_validate({"path": "/a", **keys})


@pytest.mark.parametrize(
    ("keys", "fault"),
    [
        ({}, "expected one of `service`, `split`, `redirect` and `answer`"),
        ({"service": "web", "answer": {}}, "expected one of"),
        ({"split": [{"service": "web", "weight": 0}]}, "a weight above 0"),
        ({"service": "web", "strip": False, "strip_prefix": "/"}, "says the opposite"),
        ({"service": "web", "strip_prefix": "/b"}, "a literal beginning of /a"),
        ({"service": "web", "strip": True, "rewrite": "/b"}, "says something else"),
        ({"service": "web", "rewrite": "/b/{id}"}, "/a has no segment {id}"),
        ({"redirect": {"to": "/b/{id}"}}, "/a has no segment {id}"),
        ({"service": "web", "unlimited": True, "rate_limit": "1/hour"}, "says the opposite"),
        ({"service": "web", "hosts": ["a_b.example"]}, "expected a host"),
        ({"service": "web", "headers": {"x": {"exact": "a", "prefix": "b"}}}, "expected one of"),
        ({"service": "web", "headers": {"x": {}}}, "expected one of"),
        ({"service": "web", "request_headers": {"set": {"Host": "x"}}}, "not for routes"),
        ({"service": "web", "request_headers": {"set": {"x": "a\r\nb"}}}, "pattern"),
        ({"service": "web", "response_headers": {"remove": [":status"]}}, "pattern"),
        ({"service": "web", "mirror": {"service": "b", "percent": 101}}, "100"),
        ({"redirect": {"to": "javascript:alert(1)"}}, "pattern"),
    ],
)
def test_what_makes_no_sense_is_a_fault(keys: dict[str, Any], fault: str) -> None:
    """With what was expected."""
    with pytest.raises(ValidationError) as caught:
        route(**keys)

    assert fault in str(caught.value)


def test_a_condition_may_be_said_in_short() -> None:
    """Text, number and flag are exact; null is being there."""
    made = route(
        service="web", headers={"a": "x", "b": 2, "c": True, "d": None, "e": {"prefix": "p"}}
    )

    assert [made.headers[name].exact for name in "abc"] == ["x", "2", "true"]
    assert made.headers["d"].present is True
    assert made.headers["e"].prefix == "p"


def test_all_services_of_a_route_are_known() -> None:
    """Also those that get copies: none of them may be missing."""
    parts = [{"service": "a", "weight": 1}, {"service": "b", "weight": 2}]

    assert route(split=parts, mirror={"service": "c"}).services == ("a", "b", "c")
