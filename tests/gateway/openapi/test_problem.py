"""The answer to a request that is refused."""

import json

import pytest

from intertie.gateway.openapi.problem import MAX_TOLD, Violation, problem


@pytest.mark.parametrize(
    ("statuses", "answer"),
    [
        ([404], 404),
        ([405], 405),
        ([400, 413], 413),
        ([422, 415, 400], 415),
        ([422, 400], 400),
        ([422], 422),
    ],
)
def test_what_is_most_wrong_decides(statuses: list[int], answer: int) -> None:
    """A body that is too large is not looked into."""
    made = problem([Violation("body", "", "wrong", status=status) for status in statuses])

    assert made.status == answer
    assert json.loads(made.body)["status"] == answer


def test_every_violation_is_told() -> None:
    """Where it is, and what."""
    made = problem(
        [Violation("query", "q", "is required"), Violation("body", "/a/0", "no", status=422)]
    )

    assert json.loads(made.body) == {
        "type": "about:blank",
        "title": "Bad Request",
        "status": 400,
        "detail": "the request is not as this operation's description says",
        "violations": [
            {"in": "query", "name": "q", "message": "is required"},
            {"in": "body", "pointer": "/a/0", "message": "no"},
        ],
    }


def test_a_wrong_method_has_the_right_ones_told() -> None:
    """RFC 9110, section 15.5.6."""
    made = problem([Violation("method", "", "no", status=405, allow=("GET", "POST"))])

    assert made.headers == {"allow": "GET, POST"}


def test_the_answer_is_short() -> None:
    """Whatever was sent."""
    made = problem([Violation("body", "/" + "x" * 9_000, "y" * 9_000)] * 1_000)

    assert len(json.loads(made.body)["violations"]) == MAX_TOLD
    assert len(made.body) < 64 * 1024
