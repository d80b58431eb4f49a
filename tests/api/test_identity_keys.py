"""REST routes of API keys and tokens."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet

from tests.identity.manor import Manor, open_manor

pytestmark = [pytest.mark.anyio, pytest.mark.slow]


@pytest.fixture
async def manor(tmp_path: Path) -> AsyncIterator[Manor]:
    """A running suite with users and keys."""
    async with open_manor(tmp_path) as made:
        yield made


async def test_a_key_shows_its_text_once(manor: Manor) -> None:
    """In the answer to its creation and rotation, which nobody may store."""
    async with manor.root() as api:
        made = await api.post("/api/keys", json={"name": "robot", "roles": ["admin"]})
        place = made.headers["location"]
        rotated = await api.post(f"{place}/rotate", json={"overlap": "1h"})
        again = await api.post(f"{place}/rotate", json={})
        told = [await api.get(place), await api.get("/api/keys"), await api.get("/api/audit")]
        revoked = (await api.post(f"{place}/revoke")).json()
        gone = await api.delete(place)

    texts = [made.json()["text"], rotated.json()["text"]]
    assert made.status_code == 201
    assert made.headers["cache-control"] == rotated.headers["cache-control"] == "no-store"
    assert all(text.startswith("itk_") for text in texts)
    assert not any(text[21:64] in answer.text for text in texts for answer in told)
    assert [each["last4"] for each in told[0].json()["secrets"]] == [text[-4:] for text in texts]
    assert again.status_code == 409
    assert (revoked["state"], gone.status_code) == ("revoked", 204)


async def test_a_key_of_a_user_does_what_the_user_may(manor: Manor) -> None:
    """And ends with it."""
    ann = await manor.add("ann", groups=("admins",))
    async with manor.root() as api:
        text = (await api.post("/api/keys", json={"name": "k", "owner": ann})).json()["text"]
        async with manor.api(text) as robot:
            before = (await robot.get("/api/users")).status_code
            await api.post(f"/api/users/{ann}/disable")
            after = (await robot.get("/api/users")).status_code
        listed = (await api.get("/api/keys", params={"owner": ann})).json()["total"]

    assert (before, after, listed) == (200, 401, 1)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 422),
        ({"name": ""}, 422),
        ({"name": "k", "owner": "nobody"}, 404),
        ({"name": "k", "tenant": "nowhere"}, 404),
        ({"name": "k", "cidrs": ["here"]}, 422),
        ({"name": "k", "scopes": ["a b"]}, 422),
        ({"name": "k", "expires": "2020-01-01T00:00:00Z"}, 409),
        ({"name": "k", "expires": "2020-01-01T00:00:00"}, 422),
        ({"name": "k", "mode": "plain"}, 422),
    ],
)
async def test_a_key_that_cannot_be_is_refused(
    manor: Manor, body: dict[str, object], status: int
) -> None:
    """And not made."""
    async with manor.root() as api:
        answer = await api.post("/api/keys", json=body)
        total = (await api.get("/api/keys")).json()["total"]

    assert (answer.status_code, total) == (status, 0)


async def test_a_token_of_a_user_says_what_the_user_is(manor: Manor) -> None:
    """Id, tenant, groups and roles; by name alone it says what was asked for."""
    dee = await manor.add("dee", tenant="acme", groups=("admins",))
    async with manor.root() as api:
        of_user = await api.post("/api/tokens", json={"user": "dee", "tenant": "acme"})
        by_name = await api.post(
            "/api/tokens", json={"subject": "eve", "tenant": "acme", "roles": ["clerk"], "ttl": 60}
        )
        unknown = await api.post("/api/tokens", json={"user": "dee"})
        nowhere = await api.post("/api/tokens", json={"subject": "eve", "tenant": "nowhere"})

    keys = KeySet([ECKey.import_key(key) for key in manor.issuer.jwks()["keys"]])
    said, named = (
        jwt.decode(answer.json()["access_token"], keys).claims for answer in (of_user, by_name)
    )
    assert (said["sub"], said["tenant"], said["groups"]) == (dee, "acme", ["admins"])
    assert said["roles"] == ["admin", "superuser"]
    assert (named["sub"], named["tenant"], named["roles"]) == ("eve", "acme", ["clerk"])
    assert by_name.json()["expires_in"] == 60
    assert (unknown.status_code, nowhere.status_code) == (404, 404)


async def test_a_disabled_user_gets_no_token(manor: Manor) -> None:
    """409."""
    ann = await manor.add("ann")
    async with manor.root() as api:
        await api.post(f"/api/users/{ann}/disable")
        answer = await api.post("/api/tokens", json={"user": "ann"})

    assert answer.status_code == 409


async def test_a_token_is_revoked_by_itself_or_its_id(manor: Manor) -> None:
    """One that is none of ours is refused."""
    async with manor.root() as api:
        token = (await api.post("/api/tokens", json={"subject": "eve"})).json()["access_token"]
        revoked = await api.post("/api/tokens/revoke", json={"token": token})
        by_id = await api.post("/api/tokens/revoke", json={"token": "some-jti"})
        foreign = await api.post("/api/tokens/revoke", json={"token": "a.b.c"})
        actions = [row["action"] for row in (await api.get("/api/audit")).json()["items"]]

    assert by_id.json() == {"id": "some-jti"}
    assert (revoked.status_code, foreign.status_code) == (200, 422)
    assert actions == ["token.revoke", "token.revoke"]
    assert manor.desk.opened is not None
    assert manor.desk.opened.revocations.is_revoked({"jti": revoked.json()["id"], "iat": 1})
