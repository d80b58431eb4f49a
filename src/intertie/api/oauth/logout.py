"""Logging out at the wish of a client (OpenID Connect RP-Initiated Logout 1.0)."""

import hmac
from dataclasses import dataclass
from html import escape
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from intertie.api.oauth.server import AuthorizationServer, LoggedIn
from intertie.api.oauth.wire import NO_STORE, Fields, fields, form, invalid
from intertie.identity.tokens.jwk import Keys
from intertie.identity.tokens.jws import Policy, Refusal, verify

_HEADERS = {
    **NO_STORE,
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
}


@dataclass(frozen=True, slots=True)
class _Hint:
    """Whom the client believes to be logged in."""

    client_id: str
    sid: str


class Logout:
    """Ends the session, all tokens of it, and sends the browser to where the client may say."""

    def __init__(self, server: AuthorizationServer) -> None:
        self._server = server

    async def endpoint(self, request: Request) -> Response:
        """GET or POST /end-session."""
        told = await form(request) if request.method == "POST" else fields(request.url.query)
        hint = self._hint(told)
        way = self._way(told, hint)
        user = await self._server.login.current(request)
        # Only a client that has the session's ID token may end it unasked: a link on any page
        # could lead here.
        if user and not (hint and hint.sid == user.sid) and not self._confirmed(told, user):
            return self._question(told, user)
        response: Response = (
            RedirectResponse(way, 303, headers=_HEADERS)
            if way
            else HTMLResponse(_page("<p>You are logged out.</p>"), headers=_HEADERS)
        )
        if user:
            await self._server.parts.revocations.revoke_session(user.sid)
            await self._server.login.log_out(request, response)
        return response

    def _hint(self, told: Fields) -> _Hint | None:
        """Raises OAuthError when there is one that is not ours."""
        text = told.get("id_token_hint")
        if text is None:
            return None
        policy = Policy(self._server.url, told.get("client_id"), typ="jwt", expired_too=True)
        keys = Keys.parse(self._server.parts.issuer.jwks())
        claims = verify(text, keys, policy, now=self._server.clock())
        if isinstance(claims, Refusal):
            raise invalid("`id_token_hint` is not an ID token of this client")
        return _Hint(str(claims.get("aud")), str(claims.get("sid", "")))

    def _way(self, told: Fields, hint: _Hint | None) -> str | None:
        """Where to go afterwards. Raises OAuthError unless the client has it registered."""
        uri = told.get("post_logout_redirect_uri")
        if uri is None:
            return None
        name = hint.client_id if hint else told.get("client_id", "")
        client = self._server.parts.clients.find(name)
        if client is None or uri not in client.logout_uris:
            raise invalid("`post_logout_redirect_uri` is not registered for this client")
        state = urlencode({"state": told["state"]}) if "state" in told else ""
        separator = "&" if "?" in uri else "?"
        return f"{uri}{separator}{state}" if state else uri

    def _confirmed(self, told: Fields, user: LoggedIn) -> bool:
        return hmac.compare_digest(told.get("confirm", "").encode(), self._mark(user).encode())

    def _mark(self, user: LoggedIn) -> str:
        """Only a page of ours can have it."""
        return self._server.parts.pepper.hash("log out", user.sid)

    def _question(self, told: Fields, user: LoggedIn) -> Response:
        kept = {n: told[n] for n in ("client_id", "post_logout_redirect_uri", "state") if n in told}
        hidden = "".join(
            f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">'
            for name, value in {**kept, "confirm": self._mark(user)}.items()
        )
        asked = f'<form method="post"><p>Log out?</p>{hidden}<button>Log out</button></form>'
        return HTMLResponse(_page(asked), headers=_HEADERS)


def _page(body: str) -> str:
    head = '<!doctype html><html lang="en"><meta charset="utf-8"><title>Log out</title>'
    return f"{head}<main>{body}</main></html>"
