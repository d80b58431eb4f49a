"""An authorization server with a tiny login, a clock set by hand, and two clients."""

import hashlib
import re
from base64 import b64encode, urlsafe_b64encode
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount

from intertie.api.oauth.routes import oauth_routes
from intertie.api.oauth.server import AuthorizationServer, LoggedIn, Parts
from intertie.identity.issuer import Issuer
from intertie.identity.principal import Principal
from intertie.identity.tokens.clients import Clients
from intertie.identity.tokens.pepper import Pepper
from intertie.store import open_records
from intertie.suite.oauth_client import OAuthClient
from tests.identity.tokens.stage import START, Clock

ADA = Principal("user", "ada", "acme", "Ada", ("admin", "user"), ("staff",))
URL = "https://app.test/auth"
DONE = "https://web.test/done?x=1"
BYE = "https://web.test/bye"
VERIFIER = "v" * 43
CHALLENGE = urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).decode().rstrip("=")
COOKIE = {"cookie": "session=ada"}
SCOPES = ("openid", "profile", "email", "orders")
SECRET, ASKS_SECRET = "s" * 32, "a" * 32
Loose = dict[str, Any]  # Any: JSON answers, looked into


@dataclass
class TinyLogin:
    """Whoever has the cookie `session=ada` is Ada, until she logs out."""

    clock: Clock
    session: int = 1
    since: float = START
    gone: bool = False

    async def current(self, request: Request) -> LoggedIn | None:
        """See Login."""
        if self.gone or request.cookies.get("session") != "ada":
            return None
        at = datetime.fromtimestamp(self.since, UTC)
        return LoggedIn(ADA, f"s{self.session}", at, "ada@example.com")

    def login_url(self, return_to: str) -> str:
        """See Login."""
        return f"/auth/login?return_to={quote(return_to)}"

    async def log_out(self, request: Request, response: Response) -> None:
        """See Login."""
        self.gone = True
        response.delete_cookie("session")

    def again(self) -> None:
        """She logs in."""
        self.session += 1
        self.since, self.gone = self.clock(), False


@dataclass
class Stage:
    """The server, and a browser and a client that speak to it."""

    server: AuthorizationServer
    login: TinyLogin
    clock: Clock
    http: httpx.AsyncClient
    secret: str = SECRET
    people: dict[str, Principal | None] = field(default_factory=dict)

    async def authorize(self, **other: str | None) -> httpx.Response:
        """What Ada's browser gets; None leaves a parameter out."""
        return await self._asked(COOKIE, other)

    async def authorize_nobody(self, **other: str | None) -> httpx.Response:
        """What a browser gets that nobody is logged in with."""
        return await self._asked({}, other)

    async def _asked(
        self, headers: Mapping[str, str], other: Mapping[str, str | None]
    ) -> httpx.Response:
        told: Mapping[str, str | None] = {
            "client_id": "web",
            "redirect_uri": DONE,
            "response_type": "code",
            "scope": "openid orders",
            "state": "st",
            "nonce": "n1",
            "code_challenge": CHALLENGE,
            "code_challenge_method": "S256",
            **other,
        }
        query = {name: value for name, value in told.items() if value is not None}
        return await self.http.get("/authorize", params=query, headers=headers)

    async def code(self, **other: str | None) -> str:
        """Of a login."""
        return sent_back(await self.authorize(**other))["code"]

    async def token(self, *, secret: str | None = "", **told: str) -> httpx.Response:
        """What the client `web` gets, or with None whoever `told` says."""
        shown = self.secret if secret == "" else secret
        headers = {} if shown is None else {"authorization": basic("web", shown)}
        return await self.http.post("/token", data=told, headers=headers)

    async def redeem(self, code: str, **other: str) -> httpx.Response:
        """What the client gets for a code."""
        told = {"code": code, "redirect_uri": DONE, "code_verifier": VERIFIER, **other}
        return await self.token(grant_type="authorization_code", **told)

    async def tokens(self, **other: str | None) -> Loose:
        """Of a login."""
        got = await self.redeem(await self.code(**other))
        assert got.status_code == 200, got.text
        found: Loose = got.json()
        return found

    async def userinfo(self, access: str) -> httpx.Response:
        """Who the token is for."""
        return await self.http.get("/userinfo", headers={"authorization": f"Bearer {access}"})


@asynccontextmanager
async def stage(folder: Path, url: str = URL, *, has_refresh: bool = True) -> AsyncIterator[Stage]:
    """In this process, without a socket."""
    clock = Clock()
    async with open_records(f"sqlite://{folder}/records.db") as records:
        issuer = Issuer.open(
            folder / "keys", url=url, clock=lambda: datetime.fromtimestamp(clock(), UTC)
        )
        pepper = Pepper.open(folder / "keys")
        parts = Parts.on(records, issuer, pepper, clients=clients(), clock=clock)
        login, people = TinyLogin(clock), dict[str, Principal | None]()

        async def present(principal: Principal) -> Principal | None:
            return people.get(principal.id, principal)

        server = AuthorizationServer(
            parts, login, "gate", clock, present=present, has_refresh=has_refresh
        )
        app = Starlette(routes=[Mount("/auth", routes=oauth_routes(server))])
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url=URL) as http:
            yield Stage(server, login, clock, http, people=people)


def clients() -> Clients:
    """A confidential one, `web`, a public one, `spa`, and a service that asks about tokens."""
    returns = {
        "redirect_uris": (DONE, "https://app.test/done"),
        "logout_uris": (BYE, "https://app.test/bye"),
        "scopes": SCOPES,
    }
    web = {
        **returns,
        "client_secret": "${secret:web}",
        "grants": ("authorization_code", "refresh_token", "client_credentials"),
        "tenant": "acme",
        "roles": "reader",
    }
    asks = {
        "client_secret": "${secret:asks}",
        "grants": "client_credentials",
        "introspects": True,
    }
    told = {"web": web, "spa": returns, "asks": asks}
    known = {"${secret:web}": SECRET, "${secret:asks}": ASKS_SECRET}
    declared = {name: OAuthClient.model_validate(each) for name, each in told.items()}
    return Clients(declared, secret=known.__getitem__)


def basic(name: str, secret: str) -> str:
    """For `authorization`."""
    return "Basic " + b64encode(f"{quote(name)}:{quote(secret)}".encode()).decode()


def sent_back(answer: httpx.Response) -> dict[str, str]:
    """What the browser brings to the client."""
    assert answer.status_code == 303, answer.text
    assert re.match(re.escape(DONE), answer.headers["location"])
    return dict(parse_qsl(urlsplit(answer.headers["location"]).query))
