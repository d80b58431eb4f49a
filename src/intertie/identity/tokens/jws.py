"""The strict gate in front of every signature: RFC 8725, and what libraries were found to let by.

Nothing that a token says decides how it is checked: the algorithm is that of the key, the key is
one of the issuer's, and whatever the token points to or brings along is refused.
"""

import json
import math
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from joserfc.errors import JoseError, SecurityWarning
from joserfc.jws import JWSRegistry

from intertie.identity.tokens import base64url
from intertie.identity.tokens.jwk import ALGORITHMS, Key, Keys

MAX_LENGTH = 16 * 1024
_MAX_HEADER = 2 * 1024
_SKEW_S = 60.0
_PARTS = 3
# What brings or points to a key, and what changes the meaning of the rest.
_REFUSED_MEMBERS = ("jku", "jwk", "x5u", "x5c", "crit", "b64", "zip", "enc")
# EdDSA is what RFC 8037 tokens say; the library calls the same algorithm by its newer name.
_LIBRARY_NAMES = {"EdDSA": "Ed25519"}

Claims = Mapping[str, Any]  # Any: what the issuer put in; readers check what they use
Json = dict[str, Any]  # Any: a JSON object of a token, before it is checked
T = TypeVar("T")

Reason = Literal[
    "malformed", "header", "key", "signature", "claims", "expired", "issuer", "audience"
]


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a token is not taken. The text is fit to be shown to whoever sent it."""

    reason: Reason
    detail: str


@dataclass(frozen=True, slots=True)
class Policy:
    """What a token must be, beside being signed."""

    issuer: str
    audience: str | None
    """None takes any: the caller looks who it is for."""
    typ: str | None = "at+jwt"
    """None takes any."""
    algorithms: frozenset[str] = ALGORITHMS
    skew_s: float = _SKEW_S
    """How far clocks may be apart."""
    expired_too: bool = False
    """For a hint of who somebody was: the signature counts, the time does not."""

    def __post_init__(self) -> None:
        if not 0 <= self.skew_s <= _SKEW_S or not self.algorithms <= ALGORITHMS:
            raise ValueError(f"expected a skew of at most {_SKEW_S:.0f} s and known algorithms")


@dataclass(frozen=True, slots=True)
class Signed:
    """What was signed, and by which key."""

    header: Json
    payload: bytes
    key: Key


class _RefusedError(Exception):
    def __init__(self, reason: Reason, detail: str) -> None:
        self.refusal = Refusal(reason, f"cannot take this token: {detail}")
        super().__init__(detail)


def verify(text: str, keys: Keys, policy: Policy, *, now: float) -> Claims | Refusal:
    """The claims of a good token; `now` in seconds since 1970."""

    def checked() -> Claims:
        signed = _signed(text, keys, policy.algorithms)
        _check_type(signed.header, policy.typ)
        claims = _object(signed.payload, "claims", "its claims")
        _check_parties(claims, policy)
        _check_times(claims, policy, now)
        return claims

    return _or_refusal(checked)


def verify_signature(
    text: str, keys: Keys, algorithms: frozenset[str] = ALGORITHMS
) -> Signed | Refusal:
    """What was signed, whatever it is; the caller judges what it says."""
    return _or_refusal(lambda: _signed(text, keys, algorithms))


def _or_refusal(checked: Callable[[], T]) -> T | Refusal:
    try:
        return checked()
    except _RefusedError as exc:
        return exc.refusal


def _signed(text: str, keys: Keys, algorithms: frozenset[str]) -> Signed:
    if len(text) > MAX_LENGTH or text.find(".") > _MAX_HEADER:
        raise _RefusedError("malformed", "it is too long")
    parts = text.split(".")
    if len(parts) != _PARTS or not all(parts):
        raise _RefusedError("malformed", "it does not have three parts")
    raw, payload, signature = (_decoded(part) for part in parts)
    header = _object(raw, "header", "its header")
    key = _key(header, keys, algorithms)
    if not _holds(key, f"{parts[0]}.{parts[1]}".encode(), signature):
        raise _RefusedError("signature", "its signature is not right")
    return Signed(header, payload, key)


def _decoded(part: str) -> bytes:
    try:
        return base64url.decode(part)
    except ValueError as exc:
        raise _RefusedError("malformed", str(exc)) from exc


def _object(raw: bytes, reason: Reason, what: str) -> Json:
    try:
        found = json.loads(raw.decode(), object_pairs_hook=_unique, parse_constant=_no_constant)
    except (ValueError, RecursionError) as exc:
        raise _RefusedError(reason, f"{what} cannot be read") from exc
    if not isinstance(found, dict):
        raise _RefusedError(reason, f"{what} cannot be read")
    return found


def _unique(pairs: list[tuple[str, Any]]) -> Json:
    """Two readers of a member told twice may each believe another one."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a member is there twice")
    return found


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is not JSON")


def _key(header: Json, keys: Keys, algorithms: frozenset[str]) -> Key:
    for name in _REFUSED_MEMBERS:
        if name in header:
            raise _RefusedError("header", f"its header has `{name}`, which is not taken here")
    algorithm, kid = header.get("alg"), header.get("kid")
    if not isinstance(algorithm, str) or algorithm not in algorithms:
        raise _RefusedError("header", "its algorithm is not allowed")
    if kid is not None and not isinstance(kid, str):
        raise _RefusedError("header", "its `kid` is not text")
    candidates = keys.candidates(kid, algorithm)
    if len(candidates) != 1:  # two keys of one name are a faulty set: neither is trusted
        raise _RefusedError("key", "no one key of the issuer is the one it names")
    return candidates[0]


def _holds(key: Key, message: bytes, signature: bytes) -> bool:
    name = _LIBRARY_NAMES.get(key.algorithm, key.algorithm)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SecurityWarning)
            model = JWSRegistry(algorithms=[name]).get_alg(name)
            model.check_key(key.public)
            return model.verify(message, signature, key.public)
    except (JoseError, ValueError):
        return False


def _check_type(header: Json, wanted: str | None) -> None:
    if wanted is None:
        return
    typ = header.get("typ")
    told = typ.lower().removeprefix("application/") if isinstance(typ, str) else None
    if told != wanted:
        raise _RefusedError("header", f"its type is not {wanted}")


def _check_parties(claims: Claims, policy: Policy) -> None:
    if claims.get("iss") != policy.issuer:
        raise _RefusedError("issuer", "it is of another issuer")
    audience = claims.get("aud")
    told = audience if isinstance(audience, list) else [audience]
    if policy.audience is not None and policy.audience not in told:
        raise _RefusedError("audience", "it is for somebody else")
    subject = claims.get("sub")
    if not isinstance(subject, str) or not subject:
        raise _RefusedError("claims", "it does not say who it is for")


def _check_times(claims: Claims, policy: Policy, now: float) -> None:
    expires, issued = _time(claims, "exp"), _time(claims, "iat")
    starts = _time(claims, "nbf") if "nbf" in claims else issued
    if max(issued, starts) > now + policy.skew_s:
        raise _RefusedError("claims", "it is not valid yet")
    if expires <= now - policy.skew_s and not policy.expired_too:
        raise _RefusedError("expired", "it has expired")


def _time(claims: Claims, name: str) -> float:
    found = claims.get(name)
    if isinstance(found, bool) or not isinstance(found, int | float) or not math.isfinite(found):
        raise _RefusedError("claims", f"`{name}` is not a time")
    return float(found)
