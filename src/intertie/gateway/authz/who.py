"""Who sends a request, from what it shows."""

import json
from functools import lru_cache
from typing import Any

from intertie.gateway.authz.answer import Refusal
from intertie.gateway.authz.question import TOKEN_ID, TOKEN_TIME, Question
from intertie.gateway.authz.settings import RouteSettings
from intertie.gateway.authz.sources import Shown, Sources
from intertie.gateway.xds import IDENTITY_HEADER, KEY_HEADER
from intertie.identity.principal import Kind, Principal
from intertie.identity.signatures import INPUT_FIELD, SIGNATURE_FIELD
from intertie.suite.values import DEFAULT_TENANT

MAX_CREDENTIAL = 4096
_KINDS: tuple[Kind, ...] = ("user", "key", "service")
_SCHEMES = {
    "key": f"x-api-key, header {KEY_HEADER}",
    "signature": "Signature and Signature-Input (RFC 9421)",
    "token": "Authorization: Bearer …",
    "session": "the cookie of a login",
}


class Later:
    """Only a wait can tell."""


LATER = Later()
Who = Principal | Refusal | None


def identify(question: Question, route: RouteSettings, sources: Sources) -> Who | Later:
    """Whom the request is from; None is nobody, where that is allowed.

    What is shown first in this order decides: key, signature, token, session. One that is bad is
    not made up for by another.
    """
    headers = question.headers
    if "key" in route.auth and (text := headers.get(KEY_HEADER)) is not None:
        return _by_key(text, question.address, sources)
    if is_signed(question, route):
        return LATER
    if "token" in route.auth and (claims := headers.get(IDENTITY_HEADER)):
        return _by_token(claims, question, sources)
    if "session" in route.auth and headers.get("cookie"):
        return LATER
    return nobody(route)


def is_signed(question: Question, route: RouteSettings) -> bool:
    """Whether its signature decides whom a request is from. Never twice: its nonce is good once."""
    return "signature" in route.auth and (
        INPUT_FIELD in question.headers or SIGNATURE_FIELD in question.headers
    )


async def by_session(question: Question, route: RouteSettings, sources: Sources) -> Who:
    """Whom the session of a request is of."""
    if route.pages is not None and not _is_own_page(question, route.pages):
        # Browsers ask no permission for a WebSocket, and send the cookie along for any page.
        why = "cannot open this for a page of another origin: see `security.csrf`"
        return Refusal(403, "foreign_origin", why, "csrf")
    found = await sources.session(question.headers.get("cookie", ""))
    if found is None:
        return nobody(route)
    return _unless_revoked(found, None, sources)


def _is_own_page(question: Question, others: tuple[str, ...]) -> bool:
    origin = question.headers.get("origin")
    if origin is None:
        return True
    host = origin.partition("://")[2].lower()
    return host in {question.headers.get("host", "").lower(), *others}


def nobody(route: RouteSettings) -> Refusal | None:
    """What becomes of a request that shows nothing."""
    if route.optional or not route.auth:
        return None
    known = ", ".join(_SCHEMES[each] for each in route.auth)
    return unauthorized("no_credentials", f"cannot let you in: show {known}", policy="auth")


def unauthorized(code: str, detail: str, *, policy: str) -> Refusal:
    """With the challenge that RFC 9110 asks for."""
    return Refusal(401, code, detail, policy, {"www-authenticate": 'Bearer realm="gateway"'})


@lru_cache(maxsize=10_000)
def principal_of(claims: str) -> Principal | None:
    """The principal of an identity that Envoy took from a token it has checked."""
    try:
        told: Any = json.loads(claims)  # a wire edge: looked at below
    except (ValueError, RecursionError):
        return None
    if not isinstance(told, dict) or not isinstance(told.get("sub"), str) or not told["sub"]:
        return None
    kind: Kind = told["kind"] if told.get("kind") in _KINDS else "user"
    return Principal(
        kind,
        told["sub"],
        tenant=_word(told.get("tenant")) or DEFAULT_TENANT,
        name=_word(told.get("name")),
        roles=_words(told.get("roles")),
        groups=_words(told.get("groups")),
        scopes=_words(told.get("scopes")),
    )


def _by_key(text: str, address: str, sources: Sources) -> Who:
    found = sources.key(text, address) if len(text) <= MAX_CREDENTIAL else "malformed"
    if isinstance(found, str):
        told = found.replace("_", " ")
        return unauthorized(f"key_{found}", f"cannot use this key: {told}", policy="api_key")
    return _unless_revoked(found, None, sources)


def _by_token(claims: str, question: Question, sources: Sources) -> Who:
    principal = principal_of(claims)
    if principal is None:
        return unauthorized("token_identity", "cannot tell whose token this is", policy="jwt")
    issued = question.headers.get(TOKEN_TIME, "")
    # Envoy writes a number of the metadata as a float.
    at_s = int(float(issued)) if issued.replace(".", "", 1).isdigit() else 0
    return _unless_revoked(principal, Shown(question.headers.get(TOKEN_ID, ""), at_s), sources)


def _unless_revoked(principal: Principal, token: Shown | None, sources: Sources) -> Who:
    if sources.is_revoked(principal, token):
        return unauthorized(
            "revoked", "cannot let you in: this was taken back", policy="revocation"
        )
    return principal


def _word(value: object) -> str:
    return value if isinstance(value, str) else ""


def _words(value: object) -> tuple[str, ...]:
    found = value if isinstance(value, list) else []
    return tuple(sorted({each for each in found if isinstance(each, str)}))
