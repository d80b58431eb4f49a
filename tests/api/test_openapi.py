"""The published description of the API."""

import json

from intertie.api.openapi import render

DOCUMENT = json.loads(render())


def test_it_is_the_same_each_time() -> None:
    """The published file changes only when the API does."""
    assert render() == render()
    assert render().endswith("}\n")


def test_every_operation_says_what_an_error_looks_like() -> None:
    """A client can rely on problem documents everywhere."""
    for path, operations in DOCUMENT["paths"].items():
        for method, operation in operations.items():
            assert "default" in operation["responses"], f"{method} {path}"
            assert operation["tags"], f"{method} {path}"


def test_the_contract_paths_are_there() -> None:
    """Names other programs use."""
    wanted = {
        "/api/health",
        "/api/health/live",
        "/api/health/ready",
        "/api/services",
        "/api/services/start",
        "/api/services/stop",
        "/api/services/restart",
        "/api/changes/{id}",
        "/api/events",
        "/api/metrics",
        "/metrics",
    }

    assert wanted <= set(DOCUMENT["paths"])
