"""REST routes of groups, roles and tenants."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.identity.manor import Manor, open_manor

pytestmark = [pytest.mark.anyio, pytest.mark.slow]


@pytest.fixture
async def manor(tmp_path: Path) -> AsyncIterator[Manor]:
    """A running suite with users and keys."""
    async with open_manor(tmp_path) as made:
        yield made


async def test_a_group_may_have_any_name_without_spaces(manor: Manor) -> None:
    """Its address is in the answer, and leads to it."""
    async with manor.root() as api:
        made = await api.post("/api/groups", json={"name": "cn=night/shift,o=x", "tenant": "acme"})
        place = made.headers["location"]
        shown = (await api.get(place)).json()
        again = await api.post("/api/groups", json={"name": "cn=night/shift,o=x", "tenant": "acme"})
        gone = await api.delete(place)
        missing = await api.get(place)

    assert (made.status_code, again.status_code) == (201, 409)
    assert (shown["name"], shown["tenant"]) == ("cn=night/shift,o=x", "acme")
    assert (gone.status_code, missing.status_code) == (204, 404)


async def test_groups_and_roles_come_in_pages(manor: Manor) -> None:
    """The total counts all."""
    async with manor.root() as api:
        groups = (await api.get("/api/groups", params={"limit": 2, "page": 2})).json()
        roles = (await api.get("/api/roles", params={"limit": 3})).json()

    assert ([each["name"] for each in groups["items"]], groups["total"]) == (["clerks"], 3)
    assert [each["name"] for each in roles["items"]] == ["admin", "auditor", "clerk"]
    assert roles["items"][0]["routes"] == [
        {
            "path": "/orders",
            "methods": ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"],
            "service": "echo",
        }
    ]


async def test_a_role_names_its_users(manor: Manor) -> None:
    """Those who have it by a group, too."""
    await manor.add("ann", groups=("clerks",))
    async with manor.root() as api:
        role = (await api.get("/api/roles/clerk")).json()
        users = (await api.get("/api/roles/clerk/users")).json()
        unknown = await api.get("/api/roles/nobody")

    assert (role["groups"], role["api"]) == (["clerks"], None)
    assert [each["login"] for each in users["items"]] == ["ann"]
    assert unknown.status_code == 404


async def test_a_tenant_is_told_as_the_suite_file_has_it(manor: Manor) -> None:
    """Limits, features, domains and the promise, with its users and keys."""
    await manor.add("dee", tenant="acme")
    async with manor.root() as api:
        names = [each["name"] for each in (await api.get("/api/tenants")).json()["items"]]
        acme = (await api.get("/api/tenants/acme")).json()
        unknown = await api.get("/api/tenants/nowhere")
        usage = await api.get("/api/tenants/acme/usage")
        wrong = await api.get("/api/tenants/acme/usage", params={"client": "ada"})

    assert names == ["acme", "default", "globex"]
    assert (acme["users"], acme["keys"]) == (1, 0)
    assert acme["rate_limits"]["requests_per_minute"] == 600
    assert (acme["sla"], acme["features"]) == ("99.9%", ["export"])
    assert [answer.status_code for answer in (unknown, usage, wrong)] == [404, 409, 422]
