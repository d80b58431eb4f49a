import json

import pytest

from tests.harness import Bench

pytestmark = pytest.mark.slow


def test_a_command_runs_in_the_place_of_the_service(running: Bench) -> None:
    """In its environment, with its output on the right streams, and its exit code as ours."""
    script = "echo $INTERTIE_SUITE $COLOUR; echo odd >&2; exit 7"

    done = running("run", "-E", "COLOUR=blue", "echo", "sh", "-c", script)

    assert (done.code, done.out, done.err) == (7, "shared blue\n", "odd\n")
    assert running.service("echo")["replicas"][0]["restarts"] == 0


def test_the_last_line_needs_no_line_break(running: Bench) -> None:
    """All that was written is printed, however it ended."""
    assert running.ok("run", "echo", "printf", "a\\nb").out == "a\nb\n"


def test_many_lines_all_arrive_in_order(running: Bench) -> None:
    """Not one is lost at the end."""
    lines = running.ok("run", "echo", "seq", "20000").out.split()

    assert lines == [str(number) for number in range(1, 20001)]


def test_json_gives_lines_and_the_end(running: Bench) -> None:
    """One object a line."""
    done = running.ok("run", "--json", "echo", "echo", "hi")

    line, end = map(json.loads, done.out.splitlines())
    assert (line["text"], line["stream"]) == ("hi", "out")
    assert end == {"exit_code": 0, "signal": None}


def test_a_job_ended_by_a_signal_has_a_shell_s_exit_code(running: Bench) -> None:
    """128 and the signal's number."""
    assert running("run", "echo", "sh", "-c", "kill -9 $$").code == 137


def test_a_job_that_cannot_be_started_says_why(running: Bench) -> None:
    """As for a service."""
    done = running("run", "echo", "/no/such")

    assert done.code == 1
    assert "program /no/such does not exist" in done.err


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("echoo",), "cannot find service 'echoo'; did you mean 'echo'?"),
        (("-E", "x", "echo"), "expected NAME=VALUE, got 'x'"),
    ],
)
def test_a_wrong_order_is_refused(running: Bench, arguments: tuple[str, ...], why: str) -> None:
    """Before anything runs."""
    done = running("run", *arguments)

    assert done.code != 0
    assert why in done.err


def test_a_job_is_a_change(running: Bench) -> None:
    """Who ran what stays to be seen."""
    running.ok("run", "echo", "true")

    latest = running.ok("changes", "--json").json()["items"][0]
    assert latest["title"] == "run echo"
    assert latest["status"] == "done"
