"""An OpenID provider that can be made to misbehave in every way a client must notice."""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
from joserfc import jws
from joserfc.jwk import ECKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from intertie.identity.sso.fetch import Fetch
from intertie.identity.sso.oidc import Oidc, OidcSettings

ISSUER = "https://idp.test"
NOW = datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC)
T0 = NOW.timestamp()
LOGOUT = "http://schemas.openid.net/event/backchannel-logout"

Loose = dict[str, Any]  # Any: what a provider sends


def new_key(kid: str) -> ECKey:
    """To sign with."""
    return ECKey.generate_key("P-256", {"kid": kid, "alg": "ES256", "use": "sig"})


@dataclass
class Provider:
    """What it says can be changed at any time; what it was asked is kept."""

    key: ECKey = field(default_factory=lambda: new_key("one"))
    metadata: Loose = field(default_factory=dict)
    claims: Loose = field(default_factory=dict)
    userinfo: Loose = field(default_factory=dict)
    token_answer: Callable[[Loose], Response] | None = None
    asked: list[tuple[str, Loose]] = field(default_factory=list)
    header: Loose = field(default_factory=dict)
    leaves_out: set[str] = field(default_factory=set)
    is_away: bool = False

    def base(self) -> Loose:
        """The claims of a good ID token."""
        told = {"iss": ISSUER, "aud": "suite", "sub": "s-1", "iat": int(T0), "exp": int(T0) + 300}
        more = {"email": "ada@example.com", "email_verified": True, "groups": ["users"]}
        found = {**told, **more, **self.claims}
        return {name: value for name, value in found.items() if name not in self.leaves_out}

    def sign(self, claims: Loose, *, key: ECKey | None = None) -> str:
        """A token."""
        used = key or self.key
        header = {"alg": "ES256", "kid": used.kid, **self.header}
        return jws.serialize_compact(header, json.dumps(claims), used)

    def count(self, path: str) -> int:
        """How often it was asked."""
        return sum(1 for each, _ in self.asked if each == path)

    async def answer(self, request: Request) -> Response:
        """Any of its endpoints."""
        form = {k: v[0] for k, v in parse_qs((await request.body()).decode()).items()}
        self.asked.append((request.url.path, form | dict(request.headers)))
        if self.is_away:
            return Response("away", 503)
        match request.url.path:
            case "/.well-known/openid-configuration":
                return JSONResponse(self._metadata())
            case "/jwks":
                return JSONResponse({"keys": [self.key.as_dict(private=False)]})
            case "/userinfo":
                return JSONResponse({"sub": "s-1", **self.userinfo})
            case "/token":
                return (self.token_answer or self._tokens)(form)
            case _:
                return Response("no such page", 404)

    def _metadata(self) -> Loose:
        return {
            "issuer": ISSUER,
            "authorization_endpoint": f"{ISSUER}/authorize",
            "token_endpoint": f"{ISSUER}/token",
            "jwks_uri": f"{ISSUER}/jwks",
            "userinfo_endpoint": f"{ISSUER}/userinfo",
            "end_session_endpoint": f"{ISSUER}/end?x=1",
            "authorization_response_iss_parameter_supported": True,
            **self.metadata,
        }

    def _tokens(self, form: Loose) -> Response:
        told = {"access_token": "at", "token_type": "Bearer", "id_token": self.sign(self.base())}
        return JSONResponse({**told, "expires_in": 60, "refresh_token": f"r{len(self.asked)}"})


@asynccontextmanager
async def asking(provider: Provider) -> AsyncIterator[Fetch]:
    """Requests that all end at the provider."""
    app = Starlette(routes=[Route("/{rest:path}", provider.answer, methods=["GET", "POST"])])
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app)) as client:
        yield Fetch(client)


@asynccontextmanager
async def client(provider: Provider, **more: Any) -> AsyncIterator[Oidc]:  # Any: settings
    """The suite's side."""
    told: Loose = {"client_secret": "s3cret/+", **more}
    settings = OidcSettings("corporate", ISSUER, "suite", **told)
    async with asking(provider) as fetch:
        yield Oidc(settings, fetch, now=lambda: NOW)


def query(url: str) -> dict[str, str]:
    """The parameters of an address."""
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
