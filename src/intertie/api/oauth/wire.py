"""Forms and answers as RFC 6749 has them: small bodies, nothing twice, nothing kept by caches."""

import binascii
from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl, unquote_plus

from anyio import fail_after
from starlette.requests import Request
from starlette.responses import JSONResponse

from intertie.api.oauth.server import AuthorizationServer
from intertie.identity.tokens.clients import Client

MAX_BODY = 16 * 1024
_MAX_FIELDS = 50
_BODY_S = 10.0
_FORM = "application/x-www-form-urlencoded"
NO_STORE = {"cache-control": "no-store", "pragma": "no-cache"}

Fields = Mapping[str, str]


class OAuthError(Exception):
    """What RFC 6749 section 5.2 answers. `detail` is for whoever writes the client."""

    def __init__(self, code: str, detail: str, status: int = 400, challenge: str = "") -> None:
        self.code = code
        self.detail = detail
        self.status = status
        self.challenge = challenge
        super().__init__(detail)

    def response(self) -> JSONResponse:
        """As JSON."""
        challenge = {"www-authenticate": self.challenge} if self.challenge else {}
        told = {"error": self.code, "error_description": self.detail}
        return JSONResponse(told, self.status, headers={**NO_STORE, **challenge})


def invalid(detail: str) -> OAuthError:
    """The request itself is at fault."""
    return OAuthError("invalid_request", detail)


def fields(text: str) -> Fields:
    """Of a query or a form. Raises OAuthError when one of them comes twice; empty ones are none."""
    try:
        pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=_MAX_FIELDS, errors="strict")
    except ValueError as exc:
        raise invalid("the parameters cannot be read") from exc
    if len({name for name, _ in pairs}) != len(pairs):
        raise invalid("a parameter comes twice")
    return {name: value for name, value in pairs if value}


async def form(request: Request) -> Fields:
    """What was posted. Raises OAuthError."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != _FORM:
        raise invalid(f"expected a body of type {_FORM}")
    try:
        return fields((await _body(request)).decode())
    except UnicodeDecodeError as exc:
        raise invalid("the parameters cannot be read") from exc


async def _body(request: Request) -> bytes:
    body = bytearray()
    try:
        with fail_after(_BODY_S):
            async for chunk in request.stream():
                body += chunk
                if len(body) > MAX_BODY:
                    raise OAuthError("invalid_request", "the body is too large", 413)
    except TimeoutError as exc:
        raise OAuthError("invalid_request", "the body did not come in time", 408) from exc
    return bytes(body)


@dataclass(frozen=True, slots=True)
class _Shown:
    id: str
    secret: str | None


async def client_of(server: AuthorizationServer, request: Request, told: Fields) -> Client:
    """Who asks, by `client_secret_basic`, `client_secret_post`, or name only if it is public.

    Raises OAuthError.
    """
    shown = _shown(request.headers.get("authorization"), told)
    clients = server.parts.clients
    if shown.secret is not None:
        found = clients.authenticate(shown.id, shown.secret)
    else:
        known = clients.find(shown.id)
        found = known if known and known.public else None
    if found is None:
        raise _unknown()
    return found


async def confidential(server: AuthorizationServer, request: Request, told: Fields) -> Client:
    """Who asks, proved by a secret. Raises OAuthError."""
    client = await client_of(server, request, told)
    if client.public:
        raise OAuthError("unauthorized_client", "a public client may not ask this")
    return client


def _shown(authorization: str | None, told: Fields) -> _Shown:
    if authorization is None:
        if "client_id" not in told:
            raise _unknown()
        return _Shown(told["client_id"], told.get("client_secret"))
    if "client_secret" in told:
        raise invalid("the client shows its secret in two ways")
    shown = _basic(authorization)
    if told.get("client_id", shown.id) != shown.id:
        raise invalid("the client says two names")
    return shown


def _basic(authorization: str) -> _Shown:
    scheme, _, text = authorization.partition(" ")
    try:
        name, colon, secret = b64decode(text, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError) as exc:
        raise _unknown() from exc
    if scheme.lower() != "basic" or not colon:
        raise _unknown()
    return _Shown(unquote_plus(name), unquote_plus(secret))


def _unknown() -> OAuthError:
    return OAuthError(
        "invalid_client",
        "the client is not known by this name and secret",
        401,
        'Basic realm="intertie"',
    )


def scopes_for(client: Client, asked: str | None) -> tuple[str, ...]:
    """What is given: what was asked for, or all that the client may have. Raises OAuthError."""
    if asked is None:
        return tuple(sorted(client.scopes))
    wanted = set(asked.split(" ")) - {""}
    if not wanted or not wanted <= set(client.scopes):
        raise OAuthError("invalid_scope", "the client may not have all of these scopes")
    return tuple(sorted(wanted))
