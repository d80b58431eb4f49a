"""Authorizers and questions for tests."""

from collections.abc import Mapping
from typing import Any

from intertie.gateway.authz.authorizer import Authorizer
from intertie.gateway.authz.checks import Checks
from intertie.gateway.authz.journal import Journal
from intertie.gateway.authz.question import ADDRESS, REQUEST_ID, ROUTE, Question
from intertie.gateway.authz.settings import AuthzSettings
from intertie.limits.memory import MemoryCounters
from tests.gateway.authz.people import People

Lines = list[Mapping[str, object]]


def question(
    route: str,
    target: str = "/",
    *,
    method: str = "GET",
    address: str = "192.0.2.1",
    **headers: str,
) -> Question:
    """As Envoy asks it."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    named |= {ROUTE: route, ADDRESS: address, REQUEST_ID: "r-1"}
    return Question(method, target, named)


def settings(**given: Any) -> AuthzSettings:
    """From the words of the file."""
    return AuthzSettings.model_validate(given)


def authorizer(
    people: People | None = None,
    lines: Lines | None = None,
    checks: Checks | None = None,
    **given: Any,
) -> Authorizer:
    """One that counts in memory and tells its journal to `lines`."""
    told = lines if lines is not None else []
    journal = Journal(told.append, now_s=lambda: 7.0, chance=lambda: 0.5)
    return Authorizer(
        settings(**given),
        sources=people or People(),
        counters=MemoryCounters(),
        journal=journal,
        checks=checks,
    )


def status(answer: bytes | None) -> int:
    """Of an answer that came at once."""
    assert answer is not None
    return int(answer.split(b" ", 2)[1])
