"""Which keys may verify signatures."""

import functools
import secrets

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from intertie.identity.tokens.jwk import Keys, key
from tests.identity.tokens.forge import Forge, Loose, number, rsa_members

_SMALL_PRIMES = [n for n in range(3, 702) if all(n % d for d in range(2, int(n**0.5) + 1))]


@functools.cache
def made(algorithm: str) -> Forge:
    """RSA keys take a while."""
    return Forge.of("RS256" if algorithm == "PS256" else algorithm)


def infineon_prime() -> int:
    """As the faulty library of CVE-2017-15361 made them: 1024 bits, a power of 65537 modulo M."""
    modulus = functools.reduce(int.__mul__, _SMALL_PRIMES, 2)
    while True:
        power = pow(65537, secrets.randbits(256), modulus)
        found = (secrets.randbits(1024 - modulus.bit_length()) | 3 << 50) * modulus + power
        if found.bit_length() == 1024 and pow(2, found - 1, found) == 1:
            return found


@pytest.mark.parametrize("algorithm", ["ES256", "EdDSA", "RS256"])
def test_a_key_has_one_algorithm(algorithm: str) -> None:
    """The one it says, or else that of its kind; another one of the same kind is refused."""
    jwk = made(algorithm).jwk()

    assert key(jwk).algorithm == algorithm
    assert key({n: v for n, v in jwk.items() if n != "alg"}).algorithm == algorithm
    for other in ("none", "HS256", "ES384", "RS512", "RSA1_5", "EdDSA448", 7, None):
        with pytest.raises(ValueError, match="algorithm is not"):
            key({**jwk, "alg": other})


def test_an_rsa_key_may_be_for_pss() -> None:
    """And is then not for the older padding."""
    pss = Keys.parse({"keys": [made("PS256").jwk(alg="PS256")]})

    assert pss.candidates("k1", "PS256")
    assert not pss.candidates("k1", "RS256")


@pytest.mark.parametrize(
    "other",
    [
        {"use": "enc"},
        {"use": ["sig"]},
        {"key_ops": ["sign"]},
        {"key_ops": ["encrypt"]},
        {"key_ops": "verify"},
        {"key_ops": ["verify", "verify"]},
        {"use": "enc", "key_ops": ["verify"]},
        {"kid": 7},
        {"d": "AAAA"},
        {"kty": "oct", "k": "AAAA"},
        {"kty": ["EC"]},
        {"crv": "P-384"},
        {"crv": "secp256k1"},
        {"x": "AAAA"},
        {"x": 7},
        {"x": number(5, 32)},
        {"y": None},
    ],
)
def test_a_key_for_something_else_is_refused(other: Loose) -> None:
    """Another use, a secret half, another curve, a point that is not on it."""
    with pytest.raises(ValueError, match="key"):
        key(made("ES256").jwk(**other))


@pytest.mark.parametrize("algorithm", ["ES256", "EdDSA", "RS256"])
def test_a_key_without_a_member_is_refused(algorithm: str) -> None:
    """Whichever it is that the key is made of."""
    jwk = made(algorithm).jwk()
    for name in {"kty", "crv", "x", "y", "n", "e"} & jwk.keys():
        with pytest.raises(ValueError, match="key"):
            key({n: v for n, v in jwk.items() if n != name})


def test_weak_rsa_keys_are_refused() -> None:
    """Short ones, small and even exponents, even moduli."""
    good = made("RS256").jwk()
    short = rsa.generate_private_key(65537, 1024)  # noqa: S505 — to be refused
    weak = [
        rsa_members(short.public_key().public_numbers()),
        {"e": number(3)},
        {"e": number(65536)},
        {"e": number(2**40 + 1)},
        {"n": number(2**2048 + 2)},
        {"n": number(2**16000 + 1)},
    ]

    for each in weak:
        with pytest.raises(ValueError, match=r"bits|exponent"):
            key({**good, **each})


def test_keys_that_can_be_factored_are_refused() -> None:
    """A key of the faulty library (CVE-2017-15361) is known by its modulus; sound ones pass."""
    numbers = rsa.RSAPublicNumbers(65537, infineon_prime() * infineon_prime())

    with pytest.raises(ValueError, match="CVE-2017-15361"):
        key({**made("RS256").jwk(), **rsa_members(numbers)})
    assert key(made("RS256").jwk()).kid == "k1"


def test_a_bad_key_does_not_spoil_the_set() -> None:
    """It is left out, and said why."""
    good, bad = Forge.of("ES256", "good"), Forge.of("ES256", "bad")

    keys = Keys.parse({"keys": [bad.jwk(use="enc"), good.jwk(), 7]})

    assert [each.kid for each in keys.usable] == ["good"]
    assert "bad" in keys.refused[0]


@pytest.mark.parametrize("jwks", [None, [], {}, {"keys": {}}, {"keys": "k"}, {"keys": [{}] * 101}])
def test_what_is_no_key_set_is_refused(jwks: object) -> None:
    """And so is one that is too large."""
    with pytest.raises(ValueError, match="key set"):
        Keys.parse(jwks)
