"""Public keys that may verify signatures. Each has one algorithm; a weak or odd one is left out."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey, RSAKey

from intertie.identity.tokens import base64url

ALGORITHMS = frozenset({"ES256", "EdDSA", "RS256", "PS256"})
_MAX_KEYS = 100
_MIN_RSA_BITS, _MAX_RSA_BITS = 2048, 8192
_MIN_EXPONENT, _MAX_EXPONENT = 65537, 2**32 - 1
_COORDINATE_BYTES = 32
_SECRET_MEMBERS = frozenset({"d", "p", "q", "dp", "dq", "qi", "k", "oth"})
# Nemec et al., "The Return of Coppersmith's Attack" (2017): the primes of such a key are powers of
# 65537 modulo each of these. Of sound keys less than one in 2**80 looks like it.
_ROCA_GENERATOR = 65537
_ROCA_PRIMES = (
    *(3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97),
    *(101, 103, 107, 109, 113, 127, 131, 137, 139, 149, 151, 157, 163, 167),
)

Jwk = Mapping[str, Any]  # Any: a key as it came over the wire, checked member by member
PublicKey = ECKey | OKPKey | RSAKey


@dataclass(frozen=True, slots=True)
class Key:
    """A key that verifies signatures of one algorithm."""

    kid: str | None
    algorithm: str
    public: PublicKey


@dataclass(frozen=True, slots=True)
class Keys:
    """A key set as it may be used, and why the rest of it may not."""

    usable: tuple[Key, ...]
    refused: tuple[str, ...] = ()

    @classmethod
    def parse(cls, jwks: object) -> Self:
        """Of a JWK Set (RFC 7517). Raises ValueError when it is none."""
        found = jwks.get("keys") if isinstance(jwks, Mapping) else None
        if not isinstance(found, Sequence) or isinstance(found, str) or len(found) > _MAX_KEYS:
            raise ValueError(f"expected a key set with at most {_MAX_KEYS} keys")
        usable: list[Key] = []
        refused: list[str] = []
        for each in found:
            try:
                usable.append(key(each))
            except ValueError as exc:
                refused.append(str(exc))
        return cls(tuple(usable), tuple(refused))

    def candidates(self, kid: str | None, algorithm: str) -> list[Key]:
        """Those that a signature may be of: the ones with this name, or all when it has none."""
        named = [each for each in self.usable if kid is None or each.kid == kid]
        return [each for each in named if each.algorithm == algorithm]


def key(jwk: object) -> Key:
    """A key for verifying. Raises ValueError with the reason why it may not be used."""
    if not isinstance(jwk, Mapping):
        raise ValueError("a key is not a JSON object")
    kid = jwk.get("kid")
    if kid is not None and not isinstance(kid, str):
        raise ValueError("a key has a `kid` that is not text")
    try:
        _check_purpose(jwk)
        algorithm = _algorithm(jwk)
        return Key(kid, algorithm, _public(jwk))
    except (ValueError, TypeError, KeyError, JoseError) as exc:
        raise ValueError(f"key {kid!r}: {exc}") from exc


def _check_purpose(jwk: Jwk) -> None:
    if jwk.get("use", "sig") != "sig":
        raise ValueError("it is not for signatures (`use`)")
    operations = jwk.get("key_ops", ["verify"])
    if not isinstance(operations, list) or "verify" not in operations:
        raise ValueError("it is not for verifying (`key_ops`)")
    if len(set(operations)) != len(operations):
        raise ValueError("it tells an operation twice (`key_ops`)")
    if _SECRET_MEMBERS & jwk.keys():
        raise ValueError("it is not a public key")


def _algorithm(jwk: Jwk) -> str:
    """The one that the key is for; an RSA key that tells none is for RS256."""
    kinds: Mapping[tuple[object, object], tuple[str, ...]] = {
        ("EC", "P-256"): ("ES256",),
        ("OKP", "Ed25519"): ("EdDSA",),
        ("RSA", None): ("RS256", "PS256"),
    }
    allowed = kinds.get((jwk.get("kty"), jwk.get("crv")))
    if allowed is None:
        raise ValueError("its kind is not one of P-256, Ed25519 and RSA")
    told: object = jwk.get("alg", allowed[0])
    if not isinstance(told, str) or told not in allowed:
        raise ValueError(f"its algorithm is not {' or '.join(allowed)}")
    return told


def _public(jwk: Jwk) -> PublicKey:
    match jwk["kty"]:
        case "EC":
            _check_coordinates(jwk, "x", "y")
            return ECKey.import_key(_members(jwk, "crv", "x", "y"))
        case "OKP":
            _check_coordinates(jwk, "x")
            return OKPKey.import_key(_members(jwk, "crv", "x"))
        case _:
            modulus = int.from_bytes(base64url.decode(jwk["n"]))
            _check_rsa(modulus, int.from_bytes(base64url.decode(jwk["e"])))
            return RSAKey.import_key(_members(jwk, "n", "e"))


def _members(jwk: Jwk, *names: str) -> dict[str, Any]:
    """Only what the key itself is: nothing that the library might follow."""
    return {name: jwk[name] for name in ("kty", *names)}


def _check_coordinates(jwk: Jwk, *names: str) -> None:
    for name in names:
        if len(base64url.decode(jwk[name])) != _COORDINATE_BYTES:
            raise ValueError(f"`{name}` is not {_COORDINATE_BYTES} bytes long")


def _check_rsa(modulus: int, exponent: int) -> None:
    if not _MIN_RSA_BITS <= modulus.bit_length() <= _MAX_RSA_BITS or modulus % 2 == 0:
        raise ValueError(f"it does not have {_MIN_RSA_BITS} to {_MAX_RSA_BITS} bits")
    if not _MIN_EXPONENT <= exponent <= _MAX_EXPONENT or exponent % 2 == 0:
        raise ValueError(f"its exponent is below {_MIN_EXPONENT}, too large or even")
    if all(modulus % prime in _powers(prime) for prime in _ROCA_PRIMES):
        raise ValueError("it can be factored (CVE-2017-15361); make a new one")


def _powers(prime: int) -> Iterator[int]:
    value = 1
    for _ in range(prime):
        yield value
        value = value * _ROCA_GENERATOR % prime
