"""REST routes of users."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from intertie.identity.users import User
from tests.identity.manor import PASSWORD, ROOT, Manor, open_manor

JSON = {"content-type": "application/json"}
pytestmark = [pytest.mark.anyio, pytest.mark.slow]


@pytest.fixture
async def manor(tmp_path: Path) -> AsyncIterator[Manor]:
    """A running suite with users and keys."""
    async with open_manor(tmp_path) as made:
        yield made


async def test_a_user_is_made_found_changed_and_removed(manor: Manor) -> None:
    """The way of a user through all its routes."""
    body = {"login": "ann", "password": PASSWORD, "email": "ann@example.com", "groups": ["users"]}
    async with manor.root() as api:
        made = await api.post("/api/users", json=body)
        place = made.headers["location"]
        shown = (await api.get(place)).json()
        changed = (await api.patch(place, json={"name": "Ann"})).json()
        grouped = (await api.put(f"{place}/groups", json={"groups": ["admins"]})).json()
        off = (await api.post(f"{place}/disable")).json()
        on = (await api.post(f"{place}/enable")).json()
        listed = (await api.get("/api/users", params={"search": "ann"})).json()
        gone = await api.delete(place)
        missing = await api.get(place)

    assert (made.status_code, place) == (201, f"/api/users/{shown['id']}")
    assert (shown["roles"], shown["has_password"]) == (["readonly", "user"], True)
    assert (changed["name"], changed["email"], changed["groups"]) == (
        "Ann",
        "ann@example.com",
        ["users"],
    )
    assert grouped["roles"] == ["admin", "superuser"]
    assert (off["enabled"], on["enabled"]) == (False, True)
    assert [each["login"] for each in listed["items"]] == ["ann"]
    assert (gone.status_code, missing.status_code) == (204, 404)


async def test_a_password_is_in_no_answer_and_no_row(manor: Manor) -> None:
    """Not when it is set, nor when it is refused; its hash is nowhere either."""
    async with manor.root() as api:
        answers = [
            await api.post("/api/users", json={"login": "ann", "password": PASSWORD}),
            await api.post("/api/users", json={"login": "bob", "password": "secret-short"[:11]}),
            await api.post("/api/users", json={"login": "cem", "password": {"a": "secret-short"}}),
        ]
        place = answers[0].headers["location"]
        answers += [
            await api.put(f"{place}/password", json={"password": "x" * 2000}),
            await api.put(f"{place}/password", json={"password": "another horse battery"}),
            await api.get(place),
            await api.get("/api/audit"),
            await api.get("/api/audit/export"),
        ]
    log = (manor.folder / ".intertie" / "logs").rglob("*.log")

    assert [answer.status_code for answer in answers[:5]] == [201, 422, 422, 422, 204]
    told = "".join(answer.text for answer in answers) + "".join(each.read_text() for each in log)
    for secret in (PASSWORD, "secret-short"[:11], "xxxx", "another horse", "argon2"):
        assert secret not in told


async def test_a_new_password_opens_and_ends_what_was(manor: Manor) -> None:
    """And without any, no password opens."""
    ann = await manor.add("ann")
    passwords = manor.identities.passwords

    async def opens() -> bool:
        return isinstance(await passwords.login(ROOT, "ann", PASSWORD), User)

    async with manor.root() as api:
        set_ = await api.put(f"/api/users/{ann}/password", json={"password": PASSWORD})
        before = await opens()
        removed = await api.delete(f"/api/users/{ann}/password")

    assert (set_.status_code, removed.status_code) == (204, 204)
    assert (before, await opens()) == (True, False)


async def test_sessions_and_factors_are_ended_apart(manor: Manor) -> None:
    """A logout leaves the app; a reset tells what it forgot."""
    ann = await manor.add("ann")
    async with manor.root() as api:
        out = await api.delete(f"/api/users/{ann}/sessions")
        factors = await api.delete(f"/api/users/{ann}/factors")

    assert (out.status_code, factors.json()) == (204, {"removed": []})
    assert (await manor.identities.users.get(ann)).epoch > 2


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"login": "ann"}, 409),
        ({"login": "ANN"}, 409),
        ({"login": "a b"}, 422),
        ({"login": "é"}, 422),
        ({"login": "bob", "email": "nobody"}, 422),
        ({"login": "bob", "phone": "110"}, 422),
        ({"login": "bob", "roles": ["a,b"]}, 422),
        ({"login": "bob", "groups": ["nowhere"]}, 409),
        ({"login": "bob", "tenant": "nowhere"}, 404),
        ({"login": "bob", "password": "short"}, 422),
        ({"login": "bob", "password": "bobbobbobbob"}, 422),
        ({"login": "bob", "admin": True}, 422),
        ({"login": "bob", "name": "\ud800"}, 422),
        ({"login": "bob", "groups": ["\ud800"]}, 422),
        ({"login": "bob", "groups": ["\x00"]}, 409),
        ([], 422),
    ],
)
async def test_what_cannot_be_is_refused_and_nothing_is_made(
    manor: Manor, body: Any, status: int
) -> None:
    """As a problem document that says why."""
    await manor.add("ann")
    async with manor.root() as api:
        answer = await api.post("/api/users", content=json.dumps(body), headers=JSON)
        total = (await api.get("/api/users")).json()["total"]

    assert (answer.status_code, total) == (status, 1)
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["detail"].startswith("cannot ")


async def test_an_address_that_somebody_else_changes_is_not_verified(manor: Manor) -> None:
    """Unless that is said too."""
    async with manor.root() as api:
        body = {"login": "ann", "email": "a@example.com", "email_verified": True}
        place = (await api.post("/api/users", json=body)).headers["location"]
        changed = (await api.patch(place, json={"email": "b@example.com"})).json()

    assert (changed["email"], changed["email_verified"]) == ("b@example.com", False)
