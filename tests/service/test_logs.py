"""The lines of a service's log."""

import logging
import subprocess
import sys
from json import loads
from typing import Any

import pytest

from intertie.service.logs import MASK, mask

PROGRAM = """
import logging
import structlog
from intertie.service.environment import read_environment
from intertie.service.logs import set_up
from intertie.service.trace import Trace, current

set_up(read_environment("orders", {"INTERTIE_SERVICE": "orders/2", "INTERTIE_LOG_LEVEL": "info"}))
"""


def lines(code: str) -> list[dict[str, Any]]:
    """What a program logs."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM + code], capture_output=True, text=True, check=True
    )
    assert done.stderr == ""
    return [loads(line) for line in done.stdout.splitlines()]


@pytest.mark.slow
def test_both_ways_to_log_make_the_same_lines() -> None:
    """One JSON object a line, with who said it and when."""
    first, second = lines(
        'structlog.get_logger("a").info("sold", item=7)\n'
        'logging.getLogger("a").info("sold", extra={"item": 7})'
    )

    assert first.pop("timestamp") <= second.pop("timestamp")
    assert first == second
    assert first == {
        "event": "sold",
        "item": 7,
        "level": "info",
        "logger": "a",
        "service": "orders",
        "service.name": "orders",
        "replica": "2",
    }


@pytest.mark.slow
def test_an_exception_is_text_within_the_line() -> None:
    """It breaks no line."""
    code = 'try:\n  1 / 0\nexcept ZeroDivisionError:\n  logging.exception("cannot divide")'

    (line,) = lines(code)

    assert line["event"] == "cannot divide"
    assert line["exception"].endswith("ZeroDivisionError: division by zero")


@pytest.mark.slow
def test_lines_hold_the_trace_they_belong_to() -> None:
    """Recorded or not."""
    (line,) = lines('current.set(Trace(10, 11, False)); logging.warning("x")')

    assert (line["trace_id"], line["span_id"]) == (f"{10:032x}", f"{11:016x}")


@pytest.mark.slow
def test_levels_below_the_wanted_one_are_not_written() -> None:
    """INTERTIE_LOG_LEVEL says which."""
    code = 'logging.debug("no"); structlog.get_logger().debug("no"); logging.info("yes")'

    assert [line["event"] for line in lines(code)] == ["yes"]


@pytest.mark.slow
def test_secrets_are_masked_however_deep() -> None:
    """By the name of the field."""
    (line,) = lines(
        'structlog.get_logger().info("x", password="hunter2", '
        'request={"headers": [{"Authorization": "Bearer hunter2"}], "path": "/"})'
    )

    assert line["password"] == MASK
    assert line["request"] == {"headers": [{"Authorization": MASK}], "path": "/"}


@pytest.mark.parametrize(
    "name", ["password", "db_passwd", "API_KEY", "x-api-key", "Set-Cookie", "token", "clientSecret"]
)
def test_what_looks_like_a_secret_is_one(name: str) -> None:
    """In whatever spelling."""
    assert mask(name, "hunter2") == MASK


@pytest.mark.slow
def test_a_value_json_does_not_know_is_shown() -> None:
    """A line is never lost because of its fields."""
    (line,) = lines('logging.info("x", extra={"path": __import__("pathlib").Path("/tmp/a")})')

    assert "/tmp/a" in line["path"]  # noqa: S108


def test_logging_here_is_untouched() -> None:
    """Importing sets nothing up."""
    assert "KitHandler" not in {type(each).__name__ for each in logging.getLogger().handlers}
