"""Connections to services outside: who sees which, and how they do."""

from dataclasses import replace

import pytest

from intertie.control.actor import Actor, Reach
from intertie.control.integrations import IntegrationControl
from intertie.errors import AccessDeniedError, NotFoundError
from intertie.integrations.communication.slack import SlackIntegration
from intertie.runtime.component import Status
from intertie.suite.identity import Tenant
from intertie.suite.model import Suite
from tests.integrations.stage import Stage, answer

pytestmark = pytest.mark.anyio
ROOT = Actor("root", may_read=True, may_write=True)
OF_ACME = replace(ROOT, reach=Reach(tenant="acme"))
SUITE = Suite.model_validate(
    {
        "suite": "shop",
        "services": {"web": {"command": "true"}},
        "tenants": {"acme": Tenant(sla="99.9%"), "globex": Tenant()},
    }
)
CONFIG = {"bot_token": "xoxb-1"}
WELL = {"ok": True, "team_id": "T", "user_id": "U"}


@pytest.fixture
def stage() -> Stage:
    """A connection of each of two tenants, not looked at yet."""
    made = Stage()
    made.vendor.answers = lambda request: answer(WELL)
    for tenant in ("acme", "globex"):
        retries = {"max_attempts": 1}
        made.made(SlackIntegration, tenant, name="chat", config=CONFIG, retry_policy=retries)
    return made


def control(stage: Stage) -> IntegrationControl:
    """Over its registry."""
    return IntegrationControl(
        lambda: stage.registry, lambda: SUITE, refused=lambda: {"globex/broken": "no secret"}
    )


async def test_a_tenant_sees_its_own_only(stage: Stage) -> None:
    """In every list; another's is not there at all."""
    cases = control(stage)
    await cases.check(ROOT, "chat", "globex")
    await cases.check(OF_ACME, "chat")

    assert {each.tenant for each in cases.report(ROOT).integrations} == {"acme", "globex"}
    assert {each.tenant for each in cases.report(OF_ACME).integrations} == {"acme"}
    assert {each.tenant for each in cases.counted(OF_ACME)} == {"acme"}
    assert [each.tenant for each in cases.availability(OF_ACME)] == ["acme"]
    for asked in ("globex", "default"):
        with pytest.raises(NotFoundError):
            await cases.check(OF_ACME, "chat", asked)


async def test_what_was_promised_is_held_against_what_was_got(stage: Stage) -> None:
    """The vendor's failures count, the caller's do not."""
    cases = control(stage)
    for status in (200, 200, 500):
        stage.vendor.answers = lambda request, status=status: answer(WELL, status)  # type: ignore[misc]
        await cases.check(ROOT, "chat", "acme")

    found = {each.tenant: each for each in cases.availability(ROOT)}

    assert round(found["acme"].percent or 0, 1) == 66.7
    assert (found["acme"].kept, found["globex"].percent) == (False, None)


async def test_the_whole_is_as_well_as_its_parts(stage: Stage) -> None:
    """Down when nothing works; what could not be made is not well."""
    cases = control(stage)
    await cases.check(ROOT, "chat", "acme")
    await cases.check(ROOT, "chat", "globex")
    some = cases.report(ROOT)
    alone = cases.report(OF_ACME)
    stage.vendor.answers = lambda request: answer(status=503)
    await cases.check(ROOT, "chat", "acme")
    none = cases.report(OF_ACME)

    assert [each.error for each in some.integrations if each.name == "broken"] == ["no secret"]
    assert (some.status, alone.status, none.status) == (Status.DEGRADED, Status.UP, Status.DOWN)


async def test_who_may_not_look_sees_nothing(stage: Stage) -> None:
    """Whatever is asked."""
    cases, nobody = control(stage), Actor("nobody", may_read=False, may_write=False)

    for ask in (cases.report, cases.counted, cases.availability):
        with pytest.raises(AccessDeniedError):
            ask(nobody)
    with pytest.raises(AccessDeniedError):
        await cases.check(nobody, "chat", "acme")


async def test_a_suite_without_any_has_none() -> None:
    """And says so."""
    cases = IntegrationControl()

    assert cases.report(ROOT).integrations == []
    assert cases.report(ROOT).status is Status.UP
