"""Signed requests: HTTP Message Signatures (RFC 9421) with Digest Fields (RFC 9530). Pure.

A signature says nothing about how it is checked: the algorithm is that of the key. What it must
cover is more than the standard asks for, so that nothing that matters can be changed: the method,
all of the address, and the body by its digest.
"""

import hmac
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256, sha512
from typing import Literal

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key

from intertie.identity.structured import InnerList, Item, dictionary

Algorithm = Literal["hmac-sha256", "ed25519", "ecdsa-p256-sha256"]
Reason = Literal[
    "missing", "malformed", "coverage", "unknown_key", "expired", "digest", "wrong", "replayed"
]
INPUT_FIELD, SIGNATURE_FIELD, DIGEST_FIELD = "signature-input", "signature", "content-digest"
MAX_COMPONENTS = 32
MAX_NONCE = 128
MAX_NONCES = 20_000
"""Of one key, within the time in which a signature is good."""
_DIGESTS = {"sha-256": sha256, "sha-512": sha512}
_PORTS = {"http": ":80", "https": ":443"}
_HALF = 32


@dataclass(frozen=True, slots=True)
class Message:
    """A request as its sender signed it. Header names are lower-case."""

    method: str
    authority: str
    target: str
    """Path and query."""
    headers: Mapping[str, str]
    body: bytes = b""
    scheme: str = "https"


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A key that is known: a shared secret, or a public key as DER (SubjectPublicKeyInfo)."""

    id: str
    algorithm: Algorithm
    material: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class SignaturePolicy:
    """What a signature must have to count."""

    skew_s: int = 60
    """How old or early it may be."""
    covered: Sequence[frozenset[str]] = (
        frozenset({"@method", "@target-uri"}),
        frozenset({"@method", "@authority", "@path", "@query"}),
    )
    """All of one of these."""
    needs_nonce: bool = True
    bodiless: frozenset[str] = frozenset({"GET", "HEAD", "OPTIONS"})
    """Methods of requests that need no digest if they have no body."""


@dataclass(frozen=True, slots=True)
class Proof:
    """A good signature."""

    key: str
    nonce: str
    created_s: int
    components: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a signature is none; safe to be told."""

    reason: Reason
    detail: str


class _FaultError(Exception):
    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.fault = Fault(reason, detail)


def is_signed(headers: Mapping[str, str]) -> bool:
    """Whether a request claims to be."""
    return INPUT_FIELD in headers or SIGNATURE_FIELD in headers


def verify(
    message: Message,
    find: Callable[[str], SigningKey | None],
    *,
    now_s: float,
    policy: SignaturePolicy | None = None,
) -> Proof | Fault:
    """Who signed a request, or why that cannot be said. Whether it was seen before: `Replays`."""
    try:
        return _verified(message, find, now_s, policy or SignaturePolicy())
    except _FaultError as exc:
        return exc.fault


def signature_base(message: Message, components: Sequence[str], parameters: str) -> bytes:
    """What is signed (RFC 9421, 2.5). Raises KeyError for a field that is not there."""
    lines = [f'"{name}": {_value(message, name)}' for name in components]
    return "\n".join([*lines, f'"@signature-params": {parameters}']).encode("latin-1", "replace")


def content_digest(body: bytes, algorithm: Literal["sha-256", "sha-512"] = "sha-256") -> bytes:
    """The digest that `Content-Digest` holds of a body."""
    return _DIGESTS[algorithm](body).digest()


class Replays:
    """Nonces that were used: each is good once for each key, in this process.

    Kept in two halves, each of which takes turns for as long as a signature can be good.
    """

    def __init__(self, *, keep_s: float = 120.0, max_nonces: int = MAX_NONCES) -> None:
        self._keep_s = keep_s
        self._max = max_nonces
        self._turn = 0
        self._now: dict[str, set[str]] = {}
        self._before: dict[str, set[str]] = {}

    def is_new(self, proof: Proof, now_s: float) -> bool:
        """Whether it was not seen before; from now on it was. A key with too many is refused."""
        turn = int(now_s // self._keep_s)
        if turn != self._turn:
            self._before = self._now if turn == self._turn + 1 else {}
            self._turn, self._now = turn, {}
        seen = self._now.setdefault(proof.key, set())
        if proof.nonce in seen or proof.nonce in self._before.get(proof.key, ()):
            return False
        if len(seen) >= self._max:
            return False
        seen.add(proof.nonce)
        return True


def _verified(
    message: Message,
    find: Callable[[str], SigningKey | None],
    now_s: float,
    policy: SignaturePolicy,
) -> Proof:
    told, signature = _shown(message.headers)
    components = _components(told)
    _check_coverage(components, message, policy)
    proof = _proof(told, components, policy)
    if not proof.created_s - policy.skew_s <= now_s <= proof.created_s + policy.skew_s:
        raise _FaultError("expired", "it was not made now: look at the clock of its sender")
    expires = told.parameters.get("expires")
    if expires is not None and (not _is_time(expires) or now_s >= int(expires)):
        raise _FaultError("expired", "it has expired")
    key = find(proof.key)
    if key is None or told.parameters.get("alg", key.algorithm) != key.algorithm:
        raise _FaultError("unknown_key", "its key is not known, or of another algorithm")
    try:
        base = signature_base(message, components, told.text)
    except KeyError as exc:
        raise _FaultError("coverage", f"it covers {exc.args[0]}, which is not there") from None
    if not _is_right(key, base, signature):
        raise _FaultError("wrong", "it is not that of this request")
    # Last: who cannot sign does not make anybody hash a body.
    if DIGEST_FIELD in components:
        _check_digest(message)
    return proof


def _shown(headers: Mapping[str, str]) -> tuple[InnerList, bytes]:
    try:
        inputs = dictionary(headers[INPUT_FIELD])
        signatures = dictionary(headers[SIGNATURE_FIELD])
    except KeyError as exc:
        raise _FaultError("missing", f"there is no {exc.args[0]}") from None
    except ValueError as exc:
        raise _FaultError("malformed", f"it cannot be read: {exc}") from None
    if len(inputs) != 1 or set(inputs) != set(signatures):
        raise _FaultError("malformed", "expected one signature, under one name in both fields")
    told, shown = next(iter(inputs.values())), next(iter(signatures.values()))
    if not isinstance(told, InnerList) or not isinstance(shown, Item):
        raise _FaultError("malformed", "expected a list of components, and bytes")
    if not isinstance(shown.value, bytes):
        raise _FaultError("malformed", "expected the bytes of a signature")
    return told, shown.value


def _components(told: InnerList) -> tuple[str, ...]:
    names: list[str] = []
    for item in told.items[: MAX_COMPONENTS + 1]:
        if not isinstance(item.value, str) or item.parameters:
            raise _FaultError("malformed", "expected names of components without parameters")
        names.append(item.value)
    if len(names) > MAX_COMPONENTS or len(set(names)) < len(names):
        raise _FaultError("malformed", "it covers too many components, or one twice")
    if any(name != name.lower() for name in names):
        raise _FaultError("malformed", "expected names in small letters")
    return tuple(names)


def _check_coverage(components: Sequence[str], message: Message, policy: SignaturePolicy) -> None:
    if not any(wanted <= set(components) for wanted in policy.covered):
        wanted = " or ".join(", ".join(sorted(each)) for each in policy.covered)
        raise _FaultError("coverage", f"it must cover {wanted}")
    has_body = bool(message.body) or message.method not in policy.bodiless
    if has_body and DIGEST_FIELD not in components:
        raise _FaultError("coverage", f"it must cover {DIGEST_FIELD}, the digest of its body")


def _proof(told: InnerList, components: tuple[str, ...], policy: SignaturePolicy) -> Proof:
    created, key = told.parameters.get("created"), told.parameters.get("keyid")
    nonce = told.parameters.get("nonce", "")
    if not _is_time(created) or not isinstance(key, str) or not key:
        raise _FaultError("malformed", "expected created and keyid")
    if not isinstance(nonce, str) or len(nonce) > MAX_NONCE or (policy.needs_nonce and not nonce):
        raise _FaultError("malformed", f"expected a nonce of at most {MAX_NONCE} characters")
    return Proof(key, nonce, int(created or 0), components)


def _is_time(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _value(message: Message, name: str) -> str:
    path, mark, query = message.target.partition("?")
    derived = {
        "@method": message.method,
        "@authority": _authority(message),
        "@scheme": message.scheme,
        "@path": path or "/",
        "@query": f"?{query}",
        "@request-target": message.target,
        "@target-uri": f"{message.scheme}://{_authority(message)}{path or '/'}{mark}{query}",
    }
    return derived[name] if name.startswith("@") else message.headers[name].strip(" \t")


def _authority(message: Message) -> str:
    """In small letters, without the port that the scheme has anyway (RFC 9421, 2.2.3)."""
    return message.authority.lower().removesuffix(_PORTS.get(message.scheme, "\0"))


def _check_digest(message: Message) -> None:
    try:
        told = dictionary(message.headers[DIGEST_FIELD])
    except ValueError as exc:
        raise _FaultError("digest", f"{DIGEST_FIELD} cannot be read: {exc}") from None
    known = {name: item for name, item in told.items() if name in _DIGESTS}
    if not known:
        raise _FaultError("digest", f"{DIGEST_FIELD} must have sha-256 or sha-512")
    for name, item in known.items():
        shown = item.value if isinstance(item, Item) else None
        if shown != _DIGESTS[name](message.body).digest():
            raise _FaultError("digest", f"{DIGEST_FIELD} is not that of the body")


def _is_right(key: SigningKey, base: bytes, signature: bytes) -> bool:
    if key.algorithm == "hmac-sha256":
        return hmac.compare_digest(hmac.digest(key.material, base, "sha256"), signature)
    public = load_der_public_key(key.material)
    try:
        if isinstance(public, Ed25519PublicKey) and key.algorithm == "ed25519":
            public.verify(signature, base)
            return True
        if isinstance(public, EllipticCurvePublicKey) and isinstance(public.curve, SECP256R1):
            if key.algorithm != "ecdsa-p256-sha256" or len(signature) != 2 * _HALF:
                return False
            halves = (signature[:_HALF], signature[_HALF:])
            pair = encode_dss_signature(*(int.from_bytes(half) for half in halves))
            public.verify(pair, base, ECDSA(SHA256()))
            return True
    except InvalidSignature:
        return False
    return False
