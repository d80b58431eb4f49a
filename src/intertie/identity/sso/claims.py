"""What a provider's tokens must say.

ID tokens: OpenID Connect Core, 3.1.3.7; logout tokens: Back-Channel Logout, 2.6.
"""

import base64
import hashlib
import hmac
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass

from intertie.identity.sso import LoginRefusedError
from intertie.identity.sso.sealing import Json
from intertie.identity.tokens.jwk import Keys
from intertie.identity.tokens.jws import Refusal, verify_signature

_SKEW_S = 60.0
_MAX_SUBJECT = 255
_LOGOUT_EVENT = "http://schemas.openid.net/event/backchannel-logout"
_MAX_LOGOUT_AGE_S = 3600.0


class UnknownKeyError(LoginRefusedError):
    """No key of the set is the one the token names: the set may be too old."""


@dataclass(frozen=True, slots=True)
class Expected:
    """Whom a token must be from and for."""

    issuer: str
    client_id: str


@dataclass(frozen=True, slots=True)
class Ended:
    """Which sessions a provider says are over: one, or all of a user."""

    sid: str
    subject: str
    jti: str
    until: float


def id_token(token: str, keys: Keys, expected: Expected, *, now: float, nonce: str | None) -> Json:
    """The claims of an ID token. `nonce` is None at a refresh. Raises LoginRefusedError."""
    claims = _verified(token, keys, types=("", "jwt"))
    _check_parties(claims, expected)
    _check_times(claims, now)
    if not _subject(claims):
        raise _refusal("it does not say who it is for")
    told = claims.get("nonce")
    if nonce is not None and not (
        isinstance(told, str) and hmac.compare_digest(told.encode(), nonce.encode())
    ):
        raise _refusal("it is not of this login (`nonce`)")
    return claims


def check_access_token(claims: Json, access_token: str) -> None:
    """Where the ID token names the access token, it must be this one. Raises LoginRefusedError."""
    told = claims.get("at_hash")
    if told is None:
        return
    digest = hashlib.sha256(access_token.encode()).digest()
    wanted = base64.urlsafe_b64encode(digest[: len(digest) // 2]).rstrip(b"=").decode()
    if not isinstance(told, str) or not hmac.compare_digest(told.encode(), wanted.encode()):
        raise _refusal("it came with another access token (`at_hash`)")


def logout_token(token: str, keys: Keys, expected: Expected, *, now: float) -> Ended:
    """What a logout token ends. Raises LoginRefusedError."""
    claims = _verified(token, keys, types=("", "jwt", "logout+jwt"))
    _check_parties(claims, expected)
    expires = _check_times(claims, now)
    events = claims.get("events")
    if not isinstance(events, dict) or not isinstance(events.get(_LOGOUT_EVENT), dict):
        raise _refusal("it is no logout token (`events`)")
    if "nonce" in claims:
        raise _refusal("it is no logout token (`nonce`)")
    sid, jti = claims.get("sid", ""), claims.get("jti")
    if not isinstance(jti, str) or not 0 < len(jti) <= _MAX_SUBJECT:
        raise _refusal("it has no `jti`")
    if not isinstance(sid, str) or not (sid or _subject(claims)):
        raise _refusal("it names neither session nor user")
    until = min(expires, now + _MAX_LOGOUT_AGE_S) + _SKEW_S
    return Ended(sid, _subject(claims), jti, until)


def _verified(token: str, keys: Keys, *, types: Sequence[str]) -> Json:
    found = verify_signature(token, keys)
    if isinstance(found, Refusal):
        kind = UnknownKeyError if found.reason == "key" else LoginRefusedError
        raise kind(f"{found.detail} (the provider's); log in again")
    typ = found.header.get("typ", "")
    if not isinstance(typ, str) or typ.lower().removeprefix("application/") not in types:
        raise _refusal("it is of another kind (`typ`)")
    return _object(found.payload)


def _object(payload: bytes) -> Json:
    try:
        claims: object = json.loads(payload, object_pairs_hook=_unique)
    except (ValueError, RecursionError) as exc:
        raise _refusal("it cannot be read") from exc
    if not isinstance(claims, dict):
        raise _refusal("it cannot be read")
    return claims


def _unique(pairs: list[tuple[str, object]]) -> Json:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a claim is there twice")
    return found


def _check_parties(claims: Json, expected: Expected) -> None:
    if claims.get("iss") != expected.issuer:
        raise _refusal("it is of another issuer")
    told = claims.get("aud")
    audiences = told if isinstance(told, list) else [told]
    if expected.client_id not in audiences:
        raise _refusal("it is for another application (`aud`)")
    azp = claims.get("azp")
    if azp != expected.client_id and (azp is not None or len(audiences) > 1):
        raise _refusal("it is for another application (`azp`)")


def _check_times(claims: Json, now: float) -> float:
    expires, issued = _time(claims, "exp"), _time(claims, "iat")
    if expires <= now - _SKEW_S:
        raise _refusal("it has expired; is the clock of this machine right?")
    if max(issued, _time(claims, "nbf") if "nbf" in claims else issued) > now + _SKEW_S:
        raise _refusal("it is not valid yet; is the clock of this machine right?")
    return expires


def _time(claims: Json, name: str) -> float:
    found = claims.get(name)
    if isinstance(found, bool) or not isinstance(found, int | float) or not math.isfinite(found):
        raise _refusal(f"`{name}` is not a time")
    return float(found)


def _subject(claims: Json) -> str:
    found = claims.get("sub", "")
    return found if isinstance(found, str) and len(found) <= _MAX_SUBJECT else ""


def _refusal(why: str) -> LoginRefusedError:
    return LoginRefusedError(f"cannot take the provider's token: {why}; log in again")
