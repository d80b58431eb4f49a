"""The published description of the API."""

import json
import os
import subprocess
from pathlib import Path

import pytest
from openapi_spec_validator import validate

from intertie.api.openapi import render
from tests.npm_peer import NODE, installed

SCHEMA = Path(__file__).resolve().parents[2] / "schemas" / "openapi.json"

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


def test_errors_have_their_media_type_and_streams_theirs() -> None:
    """Every error is a problem document; no stream is described as JSON."""
    for path, operations in DOCUMENT["paths"].items():
        for method, operation in operations.items():
            responses = operation["responses"]
            assert set(responses["default"]["content"]) == {"application/problem+json"}
            assert "security" in operation, f"{method} {path}"


def test_the_validator_of_the_specification_finds_no_fault() -> None:
    """It is OpenAPI 3.1."""
    validate(DOCUMENT)


@pytest.mark.slow
@pytest.mark.timeout(700)
def test_the_linter_finds_no_error() -> None:
    """With its recommended rules."""
    folder = installed(Path(__file__).parent / "openapi_lint")
    told = subprocess.run(
        [NODE, "node_modules/@redocly/cli/bin/cli.js", "lint", SCHEMA, "--format=json"],
        cwd=folder,
        env={**os.environ, "REDOCLY_TELEMETRY": "off", "REDOCLY_SUPPRESS_UPDATE_NOTICE": "true"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    totals = json.loads(told.stdout)["totals"]

    assert totals["errors"] == 0, told.stdout[:4_000]
