"""What is told of decisions."""

import json
import logging

import pytest

from intertie.gateway.authz.journal import MOST_PER_S, Journal, to_log
from tests.gateway.authz.asking import Lines, authorizer, question

KEY = {"x_api_key": "good-key"}


def test_a_refusal_is_told_with_the_value_that_decided() -> None:
    """Which policy, its limit, and when it is free again."""
    lines: Lines = []
    limits = {"default_rate": "1/hour", "burst_rate": None}
    made = authorizer(lines=lines, routes={"a": {}}, limits=limits, log_sample=0)
    for _ in range(2):
        made.quick(question("a", "/a?secret=1", **KEY))

    (line,) = lines
    told = line["limits"]
    assert isinstance(told, dict)
    assert {**line, "limits": None} == {
        "decision": "refused",
        "request_id": "r-1",
        "route": "a",
        "method": "GET",
        "path": "/a",
        "address": "192.0.2.1",
        "client": "key:3f9a",
        "tenant": "acme",
        "code": "rate_limited",
        "policy": "default",
        "status": 429,
        "limits": None,
    }
    assert (told["default"]["limit"], told["default"]["remaining"]) == (1, 0)


def test_no_credential_is_ever_told() -> None:
    """Nor a query, which may hold one."""
    lines: Lines = []
    made = authorizer(lines=lines, routes={"a": {"roles": ["x"]}}, log_sample=1)
    for headers in (KEY, {"x_api_key": "s3cret"}, {"cookie": "intertie=s3cret"}):
        made.quick(question("a", "/a?token=s3cret", **headers))

    assert lines
    assert "s3cret" not in json.dumps(lines)
    assert "good-key" not in json.dumps(lines)


@pytest.mark.parametrize(("sample", "told"), [(0.4, 0), (0.6, 3)])
def test_a_sample_of_what_was_let_in_is_told(sample: float, told: int) -> None:
    """By chance, as often as the settings say."""
    lines: Lines = []
    made = authorizer(lines=lines, routes={"a": {}}, log_sample=sample)
    for _ in range(3):
        made.quick(question("a", **KEY))

    assert [line["decision"] for line in lines] == ["allowed"] * told


def test_a_flood_of_refusals_is_told_in_part_and_counted() -> None:
    """The disk does not fill."""
    lines: Lines = []
    now = [1.0]
    journal = Journal(lines.append, now_s=lambda: now[0])
    made = authorizer(lines=lines)
    made._journal = journal
    for _ in range(MOST_PER_S + 5):
        made.quick(question("a"))
    now[0] = 2.0
    made.quick(question("a"))

    assert len(lines) == MOST_PER_S + 2
    assert lines[-2] == {"decision": "not told", "count": 5}


def test_a_line_in_the_log_is_json(caplog: pytest.LogCaptureFixture) -> None:
    """For `explain request` to find."""
    caplog.set_level(logging.INFO)
    to_log({"decision": "refused"})

    assert json.loads(caplog.messages[-1]) == {"decision": "refused"}
