"""What the gateway itself says in an OpenAPI document."""

import json

import jsonschema_rs

from intertie.gateway.openapi.answers import (
    problem_schema,
    refusals,
    responses,
    security,
    security_schemes,
)
from intertie.gateway.openapi.problem import Violation, problem


def test_each_way_to_say_who_is_asking_is_told() -> None:
    """Any one of those that are accepted is enough."""
    assert security(("jwt", "session")) == [{"bearer": []}, {"session": []}]
    found = json.loads(json.dumps(security_schemes(("jwt", "api_key", "session"), "c")))

    assert [(each["type"], each.get("name")) for each in found.values()] == [
        ("http", None),
        ("apiKey", "x-api-key"),
        ("apiKey", "c"),
    ]


def test_every_refusal_is_described() -> None:
    """Those that an operation refers to are there."""
    named = json.dumps(refusals(closed=True, checked=True))

    assert all(f'"#/components/responses/{name}"' in named for name in responses())
    assert "401" not in refusals(closed=False, checked=True)
    assert "422" not in refusals(closed=True, checked=False)


def test_a_client_is_told_when_to_come_back() -> None:
    """With 429 and 503."""
    found = json.loads(json.dumps(responses()))

    assert set(found["TooManyRequests"]["headers"]) == {
        "Retry-After",
        "RateLimit",
        "RateLimit-Policy",
    }
    assert "Retry-After" in found["Unavailable"]["headers"]


def test_a_refusal_is_as_described() -> None:
    """The problem that a request check makes fits its schema."""
    checked = jsonschema_rs.validator_for(problem_schema())
    made = problem([Violation("query", "q", "no"), Violation("body", "/a", "no", status=422)])

    assert checked.is_valid(json.loads(made.body))
    assert not checked.is_valid({"title": "x"})
