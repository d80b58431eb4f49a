"""The pages of services, changes, events and routes."""

from dataclasses import replace

import pytest

from tests.api.admin.guests import guest
from tests.identity.manor import Manor

pytestmark = [pytest.mark.anyio, pytest.mark.slow]


def pid(manor: Manor) -> int | None:
    """Of the service."""
    return manor.control.services.get("echo").replicas[0].pid


async def test_a_service_is_restarted(manor: Manor) -> None:
    """As a change of whoever pressed the button; the page tells of it."""
    before = pid(manor)
    async with guest(manor) as found:
        answer = await found.post("/services/echo/restart")
        newest = (await manor.control.changes.list(1, 1)).items[0]
        ended = await manor.control.changes.changes.wait(newest.id)
        page = await found.get()

    assert (answer.status_code, answer.headers["location"]) == (303, found.door)
    assert (ended.title, ended.actor, ended.status) == ("restart echo", "admin page", "done")
    assert pid(manor) not in {before, None}
    assert "restart echo" in page.text
    assert f"pid {pid(manor)}" in page.text
    assert "suite.change" in page.text


async def test_a_service_is_stopped_and_started(manor: Manor) -> None:
    """With the state on the page."""
    states = []
    async with guest(manor) as found:
        for verb in ("stop", "start"):
            await found.post(f"/services/echo/{verb}")
            newest = (await manor.control.changes.list(1, 1)).items[0]
            await manor.control.changes.changes.wait(newest.id)
            states.append("DOWN" in (await found.get()).text)

    assert states == [True, False]


@pytest.mark.parametrize("rest", ["/services/none/restart", "/services/echo/explode"])
async def test_what_is_not_there_is_told(manor: Manor, rest: str) -> None:
    """404 on a page that leads back."""
    async with guest(manor) as found:
        answer = await found.post(rest)

    assert answer.status_code == 404
    assert 'role="alert"' in answer.text


async def test_a_change_that_has_ended_is_not_aborted(manor: Manor) -> None:
    """409 with the reason."""
    newest = (await manor.control.changes.list(1, 1)).items[0]
    async with guest(manor) as found:
        answer = await found.post(f"/changes/{newest.id}/abort")

    assert answer.status_code == 409


async def test_routes_are_listed(manor: Manor) -> None:
    """With who may use them."""
    async with guest(manor) as found:
        page = (await found.get("/routes")).text

    assert "/orders" in page
    assert "roles admin, clerk" in page


async def test_a_manager_of_one_tenant_changes_no_services(manor: Manor) -> None:
    """They are of all tenants: there are no buttons, and to press them is of no use."""
    text = await manor.robot("admin", tenant="acme")
    async with guest(manor, text) as found:
        page = await found.get()
        answer = await found.post("/services/echo/stop")

    assert "/services/echo/" not in page.text
    assert answer.status_code == 403


async def test_where_reads_need_a_role_so_does_the_page(manor: Manor) -> None:
    """A manager of one tenant sees no services of a suite whose API listens beyond the machine."""
    manor.app.state.control = replace(manor.control, open_reads=False)
    text = await manor.robot("admin", tenant="acme")
    async with guest(manor, text) as found:
        answers = [await found.get(rest) for rest in ("", "/routes", "/people")]

    assert [each.status_code for each in answers] == [403, 403, 200]
