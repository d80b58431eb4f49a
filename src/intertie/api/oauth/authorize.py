"""The authorization endpoint: a browser comes with a client's request, and leaves with a code."""

import hmac
from dataclasses import dataclass
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response

from intertie.api.oauth.server import AuthorizationServer, LoggedIn, new_grant_id
from intertie.api.oauth.wire import NO_STORE, Fields, OAuthError, fields, form, invalid, scopes_for
from intertie.identity.tokens.clients import Client
from intertie.identity.tokens.codes import CHALLENGE, Asked
from intertie.identity.tokens.grant import Grant

_MAX_QUERY = 8 * 1024
_MAX_STATE = 2048
_MAX_NONCE = 512
_MAX_AGE_DIGITS = 9
_SINCE = "login_since"
_MARK = "login_mark"


@dataclass(frozen=True, slots=True)
class _Ask:
    """A request whose way back is known to be the client's."""

    client: Client
    redirect_uri: str
    told: Fields


class Authorize:
    """Shows no page: whoever has to log in is sent to the login page and back."""

    def __init__(self, server: AuthorizationServer) -> None:
        self._server = server

    async def endpoint(self, request: Request) -> Response:
        """GET or POST /authorize."""
        try:
            ask = self._ask(await _told(request))
        except OAuthError as exc:  # nobody to send the browser back to
            text = f"cannot log in: {exc.detail}\n"
            return PlainTextResponse(text, exc.status, headers=NO_STORE)
        try:
            return await self._answer(request, ask)
        except OAuthError as exc:
            return self._back(ask, {"error": exc.code, "error_description": exc.detail})

    def _ask(self, told: Fields) -> _Ask:
        client = self._server.parts.clients.find(told.get("client_id", ""))
        if client is None:
            raise invalid("the program that sent you here is not registered (`client_id`)")
        uri = told.get("redirect_uri", "")
        if uri not in client.redirect_uris:
            raise invalid("the address to come back to is not registered (`redirect_uri`)")
        return _Ask(client, uri, told)

    async def _answer(self, request: Request, ask: _Ask) -> Response:
        scopes = _checked(ask)
        user = await self._server.login.current(request)
        if user is None or not self._recent(ask, user):
            return self._to_login(ask)
        grant = _grant(ask, user, scopes)
        revocations = self._server.parts.revocations
        await revocations.refresh()
        if revocations.is_revoked(grant.claims()):  # a session whose tokens were stolen
            response = self._to_login(ask)
            await self._server.login.log_out(request, response)
            return response
        asked = Asked(ask.redirect_uri, ask.told["code_challenge"], ask.told.get("nonce", ""))
        return self._back(ask, {"code": await self._server.parts.codes.issue(grant, asked)})

    def _recent(self, ask: _Ask, user: LoggedIn) -> bool:
        """Whether the login is as fresh as the client asked for."""
        logged_in_at = user.auth_time.timestamp()
        max_age = ask.told.get("max_age")
        if max_age is not None and self._server.clock() - logged_in_at > int(max_age):
            return False
        if ask.told.get("prompt") != "login":
            return True
        since = ask.told.get(_SINCE, "")
        told_by_us = hmac.compare_digest(ask.told.get(_MARK, "").encode(), self._mark(ask, since))
        return told_by_us and int(logged_in_at) >= int(since)

    def _to_login(self, ask: _Ask) -> Response:
        if ask.told.get("prompt") == "none":
            raise OAuthError("login_required", "nobody is logged in, or not as lately as asked for")
        told = dict(ask.told)
        if told.get("prompt") == "login":
            told[_SINCE] = str(int(self._server.clock()))
            told[_MARK] = self._mark(ask, told[_SINCE]).decode()
        return_to = f"{self._server.path}/authorize?{urlencode(told)}"
        return _redirect(self._server.login.login_url(return_to))

    def _mark(self, ask: _Ask, since: str) -> bytes:
        """Shows that it was we who sent the browser to log in at this time."""
        return self._server.parts.pepper.hash("login since", ask.client.id, since).encode()

    def _back(self, ask: _Ask, said: Fields) -> Response:
        """To the client, told who answers (RFC 9207): a client of many servers mixes none up."""
        state = {"state": ask.told["state"]} if "state" in ask.told else {}
        query = urlencode({**said, **state, "iss": self._server.url})
        separator = "&" if "?" in ask.redirect_uri else "?"
        return _redirect(f"{ask.redirect_uri}{separator}{query}")


def _grant(ask: _Ask, user: LoggedIn, scopes: tuple[str, ...]) -> Grant:
    auth_time = int(user.auth_time.timestamp())
    return Grant(
        new_grant_id(), ask.client.id, user.principal, scopes, user.sid, auth_time, user.email
    )


def _redirect(url: str) -> Response:
    headers = {**NO_STORE, "referrer-policy": "no-referrer"}
    return RedirectResponse(url, 303, headers=headers)


async def _told(request: Request) -> Fields:
    if request.method == "POST":
        return await form(request)
    if len(request.url.query) > _MAX_QUERY:
        raise invalid("the request is too long")
    return fields(request.url.query)


def _checked(ask: _Ask) -> tuple[str, ...]:
    """The scopes, once all else is right. Raises OAuthError."""
    told = ask.told
    if "authorization_code" not in ask.client.grants:
        raise OAuthError("unauthorized_client", "the client may not send users here")
    for name in ("request", "request_uri"):
        if name in told:
            raise OAuthError(f"{name}_not_supported", f"`{name}` is not supported")
    if told.get("response_type") != "code":
        raise OAuthError("unsupported_response_type", "expected `response_type` code")
    if told.get("response_mode", "query") != "query":
        raise invalid("expected `response_mode` query")
    _check_proof(told)
    _check_prompt(told)
    return scopes_for(ask.client, told.get("scope"))


def _check_proof(told: Fields) -> None:
    if told.get("code_challenge_method") != "S256":
        raise invalid("expected a `code_challenge` and `code_challenge_method` S256 (RFC 7636)")
    if not CHALLENGE.fullmatch(told.get("code_challenge", "")):
        raise invalid("`code_challenge` is not what S256 gives")
    if len(told.get("state", "")) > _MAX_STATE or len(told.get("nonce", "")) > _MAX_NONCE:
        raise invalid("`state` or `nonce` is too long")


def _check_prompt(told: Fields) -> None:
    if told.get("prompt") not in {None, "none", "login"}:
        raise invalid("expected `prompt` none or login")
    age = told.get("max_age", "0")
    if not (age.isascii() and age.isdigit() and len(age) <= _MAX_AGE_DIGITS):
        raise invalid("expected `max_age` in seconds")
