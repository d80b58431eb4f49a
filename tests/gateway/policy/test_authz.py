"""Envoy's side of the authorizer, on a real Envoy with a real authorizer behind it."""

import base64
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from anyio import create_task_group, current_time

from intertie.gateway.authz.question import TOKEN_ID, TOKEN_TIME
from intertie.gateway.authz.run import serve
from intertie.gateway.clusters import socket_cluster
from intertie.gateway.policy.authz import (
    GATEWAY_ONLY,
    KIND,
    NAME,
    TOKEN_PAYLOAD,
    authz_on,
    authz_reply,
    config,
)
from intertie.gateway.routes import AUTHORIZER
from intertie.gateway.xds import FILTERS, IDENTITY_HEADER
from intertie.identity.issuer import IDENTITY_CLAIM, ISSUER, Issuer
from tests.gateway.authz.documents import written
from tests.gateway.authz.people import People
from tests.gateway.policy.bare import dropping, envoy
from tests.limits.engine import until

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

GOLDEN = Path(__file__).parents[2] / "golden" / "gateway" / "authz.json"
SETTINGS: Mapping[str, Any] = {
    "limits": {"default_rate": "5/hour", "burst_rate": "3/minute"},
    "login_url": "/auth/login",
    "routes": {
        "orders": {},
        "admin": {"roles": ["admin"], "limited": False},
        "items": {"document": "items", "limited": False},
        "token": {"auth": ["token"], "limited": False},
        "open": {"auth": []},
    },
}


def _routes() -> list[dict[str, Any]]:
    def route(name: str, on: dict[str, Any]) -> dict[str, Any]:
        return {
            "name": name,
            "match": {"prefix": f"/{name}"},
            "typed_per_filter_config": {NAME: on},
        }

    names = ("orders", "admin", "token", "open", "unknown")
    return [*(route(name, authz_on()) for name in names), route("items", authz_on(1000))]


def _tokens(issuer: Issuer) -> dict[str, Any]:
    provider = {
        "issuer": ISSUER,
        "forward": True,
        "payload_in_metadata": TOKEN_PAYLOAD,
        "claim_to_headers": [{"header_name": IDENTITY_HEADER, "claim_name": IDENTITY_CLAIM}],
        "local_jwks": {"inline_string": json.dumps(dict(issuer.jwks()))},
    }
    checked = {
        "@type": f"{FILTERS}jwt_authn.v3.JwtAuthentication",
        "providers": {"own": provider},
        "rules": [{"match": {"prefix": "/token"}, "requires": {"provider_name": "own"}}],
    }
    return {"name": "tokens", "typed_config": checked}


@asynccontextmanager
async def _gateway(
    folder: Path, people: People, settings: Mapping[str, Any] = SETTINGS
) -> AsyncIterator[httpx.AsyncClient]:
    file, socket = folder / "authz.json", folder / "authz.sock"
    file.write_text(json.dumps({**settings, "documents": written(folder)}))
    filters = [
        _tokens(Issuer.open(folder / "keys")),
        {"name": NAME, "disabled": True, "typed_config": {"@type": KIND, **config()}},
    ]
    async with create_task_group() as group:

        async def run(*, task_status: Any) -> None:
            await serve(file, socket, sources=people, task_status=task_status)

        await group.start(run)
        async with envoy(
            folder,
            _routes(),
            filters,
            clusters=[socket_cluster(AUTHORIZER, str(socket))],
            local_reply_config={"mappers": [authz_reply()]},
            **dropping([*GATEWAY_ONLY, IDENTITY_HEADER]),
        ) as client:
            yield client
        group.cancel_scope.cancel()


async def test_a_key_lets_in_and_the_service_learns_who_but_not_the_key(tmp_path: Path) -> None:
    """Identity headers come from the gateway alone; key and session cookie stay there."""
    async with _gateway(tmp_path, People()) as client:
        sent = {"x-api-key": "good-key", "cookie": "a=b; intertie=s1", "x-roles": ",admin,"}
        answer = await client.get("/orders/1?a=b", headers={**sent, "x-forwarded-user": "evil"})

    told = answer.json()["headers"]
    assert answer.status_code == 200
    assert json.loads(told["x-forwarded-user"])["sub"] == "3f9a"
    assert (told["x-client-id"], told["x-tenant-id"], told["x-roles"]) == (
        *("key:3f9a", "acme"),
        ",user,",
    )
    assert "x-api-key" not in told
    assert told["cookie"] == "a=b"
    assert answer.json()["path"] == "/orders/1"
    assert answer.headers["ratelimit-policy"] == '"default";q=5;w=3600, "burst";q=3;w=60'
    assert answer.headers["ratelimit"].startswith('"default";r=4;t=36')


async def test_a_client_is_refused_when_its_limit_is_used_up(tmp_path: Path) -> None:
    """429 says when to come back, which policy it was, and what the request is called in logs."""
    async with _gateway(tmp_path, People()) as client:
        headers = {"x-api-key": "good-key"}
        began = current_time()
        passed = [(await client.get("/orders", headers=headers)).status_code for _ in range(3)]
        answer = await client.get("/orders", headers=headers)
        took_s = current_time() - began

    assert passed == [200, 200, 200]
    assert answer.status_code == 429
    assert 60 - took_s <= int(answer.headers["retry-after"]) <= 61
    assert '"burst";r=0;t=' in answer.headers["ratelimit"]
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["type"].endswith("#quota-exceeded")
    assert problem["violated-policies"] == ["burst"]
    assert problem["route"] == "orders"
    assert problem["request_id"]


async def test_each_refusal_says_which_rule(tmp_path: Path) -> None:
    """No credential, a bad one, a missing role, an undeclared route: each has a code."""
    tries: list[tuple[str, dict[str, str], int, str]] = [
        ("/orders", {}, 401, "no_credentials"),
        ("/orders", {"x-api-key": "no"}, 401, "key_unknown"),
        ("/orders", {"x-api-key": "old-key"}, 401, "key_expired"),
        ("/admin", {"x-api-key": "good-key"}, 403, "role_missing"),
        ("/unknown", {"x-api-key": "good-key"}, 403, "unknown_route"),
        ("/token", {"x-forwarded-user": '{"sub":"ada"}'}, 401, ""),
    ]
    async with _gateway(tmp_path, People()) as client:
        for path, headers, status, code in tries:
            answer = await client.get(path, headers=headers)
            assert answer.status_code == status, path
            if code:
                assert answer.json()["code"] == code


async def test_a_session_lets_in_and_a_browser_without_one_is_sent_to_log_in(
    tmp_path: Path,
) -> None:
    """The session cookie itself goes no further than the gateway."""
    async with _gateway(tmp_path, People()) as client:
        answer = await client.get("/admin", headers={"cookie": "intertie=s1"})
        told = answer.json()["headers"]
        page = await client.get("/admin?x=1", headers={"accept": "text/html,*/*"})

    assert told["x-client-id"] == "user:ada"
    assert "cookie" not in told
    assert page.status_code == 302
    assert page.headers["location"] == "/auth/login?return_to=%2Fadmin%3Fx%3D1"


async def test_a_token_that_was_taken_back_does_not_let_in(tmp_path: Path) -> None:
    """Envoy checks the token; the authorizer is told its id and asks whether it still holds."""
    people = People()
    async with _gateway(tmp_path, people) as client:
        issuer = Issuer.open(tmp_path / "keys")
        token = issuer.mint("ada", now=datetime.now(UTC), audience="x", lifetime_s=60)
        bearer = {"authorization": f"Bearer {token}"}
        before = await client.get("/token", headers=bearer)
        people.revoked.add(_jti(token))
        after = await client.get("/token", headers=bearer)

    assert before.json()["headers"]["x-client-id"] == "user:ada"
    assert (after.status_code, after.json()["code"]) == (401, "revoked")


async def test_a_body_is_looked_at_where_the_route_says_so(tmp_path: Path) -> None:
    """A body that is wrong, and one that is too large, go no further."""
    async with _gateway(tmp_path, People()) as client:
        headers = {"x-api-key": "good-key", "content-type": "application/json"}
        good = await client.post("/items", headers=headers, json={"count": 1})
        bad = await client.post("/items", headers=headers, json={"count": "x"})
        large = await client.post("/items", headers=headers, content=b"{" * 2000)

    assert (good.status_code, good.json()["size_bytes"]) == (200, len('{"count":1}'))
    assert (bad.status_code, bad.json()["code"]) == (422, "request_invalid")
    assert large.status_code == 413


async def test_who_is_not_known_is_counted_by_address_whatever_it_says_of_itself(
    tmp_path: Path,
) -> None:
    """A new X-Forwarded-For each time is no new client."""
    async with _gateway(tmp_path, People()) as client:
        statuses = [
            (await client.get("/open", headers={"x-forwarded-for": f"198.51.100.{n}"})).status_code
            for n in range(5)
        ]

    assert statuses == [200, 200, 200, 429, 429]


async def test_an_authorizer_that_is_away_lets_nobody_in(tmp_path: Path) -> None:
    """503, not an open door."""
    filters = [{"name": NAME, "disabled": True, "typed_config": {"@type": KIND, **config()}}]
    cluster = socket_cluster(AUTHORIZER, str(tmp_path / "nothing.sock"))
    async with envoy(tmp_path, _routes(), filters, clusters=[cluster]) as client:
        answer = await client.get("/orders", headers={"x-api-key": "good-key"})

    assert answer.status_code == 503
    assert cluster["name"] == AUTHORIZER


def test_the_filter_is_as_the_golden_file_has_it() -> None:
    """A change of what Envoy gets is seen."""
    found = {"filter": config(["x-team"]), "on": authz_on(7)}

    assert found == json.loads(GOLDEN.read_text())


async def test_new_settings_hold_without_a_restart(tmp_path: Path) -> None:
    """From a moment after the file was put in place."""
    async with _gateway(tmp_path, People()) as client:
        headers = {"x-api-key": "good-key"}
        before = (await client.get("/admin", headers=headers)).status_code
        new = {**SETTINGS, "routes": {"admin": {"roles": ["user"], "limited": False}}}
        (tmp_path / "next").write_text(json.dumps(new))
        (tmp_path / "next").rename(tmp_path / "authz.json")

        async def is_in() -> bool:
            return (await client.get("/admin", headers=headers)).status_code == 200

        await until(is_in, 60)

    assert before == 403


def _jti(token: str) -> str:
    part = token.split(".")[1]
    found: str = json.loads(base64.urlsafe_b64decode(part + "=="))["jti"]
    return found


def test_tokens_are_told_of_only_where_there_are_any() -> None:
    """Each header costs each request."""

    def added(has_tokens: bool) -> set[str]:
        request = config(has_tokens=has_tokens)["http_service"]["authorization_request"]
        return {each["key"] for each in request["headers_to_add"]}

    assert added(True) - added(False) == {TOKEN_ID, TOKEN_TIME}
