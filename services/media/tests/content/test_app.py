from collections.abc import AsyncIterator

import httpx
import pytest

from intertie_media.assets import Assets
from intertie_media.content.app import ContentApi, content_app
from intertie_media.documents import ASSETS
from intertie_media.storage import Storage
from services.media.tests.kit import ADMIN, ANN, BOB, Clock, asset, client

pytestmark = pytest.mark.anyio


@pytest.fixture
async def http(assets: Assets, clock: Clock) -> AsyncIterator[httpx.AsyncClient]:
    """Ann's, who has three assets; Bob has one."""
    for number in range(3):
        await assets.create(asset(f"a{number}"))
    await assets.create(asset("b0", user="bob"))
    async with client(content_app(ContentApi(assets, now=clock)), ANN) as http:
        yield http


async def test_the_list_has_pages_of_ones_own(http: httpx.AsyncClient) -> None:
    """Newest first, with the number of all."""
    first = (await http.get("/assets?page=1&limit=2")).json()
    second = (await http.get("/assets?page=2&limit=2")).json()

    assert [item["id"] for item in first["items"]] == ["a2", "a1"]
    assert [item["id"] for item in second["items"]] == ["a0"]
    assert (first["page"], first["limit"], first["total"]) == (1, 2, 3)


@pytest.mark.parametrize(
    "query", ["page=0", "page=-1", "page=x", "limit=0", "limit=101", "limit=1.5", "page="]
)
async def test_a_page_that_makes_no_sense_is_refused(http: httpx.AsyncClient, query: str) -> None:
    """With 422 and the name of the parameter."""
    answer = await http.get(f"/assets?{query}")

    assert answer.status_code == 422
    assert answer.json()["faults"][0]["place"] == query.split("=", maxsplit=1)[0]


async def test_only_an_admin_lists_others_assets(http: httpx.AsyncClient) -> None:
    """Naming oneself is no fault."""
    own = await http.get("/assets?userId=ann")
    theirs = await http.get("/assets?userId=bob")
    admins = await http.get("/assets?userId=bob", headers=ADMIN)

    assert (own.json()["total"], theirs.status_code) == (3, 403)
    assert [item["id"] for item in admins.json()["items"]] == ["b0"]


async def test_an_asset_has_the_agreed_members(http: httpx.AsyncClient) -> None:
    """As other services read them."""
    found = (await http.get("/media/a0")).json()

    agreed = {"id", "userId", "status", "metadata", "thumbnailUrl", "streamingUrl", "createdAt"}
    assert agreed <= set(found)


async def test_a_title_can_be_changed(http: httpx.AsyncClient) -> None:
    """And nothing else with it."""
    before = (await http.get("/media/a0")).json()

    answer = await http.patch("/media/a0", json={"title": "  Holiday  ", "status": "ready"})

    after = (await http.get("/media/a0")).json()
    assert answer.status_code == 200
    assert after == {**before, "metadata": {**before["metadata"], "title": "Holiday"}}


@pytest.mark.parametrize("body", [{}, {"title": ""}, {"title": "  "}, {"title": "x" * 201}])
async def test_a_title_has_to_be_one(http: httpx.AsyncClient, body: dict[str, str]) -> None:
    """Neither empty nor endless."""
    assert (await http.patch("/media/a0", json=body)).status_code == 422


async def test_a_deleted_asset_is_gone_for_everybody(
    http: httpx.AsyncClient, storage: Storage, clock: Clock
) -> None:
    """Its document is kept, with the time of deletion."""
    clock.pass_by(60)

    assert (await http.delete("/media/a0")).status_code == 204

    assert (await http.get("/media/a0")).status_code == 404
    assert (await http.get("/media/a0", headers=ADMIN)).status_code == 404
    assert (await http.delete("/media/a0")).status_code == 404
    assert (await http.get("/assets")).json()["total"] == 2
    document = (await storage.records.get(ASSETS, "a0")).document
    assert document["deletedAt"] == clock().isoformat().replace("+00:00", "Z")


@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
async def test_an_asset_is_its_owners(http: httpx.AsyncClient, method: str) -> None:
    """403 for others, 401 for nobody, and nothing has changed."""
    body = {"title": "Mine now"}

    theirs = await http.request(method, "/media/a0", json=body, headers=BOB)
    nobodys = await http.request(method, "/media/a0", json=body, headers={"x-forwarded-user": ""})

    assert (theirs.status_code, nobodys.status_code) == (403, 401)
    assert (await http.get("/media/a0")).json()["metadata"]["title"] == "A film"
