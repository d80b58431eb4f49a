"""The pages of the gateway's API."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.api.login.site import Made, made
from tests.api.login.test_wire import log_in
from tests.api.portal.site import DOCUMENT, URL, asking

pytestmark = pytest.mark.anyio


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[Made]:
    """A suite with a user."""
    async with made(tmp_path / "suite", {}, url=URL) as found:
        await found.user("ada")
        yield found


async def test_operations_are_listed_by_service(world: Made) -> None:
    """Each with a page of its own, and the document for programs."""
    async with asking(world) as client:
        await log_in(client, "ada")
        index = (await client.get("/auth/portal/api")).text
        one = await client.get("/auth/portal/api/operation?id=put%2Forders")
        document = (await client.get("/auth/portal/openapi.json")).json()

    assert "<h2>orders</h2>" in index
    assert "<h2>The gateway itself</h2>" in index
    assert 'href="/auth/portal/api/operation?id=put%2Forders"' in index
    assert "an API key, a login" in index
    assert "There is no such order" in one.text
    assert document == DOCUMENT


async def test_what_services_say_is_inert(world: Made) -> None:
    """The only script is ours."""
    async with asking(world) as client:
        await log_in(client, "ada")
        page = (await client.get("/auth/portal/api/operation?id=put%2Forders")).text

    assert page.count("<script") == 1
    assert "<img" not in page
    assert "&lt;script&gt;" in page


async def test_an_operation_that_is_not_there(world: Made) -> None:
    """404 on a page that leads back, with nothing of the address in it that could act."""
    async with asking(world) as client:
        await log_in(client, "ada")
        answer = await client.get("/auth/portal/api/operation?id=<script>x</script>")

    assert answer.status_code == 404
    assert "<script" not in answer.text


async def test_a_gateway_without_a_document(world: Made) -> None:
    """Says so."""
    async with asking(world, document={}) as client:
        await log_in(client, "ada")
        page = (await client.get("/auth/portal/api")).text

    assert "Nothing is described yet." in page
