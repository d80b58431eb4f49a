"""The pages of a user's own API keys."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from intertie.api.portal.keys import MOST
from intertie.identity.principal import Principal
from intertie.suite.identity import Tenant
from tests.api.login.site import TESTER, Made, made
from tests.api.login.test_wire import log_in, mark
from tests.api.portal.site import EVIL, URL, asking

pytestmark = pytest.mark.anyio
HOME = "/auth/portal"


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[Made]:
    """A suite with a tenant."""
    tenants = {"acme": Tenant(domains=("acme.test",))}
    async with made(tmp_path / "suite", {}, url=URL, tenants=tenants) as found:
        yield found


@pytest.fixture
async def client(world: Made) -> AsyncIterator[httpx.AsyncClient]:
    """A browser in which ada is logged in."""
    await world.user("ada", roles=["editor", "user"])
    async with asking(world) as found:
        await log_in(found, "ada")
        yield found


async def post(client: httpx.AsyncClient, path: str, **fields: str) -> httpx.Response:
    """A form of the keys' page."""
    return await client.post(f"{HOME}/{path}", data={"mark": await mark(client, HOME), **fields})


def shown(answer: httpx.Response) -> str:
    """The text of a key that was just made."""
    found: str = re.findall(r'<pre id="key">(itk_[^<]+)</pre>', answer.text)[0]
    return found


async def opens(world: Made, text: str) -> Principal | None:
    """Whom the door takes a key for."""
    table = await world.identities.key_table()
    found = table.check(text, address="127.0.0.1", now=world.clock().timestamp())
    return found if isinstance(found, Principal) else None


async def test_a_key_is_shown_once(world: Made, client: httpx.AsyncClient) -> None:
    """With the roles and scopes that were asked for; the list shows only its end."""
    made = await post(client, "keys", name="robot", roles="user", scopes="a:read b", days="30")
    listed = await client.get(HOME)

    text = shown(made)
    found = await opens(world, text)
    assert found is not None
    assert (found.roles, found.scopes) == (("user",), ("a:read", "b"))
    assert made.headers["cache-control"] == "no-store"
    assert "robot" in listed.text
    assert text not in listed.text


async def test_a_key_of_no_end_and_no_roles_is_as_its_owner(
    world: Made, client: httpx.AsyncClient
) -> None:
    """Also when the owner gets and loses roles."""
    text = shown(await post(client, "keys", name="robot", days=""))
    before = await opens(world, text)
    ada = await world.identities.users.by_login("ada")
    assert ada
    await world.identities.users.update(TESTER, ada.id, roles=["user"])
    world.clock.advance(400 * 86400)

    after = await opens(world, text)

    assert before is not None
    assert after is not None
    assert (before.roles, after.roles) == (("editor", "user"), ("user",))


async def test_a_rotated_key_overlaps_for_a_day(world: Made, client: httpx.AsyncClient) -> None:
    """Then only the new text opens."""
    old = shown(await post(client, "keys", name="robot"))
    id = old.split("_")[1]
    new = shown(await post(client, f"keys/{id}/rotate"))
    both = [await opens(world, each) for each in (old, new)]
    world.clock.advance(86401)

    later = [await opens(world, each) for each in (old, new)]

    assert None not in both
    assert (later[0], later[1] is None) == (None, False)


async def test_a_revoked_key_opens_no_more(world: Made, client: httpx.AsyncClient) -> None:
    """It stays in the list until it is removed."""
    text = shown(await post(client, "keys", name="robot"))
    id = text.split("_")[1]

    revoked = await post(client, f"keys/{id}/revoke")
    found = await opens(world, text)
    removed = await post(client, f"keys/{id}/remove")

    assert (revoked.status_code, found) == (200, None)
    assert ">revoked<" in revoked.text
    assert f"keys/{id}" not in removed.text
    assert not (await world.identities.keys.list())[1]


@pytest.mark.parametrize("verb", ["rotate", "revoke", "remove"])
@pytest.mark.parametrize("tenant", ["default", "acme"])
async def test_keys_of_others_are_not_there(
    world: Made, client: httpx.AsyncClient, verb: str, tenant: str
) -> None:
    """404 as for one that never was; nothing is done to them, and the list has them not."""
    bob = await world.user("bob", tenant=tenant)
    fields = {"owner": bob.id, "tenant": tenant}
    made = await world.identities.keys.create(TESTER, "secret-bob", **fields)  # type: ignore[arg-type]
    free = await world.identities.keys.create(TESTER, "secret-nobody", tenant=tenant)

    answers = [
        await post(client, f"keys/{id}/{verb}") for id in (made.key.id, free.key.id, "0" * 8)
    ]

    assert [each.status_code for each in answers] == [404, 404, 404]
    assert "secret" not in (await client.get(HOME)).text
    assert await opens(world, made.text)
    assert await opens(world, free.text)


@pytest.mark.parametrize(
    "path", ["keys", "keys/{id}/rotate", "keys/{id}/revoke", "keys/{id}/remove"]
)
@pytest.mark.parametrize(
    ("fields", "headers"),
    [
        ({"mark": ""}, {}),
        ({"mark": "00000000.00"}, {}),
        ({}, {"origin": "https://evil.test"}),
        ({}, {"sec-fetch-site": "cross-site"}),
        ({}, {"sec-fetch-site": "same-site"}),
    ],
)
async def test_forms_of_others_are_refused(
    world: Made,
    client: httpx.AsyncClient,
    path: str,
    fields: dict[str, str],
    headers: dict[str, str],
) -> None:
    """403, and nothing has changed."""
    text = shown(await post(client, "keys", name="robot"))
    before = await world.identities.revision()
    seal = await mark(client, HOME)

    answer = await client.post(
        f"{HOME}/{path.format(id=text.split('_')[1])}",
        data={"mark": seal, "name": "n", **fields},
        headers=headers,
    )

    assert answer.status_code == 403
    assert await world.identities.revision() == before
    assert await opens(world, text)


async def test_an_old_login_makes_no_keys(world: Made, client: httpx.AsyncClient) -> None:
    """Who finds an open browser adds no way in for good; revoking goes on."""
    text = shown(await post(client, "keys", name="robot"))
    id = text.split("_")[1]
    world.clock.advance(901)

    page = await client.get(HOME)
    refused = [await post(client, path, name="n") for path in ("keys", f"keys/{id}/rotate")]
    revoked = await post(client, f"keys/{id}/revoke")

    assert "Log in again" in page.text
    assert [each.status_code for each in refused] == [403, 403]
    assert revoked.status_code == 200


@pytest.mark.parametrize(
    "fields",
    [
        {"name": ""},
        {"name": "k", "roles": "admin"},
        {"name": "k", "scopes": 'a"b'},
        {"name": "k", "days": "-1"},
        {"name": "k", "days": "99999"},
    ],
)
async def test_a_faulty_order_is_told(client: httpx.AsyncClient, fields: dict[str, str]) -> None:
    """400 with the reason on a page; no key is made."""
    answer = await post(client, "keys", **fields)

    assert answer.status_code == 400
    assert 'role="alert"' in answer.text
    assert "You have none yet." in (await client.get(HOME)).text


async def test_there_is_an_end_to_keys(world: Made, client: httpx.AsyncClient) -> None:
    """Then some must be removed first."""
    ada = await world.identities.users.by_login("ada")
    assert ada
    for number in range(MOST - 1):
        await world.identities.keys.create(TESTER, f"k{number}", owner=ada.id)

    answers = [await post(client, "keys", name=f"n{number}") for number in range(2)]

    assert [each.status_code for each in answers] == [200, 409]


async def test_names_are_inert(client: httpx.AsyncClient) -> None:
    """A name that looks like a script is shown as it was typed."""
    made = await post(client, "keys", name=EVIL)
    listed = await client.get(HOME)

    for page in (made.text, listed.text):
        assert "<script>alert" not in page
        assert "<img" not in page
        assert "&lt;script&gt;" in page


async def test_each_change_is_written_down(world: Made, client: httpx.AsyncClient) -> None:
    """With who did it."""
    await post(client, "keys", name="robot")

    [newest] = await world.identities.audit.page(limit=1)

    assert (newest.actor, newest.action, newest.via) == ("default/user:ada", "key.create", "portal")
