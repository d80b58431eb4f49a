"""What the endpoints of the authorization server share."""

import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response

from intertie.identity.issuer import LIFETIME_S, For, Issuer
from intertie.identity.principal import Principal
from intertie.identity.tokens.clients import Client, Clients
from intertie.identity.tokens.codes import Codes
from intertie.identity.tokens.grant import Grant
from intertie.identity.tokens.jwk import Keys
from intertie.identity.tokens.jws import Claims, Policy, Refusal, verify
from intertie.identity.tokens.pepper import Pepper
from intertie.identity.tokens.refresh import Lifetimes, RefreshTokens
from intertie.identity.tokens.revocation import Revocations
from intertie.store import Records
from intertie.suite.oauth_client import GrantType

_LIFETIMES = Lifetimes()


@dataclass(frozen=True, slots=True)
class LoggedIn:
    """Who sits at the browser."""

    principal: Principal
    sid: str
    """Names the session to others; it does not open it."""
    auth_time: datetime
    email: str = ""
    """Verified, or empty."""


class Login(Protocol):
    """The login pages, as far as the authorization server needs them."""

    async def current(self, request: Request) -> LoggedIn | None:
        """Whose session the request has."""
        ...

    def login_url(self, return_to: str) -> str:
        """Where to log in, again if need be, to come back to the path `return_to`."""
        ...

    async def log_out(self, request: Request, response: Response) -> None:
        """End the session of the request, and take its cookie away with `response`."""
        ...


Present = Callable[[Principal], Awaitable[Principal | None]]
"""Somebody as they are now: with other roles, or None when they may not come in any more."""


async def as_before(principal: Principal) -> Principal | None:
    """Nobody looks: what the login found holds for as long as the grant."""
    return principal


@dataclass(frozen=True, slots=True)
class Parts:
    """The tokens of the suite, on one store."""

    issuer: Issuer
    clients: Clients
    codes: Codes
    refresh: RefreshTokens
    revocations: Revocations
    pepper: Pepper

    @classmethod
    def on(
        cls,
        records: Records,
        issuer: Issuer,
        pepper: Pepper,
        *,
        clients: Clients,
        clock: Callable[[], float],
        lifetimes: Lifetimes = _LIFETIMES,
    ) -> "Parts":
        """`clock` gives seconds since 1970."""
        revocations = Revocations(records, clock, keep_s=max(lifetimes.absolute_s, 86400.0))
        return cls(
            issuer,
            clients,
            Codes(records, pepper, revocations, clock=clock),
            RefreshTokens(records, pepper, revocations, clock=clock, lifetimes=lifetimes),
            revocations,
            pepper,
        )


@dataclass(frozen=True, slots=True)
class AuthorizationServer:
    """The endpoints lie below the issuer's own URL, which is `https://host/auth` or the like."""

    parts: Parts
    login: Login
    audience: str
    """Of access tokens: the gateway's."""
    clock: Callable[[], float]
    """Seconds since 1970."""
    lifetime_s: float = LIFETIME_S
    """Of access tokens and ID tokens."""
    present: Present = as_before
    """Asked at each refresh."""
    has_refresh: bool = True
    """Whether anybody gets refresh tokens, and may use them."""

    @property
    def grants(self) -> tuple[GrantType, ...]:
        """What tokens are given for."""
        refresh: tuple[GrantType, ...] = ("refresh_token",) if self.has_refresh else ()
        return ("authorization_code", *refresh, "client_credentials")

    @property
    def url(self) -> str:
        """The issuer's, without a slash at the end."""
        return self.parts.issuer.url

    @property
    def path(self) -> str:
        """Of `url`: where browsers find the endpoints."""
        return urlsplit(self.url).path

    def now(self) -> datetime:
        """By `clock`."""
        return datetime.fromtimestamp(self.clock(), UTC)

    def access_token(self, grant: Grant) -> str:
        """What the gateway takes."""
        said = For(
            self.audience,
            client_id=grant.client_id,
            sid=grant.sid,
            grant=grant.id,
            scope=" ".join(grant.scopes),
            email=grant.email if "email" in grant.scopes else "",
        )
        return self.parts.issuer.mint_for(
            grant.acting, said, now=self.now(), lifetime_s=self.lifetime_s
        )

    def service_grant(self, client: Client, scopes: tuple[str, ...]) -> Grant:
        """For a client that acts for itself."""
        principal = Principal(
            "service", client.id, client.tenant, name=client.id, roles=client.roles
        )
        return Grant(new_grant_id(), client.id, principal, scopes, "", int(self.clock()))

    async def good(self, token: str) -> Claims | Refusal:
        """The claims of an access token of ours that nobody has revoked."""
        policy = Policy(self.url, self.audience)
        keys = Keys.parse(self.parts.issuer.jwks())
        claims = verify(token, keys, policy, now=self.clock())
        if isinstance(claims, Refusal):
            return claims
        await self.parts.revocations.refresh()
        if self.parts.revocations.is_revoked(claims):
            return Refusal("claims", "cannot take this token: it was revoked")
        return claims


def new_grant_id() -> str:
    """Nobody can guess it."""
    return secrets.token_urlsafe(16)
