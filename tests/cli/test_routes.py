"""`routes` and `explain request`: nothing has to run."""

import json
from pathlib import Path

import pytest

from intertie.cli.main import run

SUITE = """\
suite: test
services:
  web: {command: "true", port: auto}
gateway:
  routes:
    - {path: /a, service: web, methods: [GET]}
"""


@pytest.fixture
def file(tmp_path: Path) -> str:
    """Of a suite with one route."""
    (tmp_path / "suite.yaml").write_text(SUITE)
    return str(tmp_path / "suite.yaml")


def test_routes_are_shown_as_a_table_and_as_json(
    file: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The same, for people and for programs."""
    assert run(["routes", "--file", file]) == 0
    table = capsys.readouterr().out
    assert run(["routes", "--file", file, "--json"]) == 0
    [told] = json.loads(capsys.readouterr().out)

    assert "/a" in table
    assert "GET,HEAD" in table
    assert (told["path"], told["target"], told["auth"]) == ("/a", "web", ["jwt"])


def test_a_request_is_explained(file: str, capsys: pytest.CaptureFixture[str]) -> None:
    """What becomes of it, and by which lines."""
    asked = ["explain", "request", "--file", file, "GET", "/a", "-H", "authorization: Bearer x"]
    assert run(asked) == 0
    told = capsys.readouterr().out
    assert run(["explain", "request", "--file", file, "POST", "/a"]) == 0
    refused = capsys.readouterr().out

    assert "goes to web" in told
    assert "suite.yaml:6" in told
    assert refused.startswith("405")


def test_a_header_that_is_none_is_refused(file: str, capsys: pytest.CaptureFixture[str]) -> None:
    """With what was expected, and the exit code of bad input."""
    assert run(["explain", "request", "--file", file, "GET", "/a", "-H", "nonsense"]) == 2
    assert "NAME: VALUE" in capsys.readouterr().err


def test_explain_alone_is_still_about_a_service(capsys: pytest.CaptureFixture[str]) -> None:
    """`explain SERVICE` is the short form."""
    assert run(["explain", "--help"]) == 0
    assert "SERVICE" in capsys.readouterr().out
