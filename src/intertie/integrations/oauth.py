"""OAuth 2.0 as it goes over the wire: the token endpoint, the consent page, giving back."""

import json
import re
import secrets
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any
from urllib.parse import quote, quote_plus, urlencode, urlsplit

from anyio import fail_after

from intertie.integrations.connector import Connector
from intertie.integrations.credentials import OAuth2, with_query
from intertie.integrations.errors import (
    AuthExpiredError,
    EgressError,
    SchemaDriftError,
    ThrottledError,
    VendorDownError,
    VendorTimeoutError,
)
from intertie.integrations.look import first_text
from intertie.integrations.master import is_loopback
from intertie.integrations.message import Request, Response
from intertie.integrations.steps.meaning import wait_s

Told = Mapping[str, Any]  # Any: JSON values
_OK = range(200, 300)
_THROTTLED = 429
_DOWN = 500
_MAX_TOLD = 200
_ENDED = frozenset({"invalid_grant", "bad_refresh_token", "invalid_refresh_token", "token_revoked"})
"""RFC 6749 §5.2, and the words of GitHub and Slack for it."""


class GrantEndedError(AuthExpiredError):
    """The vendor does not know this refresh token or code (any more)."""


@dataclass(frozen=True, slots=True)
class Tokens:
    """What the token endpoint answered."""

    access: str = field(repr=False)
    refresh: str = field(default="", repr=False)
    """Empty when the answer has none."""
    lifetime_s: float | None = None
    """None when it does not say."""
    scopes: frozenset[str] | None = None
    """None when it does not say: those that were asked for (RFC 6749 §5.1)."""


async def ask(
    connection: Connector, auth: OAuth2, form: Mapping[str, str], *, timeout_s: float
) -> Tokens:
    """One question to the token endpoint.

    Raises GrantEndedError, AuthExpiredError (the program itself is refused), ThrottledError,
    VendorDownError, SchemaDriftError, EgressError; none of them shows a secret.
    """
    request = _request(connection, auth, _address(connection, auth.token), form, timeout_s)
    answer = await _sent(connection, request)
    told = _parsed(answer)
    if answer.status in _OK and not told.get("error") and told.get("access_token"):
        return read(connection, told)
    raise _fault(connection, auth, answer, told, form)


def read(connection: Connector, told: Told) -> Tokens:
    """Tokens as the token endpoint writes them (RFC 6749 §5.1). Raises SchemaDriftError."""
    access, refresh = told.get("access_token"), told.get("refresh_token") or ""
    kind = str(told.get("token_type") or "bearer").lower()
    if not _is_token(access) or not _is_token(refresh or "-"):
        raise SchemaDriftError(f"cannot log in as {connection.label}: the answer has no token")
    if kind not in {"bearer", "bot", "user"}:
        what = f"the vendor gives tokens of type {kind[:40]!r}, not bearer"
        raise SchemaDriftError(f"cannot log in as {connection.label}: {what}")
    return Tokens(str(access), str(refresh), _lifetime_s(told), scopes_of(told.get("scope")))


def _is_token(told: object) -> bool:
    return isinstance(told, str) and bool(told) and told.isascii() and told.isprintable()


def scopes_of(told: object) -> frozenset[str] | None:
    """Of a text with spaces or commas between, or a list; None where nothing is said."""
    if isinstance(told, str):
        told = re.split(r"[\s,]+", told)
    found = frozenset(str(each) for each in told if each) if isinstance(told, list) else None
    return found or None


def wanted(connection: Connector, auth: OAuth2) -> Sequence[str]:
    """What is asked for: by the connection, or the connector, or all that its operations need."""
    said = re.split(r"[\s,]+", connection.optional_secret("scope"))
    if any(said):
        return [each for each in said if each]
    needed = {scope for each in connection.operations.values() for scope in each.scopes}
    return list(auth.scopes) or sorted(needed)


def mints(connection: Connector, auth: OAuth2) -> bool:
    """Whether the program gets tokens for itself as long as nobody has given consent."""
    if not auth.authorize or auth.renewal == "mint":
        return True
    return auth.alone and not connection.optional_secret("scope")


def form_for_itself(connection: Connector, auth: OAuth2) -> Mapping[str, str]:
    """RFC 6749 §4.4."""
    form = {"grant_type": "client_credentials"}
    scopes = [] if auth.authorize else wanted(connection, auth)
    return {**form, "scope": auth.separator.join(scopes)} if scopes else form


def form_of_refresh(refresh: str) -> Mapping[str, str]:
    """RFC 6749 §6."""
    return {"grant_type": "refresh_token", "refresh_token": refresh}


def form_of_code(auth: OAuth2, code: str, redirect_uri: str, verifier: str) -> Mapping[str, str]:
    """RFC 6749 §4.1.3, RFC 7636 §4.5."""
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": redirect_uri}
    return {**form, "code_verifier": verifier} if auth.pkce else form


def new_verifier() -> str:
    """86 characters; RFC 7636 wants 43 to 128."""
    return secrets.token_urlsafe(64)


def consent_page(
    connection: Connector,
    auth: OAuth2,
    *,
    redirect_uri: str,
    state: str,
    verifier: str,
    scopes: Sequence[str],
) -> str:
    """Where a person says yes (RFC 6749 §4.1.1, RFC 7636 §4.3)."""
    told = {
        "response_type": "code",
        "client_id": connection.secret(auth.client_id),
        "redirect_uri": redirect_uri,
        "state": state,
    }
    if scopes:
        told["scope"] = auth.separator.join(scopes)
    if auth.pkce:
        digest = sha256(verifier.encode()).digest()
        told["code_challenge"] = urlsafe_b64encode(digest).rstrip(b"=").decode()
        told["code_challenge_method"] = "S256"
    return with_query(_address(connection, auth.authorize), {**told, **dict(auth.extra)})


async def give_back(
    connection: Connector, auth: OAuth2, *, refresh: str, access: str, timeout_s: float
) -> bool:
    """Tell the vendor that a grant is over (RFC 7009); whether it took that."""
    token, hint = (refresh, "refresh_token") if refresh else (access, "access_token")
    form = {"token": token, "token_type_hint": hint}
    request = _request(connection, auth, _address(connection, auth.revoke), form, timeout_s)
    return (await _sent(connection, request)).status in _OK


async def _sent(connection: Connector, request: Request) -> Response:
    try:
        with fail_after(request.timeout_s):
            return await connection.tools.transport.send(request)
    except TimeoutError:
        what = f"no answer within {request.timeout_s:g} s"
        raise VendorTimeoutError(f"cannot log in as {connection.label}: {what}") from None


def _address(connection: Connector, address: str) -> str:
    """With settings in the place of `{name}`: none of them can lead out of its place."""
    for name in re.findall(r"\{(\w+)\}", address):
        value = quote(connection.secret(name), safe=":")
        address = address.replace(f"{{{name}}}", value)
    parts = urlsplit(address)
    if parts.scheme != "https" and not is_loopback(parts.hostname or ""):
        raise EgressError(
            f"cannot log in as {connection.label}: {parts.scheme}://{parts.hostname} would get"
            " secrets in clear"
        )
    return address


def _request(
    connection: Connector,
    auth: OAuth2,
    url: str,
    form: Mapping[str, str],
    timeout_s: float,
) -> Request:
    id, secret = connection.secret(auth.client_id), connection.optional_secret(auth.client_secret)
    headers = {"accept": "application/json", "content-type": "application/x-www-form-urlencoded"}
    if secret and auth.proves_by == "basic":
        pair = f"{quote_plus(id)}:{quote_plus(secret)}"  # RFC 6749 §2.3.1
        headers["authorization"] = f"Basic {b64encode(pair.encode()).decode()}"
    else:
        form = {**form, "client_id": id, **({"client_secret": secret} if secret else {})}
    return Request("POST", url, headers, urlencode(form).encode(), timeout_s)


def _parsed(answer: Response) -> Told:
    try:
        told = json.loads(answer.body)
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}


def _lifetime_s(told: Told) -> float | None:
    try:
        found = float(told.get("expires_in") or 0)
    except (TypeError, ValueError):
        return None
    return found if found > 0 else None


def _fault(
    connection: Connector,
    auth: OAuth2,
    answer: Response,
    told: Told,
    form: Mapping[str, str],
) -> Exception:
    cannot, status = f"cannot log in as {connection.label}", answer.status
    after_s = wait_s(answer.headers, ("retry-after",), now_s=connection.tools.clock())
    if status == _THROTTLED:
        text = f"{cannot}: the token endpoint was asked too often"
        return ThrottledError(text, status=status, retry_after_s=after_s)
    if status >= _DOWN:
        text = f"{cannot}: the token endpoint fails ({status})"
        return VendorDownError(text, status=status, retry_after_s=after_s)
    code = first_text(told, ("error", "error.type", "error.code"))
    if not code and status in _OK:
        return SchemaDriftError(f"{cannot}: the token endpoint answered no token", status=status)
    why = _without(
        first_text(told, ("error_description", "message", "error.message")),
        [
            *form.values(),
            connection.optional_secret(auth.client_secret),
        ],
    )
    why = f"{code[:_MAX_TOLD]}: {why}" if why else code[:_MAX_TOLD] or f"status {status}"
    if code in _ENDED:
        return GrantEndedError(f"{cannot}: {why}", status=status)
    hint = f"look at `{auth.client_id}` and `{auth.client_secret}`"
    if auth.authorize:
        hint = f"{hint}, or run: intertie integrations connect {connection.label}"
    return AuthExpiredError(f"{cannot}: the vendor refuses ({why}); {hint}", status=status)


def _without(text: str, hidden: Sequence[str]) -> str:
    """Some vendors repeat what they were sent."""
    for each in hidden:
        text = text.replace(each, "…") if len(each) > 3 else text  # noqa: PLR2004
    return text[:_MAX_TOLD]
