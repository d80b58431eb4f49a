import json
import time
from datetime import UTC, datetime

import pytest

from intertie.runtime.log_record import LEVELS, Structured, at_least, parse

AT = datetime(2026, 5, 1, 12, 30, 15, 250_000, UTC)


@pytest.mark.parametrize(
    "text",
    [
        '{"level": "warn", "msg": "slow", "time": "2026-05-01T12:30:15.25Z", "took": "9s"}',
        '{"severity":"WARNING","message":"slow","timestamp":1777638615250,"took":"9s"}',
        '{"lvl":"warning","msg":"slow","ts":1777638615.25,"took":"9s"}',
        '{"level":40,"msg":"slow","time":"2026-05-01T14:30:15.250000000+02:00","took":"9s"}',
        "ts=2026-05-01T12:30:15.25Z level=warn msg=slow took=9s",
        'time="2026-05-01 12:30:15,250" severity=WARN message="slow" took=9s',
    ],
)
def test_the_usual_spellings_say_the_same(text: str) -> None:
    """JSON and logfmt, with the keys and times of common loggers."""
    assert parse(text) == Structured("warning", "slow", AT, {"took": "9s"})


@pytest.mark.parametrize(
    "text",
    [
        "",
        "plain words",
        "GET /path?a=b 200",
        "a=1 b=2",
        "level=info",
        "level=info and more",
        "{",
        "{}",
        '{"a": 1}',
        '["level", "info"]',
        '{"level": "info"} trailing',
        "[" * 100_000,
        '{"a":' * 100_000,
    ],
)
def test_other_lines_are_no_records(text: str) -> None:
    """They are shown as they are."""
    assert parse(text) is None


@pytest.mark.parametrize("value", ["loud", 999, None, True, [], {}])
def test_what_cannot_be_read_is_kept(value: object) -> None:
    """A level or time of another kind stays among the fields: nothing of a line is lost."""
    said = parse(json.dumps({"level": value, "time": value, "msg": "m"}))

    assert said == Structured(None, "m", None, {"level": value, "time": value})


def test_quotes_of_logfmt_are_taken_off() -> None:
    """With their escapes."""
    said = parse(r'level=info msg="a \"b\"\tc" path="x\y" empty=')

    assert said is not None
    assert said.message == 'a "b"\tc'
    assert said.fields == {"path": r"x\y", "empty": ""}


def test_a_message_that_is_no_text_is_shown_as_json() -> None:
    """Some loggers put an object there."""
    said = parse('{"msg": {"a": [1]}}')

    assert said is not None
    assert said.message == '{"a": [1]}'


def test_levels_have_an_order() -> None:
    """What tells none is below all."""
    assert [level for level in LEVELS if at_least(level, "warning")] == [
        "warning",
        "error",
        "critical",
    ]
    assert not at_least(None, "trace")


@pytest.mark.parametrize(
    "text", ["a=b " * 16_000 + '"', 'a="' + "\\a" * 30_000, "a " * 30_000 + "=", "=" * 60_000]
)
def test_no_line_takes_long(text: str) -> None:
    """However it is made, up to the longest there is."""
    began = time.process_time()

    parse(text)

    assert time.process_time() - began < 0.5
