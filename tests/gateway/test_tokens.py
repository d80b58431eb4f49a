"""Who is let in, and what a service is told about them, through a real Envoy."""

import hmac
import json
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import ECKey

from tests.gateway.stage import Door, client, door, now, suite_of, upstream

pytestmark = [pytest.mark.anyio, pytest.mark.slow]


@asynccontextmanager
async def guarded(folder: Path) -> AsyncIterator[tuple[Door, httpx.AsyncClient]]:
    """A gateway with a closed and an open route to the same service."""
    suite = suite_of(
        {"path": "/closed", "service": "web"},
        {"path": "/open", "service": "web", "auth_required": False},
    )
    async with (
        upstream("web") as web,
        door(folder, suite, {"web": [web.port]}) as made,
        client(made) as http,
    ):
        yield made, http


@dataclass
class Forge:
    """Makes tokens, good and bad, with the suite's own key."""

    key: ECKey
    good: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, made: Door) -> "Forge":
        """With the private key of the suite's issuer."""
        key = ECKey.import_key(json.loads((made.folder / "keys" / "issuer.json").read_text()))
        issued = int(now().timestamp())
        claims = {"iss": "intertie", "sub": "ada", "aud": "intertie", "exp": issued + 600}
        return cls(key, {**claims, "iat": issued})

    def sign(self, *, without: str = "", kid: str | None = None, **claims: Any) -> str:
        """A token that differs from a good one in this."""
        body = {k: v for k, v in {**self.good, **claims}.items() if k != without}
        header = {"alg": "ES256", "kid": kid or str(self.key.kid)}
        return jwt.encode(header, body, self.key)

    def unsigned(self) -> str:
        """`alg: none`, which is no signature at all."""
        signed = self.sign().split(".")
        return f"{encoded({'alg': 'none'})}.{signed[1]}."

    def with_the_public_key_as_secret(self) -> str:
        """HS256, keyed with what everybody knows."""
        signed = f"{encoded({'alg': 'HS256', 'kid': str(self.key.kid)})}.{encoded(self.good)}"
        mac = hmac.digest(self.key.as_pem(private=False), signed.encode(), "sha256")
        return f"{signed}.{urlsafe_b64encode(mac).decode().rstrip('=')}"

    def of_somebody_else(self) -> str:
        """Signed with another key that says it is ours."""
        other = ECKey.generate_key("P-256")
        return jwt.encode({"alg": "ES256", "kid": str(self.key.kid)}, self.good, other)

    def changed(self) -> str:
        """A good signature below other words."""
        head, _, signature = self.sign().split(".")
        return f"{head}.{encoded({**self.good, 'sub': 'root'})}.{signature}"


def encoded(part: dict[str, Any]) -> str:
    """One part of a token."""
    return urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=")


async def test_only_good_tokens_open_a_closed_route(tmp_path: Path) -> None:
    """Every other one is refused, the reason told; the service sees none of them."""
    async with guarded(tmp_path) as (made, http):
        forge = Forge.of(made)
        past = int(now().timestamp()) - 5
        tokens = {
            "good": forge.sign(),
            "audience among others": forge.sign(aud=["other", "intertie"]),
            "expired": forge.sign(exp=past),
            "not yet valid": forge.sign(nbf=past + 3600),
            "without end": forge.sign(without="exp"),
            "without issuer": forge.sign(without="iss"),
            "other issuer": forge.sign(iss="evil"),
            "unknown key": forge.sign(kid="unknown"),
            "not signed": forge.unsigned(),
            "public key as secret": forge.with_the_public_key_as_secret(),
            "somebody else's": forge.of_somebody_else(),
            "changed": forge.changed(),
            "no token": "abc",
            "other audience": forge.sign(aud="other"),
            "without audience": forge.sign(without="aud"),
        }
        got = {
            name: await http.get("/closed", headers={"authorization": f"Bearer {token}"})
            for name, token in tokens.items()
        }

    good = {"good", "audience among others"}
    forbidden = {"other audience", "without audience"}
    codes = {name: answer.status_code for name, answer in got.items()}
    expected = {n: 200 if n in good else 403 if n in forbidden else 401 for n in tokens}
    assert codes == expected
    assert "expired" in got["expired"].json()["detail"]
    assert "Audiences" in got["other audience"].json()["detail"]


async def test_a_token_is_asked_for_in_the_header_only(tmp_path: Path) -> None:
    """None at all is 401 with a challenge; a token in the query, where logs find it, is none."""
    async with guarded(tmp_path) as (made, http):
        none = await http.get("/closed")
        query = await http.get("/closed", params={"access_token": made.token()})
        basic = await http.get("/closed", auth=("ada", made.token()))

    assert [each.status_code for each in (none, query, basic)] == [401, 401, 401]
    assert none.headers["www-authenticate"].startswith("Bearer")
    assert "missing" in none.json()["detail"]


async def test_the_service_is_told_who_it_is(tmp_path: Path) -> None:
    """As JSON in `x-forwarded-user`; the token itself stays at the gateway."""
    async with guarded(tmp_path) as (made, http):
        token = made.token("ada", roles=["admin", "editor"])
        answer = await http.get("/closed", headers={"authorization": f"Bearer {token}"})

    headers = answer.json()["headers"]
    user = json.loads(headers["x-forwarded-user"])
    assert (user["sub"], user["roles"]) == ("ada", ["admin", "editor"])
    assert "authorization" not in headers


@pytest.mark.parametrize(
    "subject", ['a"b', 'a","roles":["admin"],"x":"', "ünïcödé 🦊", "a\r\nb: c"]
)
async def test_a_name_cannot_break_out_of_the_header(tmp_path: Path, subject: str) -> None:
    """Quotes, line breaks and any script arrive as they are in the token."""
    async with guarded(tmp_path) as (made, http):
        headers = {"authorization": f"Bearer {made.token(subject)}"}
        told = (await http.get("/closed", headers=headers)).json()["headers"]

    user = json.loads(told["x-forwarded-user"].encode("latin-1"))
    assert user["sub"] == subject
    assert "roles" not in user
    assert "b" not in told


@pytest.mark.parametrize("path", ["/open", "/closed"])
@pytest.mark.parametrize("spoof", ["x-forwarded-user", "X-Forwarded-User", "x-envoy-original-path"])
async def test_nobody_can_say_who_they_are(tmp_path: Path, path: str, spoof: str) -> None:
    """Such headers of a client are dropped on every route, however often they come."""
    async with guarded(tmp_path) as (made, http):
        headers = [(spoof, '{"sub":"root"}')] * 2 + [*made.bearer().items()]
        told = (await http.get(path, headers=headers)).json()["headers"]

    assert "root" not in told.get(spoof.lower(), "")
    assert ("x-forwarded-user" in told) == (path == "/closed")


async def test_a_header_with_an_underscore_is_refused(tmp_path: Path) -> None:
    """Many servers read `x_forwarded_user` as `x-forwarded-user`."""
    async with guarded(tmp_path) as (_, http):
        answer = await http.get("/open", headers={"x_forwarded_user": "root"})

    assert answer.status_code == 400


async def test_an_open_route_does_not_look_at_tokens(tmp_path: Path) -> None:
    """Whatever is sent is the service's to judge, and arrives there."""
    async with guarded(tmp_path) as (_, http):
        answer = await http.get("/open", headers={"authorization": "Basic abc"})

    assert answer.json()["headers"]["authorization"] == "Basic abc"
