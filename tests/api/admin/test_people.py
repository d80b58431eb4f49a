"""The pages of users, keys, tenants and the audit trail."""

import pytest

from tests.api.admin.guests import EVIL, guest
from tests.identity.manor import ROOT, Manor

pytestmark = [pytest.mark.anyio, pytest.mark.slow]


async def test_names_are_inert(manor: Manor) -> None:
    """A name that looks like a script is shown as it was typed."""
    await manor.identities.keys.create(ROOT, EVIL)
    await manor.identities.users.create(ROOT, "eve", name=EVIL)
    async with guest(manor) as found:
        pages = [(await found.get(rest)).text for rest in ("/people", "/audit")]

    for page in pages:
        assert "<script" not in page
        assert "<img" not in page
        assert "&lt;script&gt;" in page


async def test_a_user_is_shut_out_and_let_in(manor: Manor) -> None:
    """At once, and the trail has who did it."""
    ann = await manor.add("ann")
    states = []
    async with guest(manor) as found:
        for verb in ("disable", "enable", "logout"):
            answer = await found.post(f"/users/{ann}/{verb}")
            assert answer.headers["location"] == f"{found.door}/people"
            states.append((await manor.identities.users.get(ann)).enabled)
        trail = (await found.get("/audit")).text

    assert states == [False, True, True]
    assert "user.disable" in trail
    assert "admin page" in trail


async def test_a_key_is_revoked(manor: Manor) -> None:
    """It opens nothing any longer."""
    text = await manor.robot("admin")
    async with guest(manor) as found:
        await found.post(f"/keys/{text.split('_')[1]}/revoke")
        page = (await found.get("/people")).text
    async with manor.api(text) as robot:
        status = (await robot.get("/api/users")).status_code

    assert status == 401
    assert "revoked" in page


async def test_other_tenants_are_not_there(manor: Manor) -> None:
    """A manager of one tenant sees and changes its own only."""
    text = await manor.robot("admin", tenant="acme")
    bob = await manor.add("bob-of-globex", tenant="globex")
    amy = await manor.add("amy-of-acme", tenant="acme")
    other = await manor.identities.keys.create(ROOT, "key-of-globex", tenant="globex")
    async with guest(manor, text) as found:
        page = (await found.get("/people")).text
        trail = (await found.get("/audit")).text
        answers = [
            await found.post(f"/users/{bob}/disable"),
            await found.post(f"/keys/{other.key.id}/revoke"),
            await found.post(f"/users/{amy}/disable"),
        ]

    assert "amy-of-acme" in page
    assert "globex" not in page + trail
    assert [each.status_code for each in answers] == [404, 404, 303]
    assert (await manor.identities.users.get(bob)).enabled


async def test_many_users_come_in_pages(manor: Manor) -> None:
    """A hundred on each."""
    for number in range(101):
        await manor.add(f"user-{number:03}")
    async with guest(manor) as found:
        first, second = (await found.get("/people")).text, (await found.get("/people?page=2")).text
        odd = [await found.get(f"/people?page={page}") for page in ("-1", "x", "9" * 30)]

    assert "user-099" in first
    assert "user-100" not in first
    assert "people?page=2" in first
    assert "user-100" in second
    assert [each.status_code for each in odd] == [200, 200, 200]


async def test_what_cannot_be_done_with_a_user_is_told(manor: Manor) -> None:
    """404, and nothing is."""
    ann = await manor.add("ann")
    async with guest(manor) as found:
        answers = [await found.post(f"/users/{each}/explode") for each in (ann, "nobody")]
        answers.append(await found.get("/audit?before=99999999999999999999999999"))

    assert [each.status_code for each in answers[:2]] == [404, 404]
    assert answers[2].status_code == 200
