"""What is known of a token, and its end: userinfo, introspection (RFC 7662), RFC 7009."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from intertie.api.oauth.server import AuthorizationServer
from intertie.api.oauth.wire import (
    NO_STORE,
    OAuthError,
    client_of,
    confidential,
    form,
    invalid,
)
from intertie.identity.tokens.clients import Client
from intertie.identity.tokens.jws import Claims, Refusal

_BEARER = 'Bearer realm="intertie"'
_TOLD = ("iss", "sub", "aud", "exp", "iat", "jti", "client_id", "scope", "sid", "tenant", "roles")


class Known:
    """Three endpoints that take a token."""

    def __init__(self, server: AuthorizationServer) -> None:
        self._server = server

    async def userinfo(self, request: Request) -> Response:
        """GET or POST /userinfo: who the access token is for."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise OAuthError("invalid_token", "expected an access token", 401, _BEARER)
        claims = await self._server.good(token.strip())
        if isinstance(claims, Refusal):
            challenge = f'{_BEARER}, error="invalid_token"'
            raise OAuthError("invalid_token", claims.detail, 401, challenge)
        if "openid" not in _scopes(claims):
            challenge = f'{_BEARER}, error="insufficient_scope", scope="openid"'
            raise OAuthError("insufficient_scope", "the scope openid is missing", 403, challenge)
        return JSONResponse(_about(claims), headers=NO_STORE)

    async def introspect(self, request: Request) -> Response:
        """POST /introspect: what a token says, if it is good and the caller may know."""
        told = await form(request)
        client = await confidential(self._server, request, told)
        if "token" not in told:
            raise invalid("`token` is missing")
        found = await self._access(told["token"], client) or await self._refresh(
            told["token"], client
        )
        return JSONResponse(found or {"active": False}, headers=NO_STORE)

    async def revoke(self, request: Request) -> Response:
        """POST /revoke: a token of the client's own; of any other nothing is told."""
        told = await form(request)
        client = await client_of(self._server, request, told)
        if "token" not in told:
            raise invalid("`token` is missing")
        claims = await self._server.good(told["token"])
        if isinstance(claims, Refusal):
            await self._server.parts.refresh.revoke(told["token"], client.id)
        elif claims.get("client_id") == client.id:
            await self._server.parts.revocations.revoke_token(
                claims["jti"], expires_at=claims["exp"]
            )
        return Response(status_code=200, headers=NO_STORE)

    async def _access(self, token: str, client: Client) -> dict[str, object] | None:
        claims = await self._server.good(token)
        if isinstance(claims, Refusal) or not _may_know(client, claims.get("client_id")):
            return None
        told = {name: claims[name] for name in _TOLD if name in claims}
        return {"active": True, "token_type": "Bearer", **told}

    async def _refresh(self, token: str, client: Client) -> dict[str, object] | None:
        grant = await self._server.parts.refresh.grant_of(token)
        if grant is None or not _may_know(client, grant.client_id):
            return None
        return {
            "active": True,
            "iss": self._server.url,
            "sub": grant.principal.id,
            "client_id": grant.client_id,
            "scope": " ".join(grant.scopes),
        }


def _may_know(client: Client, owner: object) -> bool:
    return client.introspects or owner == client.id


def _scopes(claims: Claims) -> list[str]:
    return str(claims.get("scope", "")).split(" ")


def _about(claims: Claims) -> dict[str, object]:
    """As much as the scopes give."""
    wanted = ["sub", "email", "email_verified"]
    if "profile" in _scopes(claims):
        wanted += ["name", "roles", "groups", "tenant"]
    return {name: claims[name] for name in wanted if name in claims}
