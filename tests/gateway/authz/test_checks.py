"""Requests held against documents, as the authorizer does it."""

from pathlib import Path

import pytest

from intertie.errors import GatewayError
from intertie.gateway.authz.answer import Refusal
from intertie.gateway.authz.checks import Checks
from intertie.gateway.authz.question import Question
from intertie.suite.openapi import OpenApiImport
from tests.gateway.authz.documents import DOCUMENT, checked_by, written

pytestmark = pytest.mark.anyio

GOOD = Question("GET", "/items?page=1", {})


def _wanted(folder: Path, name: str, text: str = DOCUMENT) -> dict[str, OpenApiImport]:
    return {
        key: OpenApiImport.model_validate(each) for key, each in written(folder, name, text).items()
    }


def _refused(checks: Checks, asked: Question) -> Refusal:
    found = checks.refuse("items", asked)
    assert found is not None
    return found


async def test_a_refusal_names_every_place_and_no_value(tmp_path: Path) -> None:
    """Its status is that of the worst fault."""
    checks, _ = await checked_by(tmp_path)

    found = _refused(checks, Question("GET", "/items?page=secret", {}))

    assert (found.status, found.code, found.policy) == (400, "request_invalid", "openapi")
    [wrong] = found.violations
    assert (wrong["in"], wrong["name"]) == ("query", "page")
    assert "secret" not in str(found)
    assert checks.refuse("items", GOOD) is None


async def test_a_method_that_is_not_there_says_which_are(tmp_path: Path) -> None:
    """As RFC 9110 asks of 405."""
    checks, _ = await checked_by(tmp_path)

    found = _refused(checks, Question("PUT", "/items", {}))

    assert (found.status, found.headers) == (405, {"allow": "GET, POST"})


async def test_a_document_that_is_not_known_lets_nothing_pass(tmp_path: Path) -> None:
    """No request is left unchecked because its document is away."""
    found = Checks(tmp_path).refuse("items", GOOD)

    assert found is not None
    assert (found.status, found.code) == (503, "no_document")


async def test_what_is_in_use_stays_while_the_next_is_prepared(tmp_path: Path) -> None:
    """It goes one generation later."""
    checks, _ = await checked_by(tmp_path)

    await checks.prepare(_wanted(tmp_path, "next"))
    both = checks.refuse("items", GOOD), checks.refuse("next", GOOD)
    await checks.prepare(_wanted(tmp_path, "next"))

    assert both == (None, None)
    assert _refused(checks, GOOD).code == "no_document"
    assert checks.refuse("next", GOOD) is None


async def test_a_document_that_cannot_be_used_changes_nothing(tmp_path: Path) -> None:
    """Its faults are told."""
    checks, _ = await checked_by(tmp_path)

    with pytest.raises(GatewayError, match="cannot check requests"):
        await checks.prepare(_wanted(tmp_path, "bad", "openapi: 4.0.0"))

    assert checks.refuse("items", GOOD) is None
