"""The token endpoint: codes, refresh tokens and client secrets become access tokens."""

import hashlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace

from anyio import to_thread
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from intertie.api.oauth.server import AuthorizationServer
from intertie.api.oauth.wire import (
    NO_STORE,
    Fields,
    OAuthError,
    client_of,
    form,
    invalid,
    scopes_for,
)
from intertie.identity.tokens import base64url
from intertie.identity.tokens.clients import Client
from intertie.identity.tokens.codes import BadCode
from intertie.identity.tokens.grant import Grant
from intertie.identity.tokens.refresh import Refused

_Give = Callable[[Client, Fields], Awaitable[Response]]


class Token:
    """POST /token."""

    def __init__(self, server: AuthorizationServer) -> None:
        self._server = server
        self._gives: Mapping[str, _Give] = {
            "authorization_code": self._for_code,
            "refresh_token": self._for_refresh_token,
            "client_credentials": self._for_itself,
        }

    async def endpoint(self, request: Request) -> Response:
        """Tokens, or why there are none."""
        told = await form(request)
        client = await client_of(self._server, request, told)
        kind = _needed(told, "grant_type")
        grants = self._server.grants
        if kind not in grants:
            raise OAuthError("unsupported_grant_type", f"expected one of {', '.join(grants)}")
        if kind not in client.grants:
            raise OAuthError("unauthorized_client", f"the client may not use {kind}")
        return await self._gives[kind](client, told)

    async def _for_code(self, client: Client, told: Fields) -> Response:
        found = await self._server.parts.codes.redeem(
            _needed(told, "code"),
            client_id=client.id,
            redirect_uri=_needed(told, "redirect_uri"),
            verifier=_needed(told, "code_verifier"),
        )
        if isinstance(found, BadCode):
            raise OAuthError("invalid_grant", f"the code is not good: {found.why}")
        answer = await self._tokens(found.grant, found.nonce)
        if self._server.has_refresh and "refresh_token" in client.grants:
            answer["refresh_token"] = await self._server.parts.refresh.start(found.grant)
        return _answer(answer)

    async def _for_refresh_token(self, client: Client, told: Fields) -> Response:
        asked, scope = _needed(told, "refresh_token"), told.get("scope")
        known = await self._server.parts.refresh.grant_of(asked) if scope else None
        if known is not None:
            _narrowed(known, scope)  # before the token is used up
        found = await self._server.parts.refresh.rotate(asked, client.id)
        if isinstance(found, Refused):
            raise OAuthError("invalid_grant", f"the refresh token is not good: {found.why}")
        grant = await self._present(found.grant)
        narrower = replace(grant, scopes=_narrowed(grant, scope))
        return _answer({**await self._tokens(narrower), "refresh_token": found.token})

    async def _present(self, grant: Grant) -> Grant:
        """With the user as they are now: somebody may have taken a role away since."""
        principal = await self._server.present(grant.principal)
        if principal is None:
            await self._server.parts.revocations.revoke_grant(grant.id)
            raise OAuthError("invalid_grant", "the user may not come in any more")
        return replace(grant, principal=principal)

    async def _for_itself(self, client: Client, told: Fields) -> Response:
        scopes = scopes_for(client, told.get("scope"))
        grant = self._server.service_grant(client, tuple(s for s in scopes if s != "openid"))
        return _answer(await self._tokens(grant))

    async def _tokens(self, grant: Grant, nonce: str = "") -> dict[str, object]:
        # Signing takes a while, and now and then looks at a file.
        return await to_thread.run_sync(self._signed, grant, nonce)

    def _signed(self, grant: Grant, nonce: str) -> dict[str, object]:
        access = self._server.access_token(grant)
        answer: dict[str, object] = {
            "access_token": access,
            "token_type": "Bearer",
            "expires_in": int(self._server.lifetime_s),
            "scope": " ".join(grant.scopes),
        }
        if "openid" in grant.scopes:
            answer["id_token"] = self._id_token(grant, access, nonce)
        return answer

    def _id_token(self, grant: Grant, access: str, nonce: str) -> str:
        """OpenID Connect Core section 2."""
        half = hashlib.sha256(access.encode()).digest()[:16]
        claims: dict[str, object] = {
            "sub": grant.principal.id,
            "aud": grant.client_id,
            "azp": grant.client_id,
            "auth_time": grant.auth_time,
            "at_hash": base64url.encode(half),
            "sid": grant.sid,
            "nonce": nonce,
            "email": grant.email if "email" in grant.scopes else "",
            "email_verified": bool(grant.email) and "email" in grant.scopes,
        }
        filled = {name: value for name, value in claims.items() if value}
        return self._server.parts.issuer.sign(
            filled, typ="JWT", now=self._server.now(), lifetime_s=self._server.lifetime_s
        )


def _needed(told: Fields, name: str) -> str:
    if name not in told:
        raise invalid(f"`{name}` is missing")
    return told[name]


def _narrowed(grant: Grant, asked: str | None) -> tuple[str, ...]:
    """Fewer scopes for this one access token; never more than the user's login gave."""
    if asked is None:
        return grant.scopes
    wanted = set(asked.split(" ")) - {""}
    if not wanted or not wanted <= set(grant.scopes):
        raise OAuthError("invalid_scope", "the grant does not have all of these scopes")
    return tuple(sorted(wanted))


def _answer(told: Mapping[str, object]) -> Response:
    return JSONResponse(told, headers=NO_STORE)
