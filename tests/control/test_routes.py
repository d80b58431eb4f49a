"""Routes and requests, explained by the suite file alone."""

from pathlib import Path

import pytest

from intertie.control.routes import explain_request, list_routes
from intertie.errors import IntertieError
from intertie.suite import load
from intertie.suite.load import Loaded

SUITE = """\
suite: test
services:
  web: {command: "true", port: auto}
gateway:
  rate_limiting: {default_rate: 10/hour, burst_rate: null}
  routes:
    - {path: /, service: web, methods: [GET], auth_required: false}
    - path: /admin
      service: web
      roles: [admin]
"""


@pytest.fixture
def loaded(tmp_path: Path) -> Loaded:
    """The suite, read from its file."""
    (tmp_path / "suite.yaml").write_text(SUITE)
    return load(tmp_path / "suite.yaml", env={})


def test_routes_are_listed_in_the_order_they_are_tried(loaded: Loaded) -> None:
    """With what each asks for, and where it is written."""
    first, second = list_routes(loaded)

    assert (first.path, first.roles, first.auth, first.rate) == (
        "/admin", ("admin",), ("jwt",), "10/hour",
    )  # fmt: skip
    assert first.place.endswith("suite.yaml:8:7")
    assert (second.path, second.auth) == ("/", ())


def test_a_request_is_explained_by_the_lines_that_decide(loaded: Loaded) -> None:
    """Route, status, and each policy with its value, key and line."""
    found = explain_request(loaded, "get", "/admin/x", {"Authorization": "Bearer t"})

    assert (found.status, found.route) == (None, "/admin")
    lines = {each.policy: each.place.rsplit("suite.yaml:", 1)[1] for each in found.reasons}
    assert lines["roles"].startswith("10:")
    assert lines["rate limit"].startswith("5:")


def test_what_is_no_request_is_refused(loaded: Loaded) -> None:
    """With what was expected."""
    with pytest.raises(IntertieError, match="expected a path"):
        explain_request(loaded, "GET", "admin", {})


def test_a_suite_without_a_gateway_has_nothing_to_explain(tmp_path: Path) -> None:
    """And says so."""
    (tmp_path / "suite.yaml").write_text('suite: x\nservices: {web: {command: "true"}}\n')

    with pytest.raises(IntertieError, match="has no `gateway:`"):
        list_routes(load(tmp_path / "suite.yaml", env={}))
