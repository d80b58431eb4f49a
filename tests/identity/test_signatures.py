"""Signed requests: the vectors of RFC 9421 (appendix B), and what must not pass."""

import hmac
from base64 import b64decode, b64encode
from collections.abc import Callable
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from intertie.identity.signatures import (
    Algorithm,
    Fault,
    Message,
    Proof,
    Replays,
    SignaturePolicy,
    SigningKey,
    content_digest,
    is_signed,
    signature_base,
    verify,
)

NOW = 1_618_884_473
SHARED = SigningKey(
    "test-shared-secret",
    "hmac-sha256",
    b64decode(
        "uzvJfB4u3N0Jy4T7NZ75MDVcr8zSTInedJtkgcu46YW4XByzNJjxBdtjUkdJPBtbmHhIDi6pcl8jsasjlTMtDQ=="
    ),
)
ED25519 = SigningKey(
    "test-key-ed25519",
    "ed25519",
    b64decode("MCowBQYDK2VwAyEAJrQLj5P/89iXES9+vFgrIy29clF9CC/oPPsw3c5D0bs="),
)
KEYS = {key.id: key for key in (SHARED, ED25519)}
VECTOR = Message(
    "POST",
    "example.com",
    "/foo?param=Value&Pet=dog",
    {
        "host": "example.com",
        "date": "Tue, 20 Apr 2021 02:07:55 GMT",
        "content-type": "application/json",
        "content-digest": "sha-512=:WZDPaVn/7XgHaAy8pmojAkGWoRx2UFChF41A2svX+TaPm+AbwAgBWnrIiYllu7"
        "BNNyealdVLvRwEmTHWXvJwew==:",
        "content-length": "18",
    },
)
ANY = SignaturePolicy(
    covered=(frozenset(),), needs_nonce=False, bodiless=frozenset({"GET", "POST"})
)
USUAL = ("@method", "@target-uri")


@pytest.mark.parametrize(
    ("told", "signature"),
    [
        (
            'sig-b25=("date" "@authority" "content-type");created=1618884473'
            ';keyid="test-shared-secret"',
            "sig-b25=:pxcQw6G3AjtMBQjwo8XzkZf/bws5LelbaMk5rGIGtE8=:",
        ),
        (
            'sig-b26=("date" "@method" "@path" "@authority" "content-type" "content-length")'
            ';created=1618884473;keyid="test-key-ed25519"',
            "sig-b26=:wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1u02Gb04v9EDgwUPiu4A0w6vuQv5lI"
            "p5WPpBKRCw==:",
        ),
    ],
)
def test_the_vectors_of_the_standard_are_good(told: str, signature: str) -> None:
    """RFC 9421, B.2.5 and B.2.6; one changed header makes them bad."""
    shown = {**VECTOR.headers, "signature-input": told, "signature": signature}
    message = replace(VECTOR, headers=shown)

    assert isinstance(verify(message, KEYS.get, now_s=NOW, policy=ANY), Proof)
    other = replace(message, headers={**shown, "date": "Tue, 20 Apr 2021 02:07:56 GMT"})
    assert _reason(verify(other, KEYS.get, now_s=NOW, policy=ANY)) == "wrong"


def test_the_digest_of_the_standard_is_that_of_its_body() -> None:
    """RFC 9421, B.2."""
    told = 'a=("content-digest");created=1618884473;keyid="test-shared-secret"'
    message = replace(VECTOR, body=b'{"hello": "world"}')

    assert isinstance(_try(message, told, policy=ANY), Proof)
    assert _reason(_try(replace(message, body=b"{}"), told, policy=ANY)) == "digest"


def _try(
    message: Message, told: str, *, now_s: float = NOW, policy: SignaturePolicy | None = None
) -> Proof | Fault:
    return verify(_signed(message, told), KEYS.get, now_s=now_s, policy=policy)


def _signed(message: Message, told: str, key: SigningKey = SHARED) -> Message:
    """With a signature by the shared secret under the name `a`."""
    parameters = told.removeprefix("a=")
    names = [each.strip('"') for each in parameters[1 : parameters.index(")")].split()]
    base = signature_base(message, names, parameters)
    code = b64encode(hmac.digest(key.material, base, "sha256")).decode()
    headers = {**message.headers, "signature-input": told, "signature": f"a=:{code}:"}
    return replace(message, headers=headers)


def _told(*names: str, **parameters: object) -> str:
    given = {"created": NOW, "keyid": SHARED.id, "nonce": "n1", **parameters}
    words = (
        f'{name}="{value}"' if isinstance(value, str) else f"{name}={value}"
        for name, value in given.items()
        if value is not None
    )
    listed = " ".join(f'"{name}"' for name in names)
    return f"a=({listed});{';'.join(words)}"


def _reason(found: Proof | Fault) -> str:
    return found.reason if isinstance(found, Fault) else "none"


def _get() -> Message:
    return Message("GET", "shop.example", "/orders?id=7", {"accept": "text/plain"})


def test_a_good_request_says_whose_it_is() -> None:
    """Its key, its nonce, and when it was made."""
    found = _try(_get(), _told(*USUAL))

    assert found == Proof(SHARED.id, "n1", NOW, USUAL)


@pytest.mark.parametrize(
    "tamper",
    [
        lambda message: replace(message, method="HEAD"),
        lambda message: replace(message, target="/orders?id=8"),
        lambda message: replace(message, target="/orders"),
        lambda message: replace(message, target="/admin?id=7"),
        lambda message: replace(message, authority="evil.example"),
        lambda message: replace(message, scheme="http"),
        lambda message: _with(message, "signature-input", _told(*USUAL, nonce="n2")),
        lambda message: _with(message, "signature-input", _told(*USUAL, created=NOW + 1)),
        lambda message: _with(message, "signature", "a=:AAAA:"),
        lambda message: _with(message, "signature", "a=::"),
    ],
)
def test_any_change_makes_it_bad(tamper: Callable[[Message], Message]) -> None:
    """Of the method, the address, the nonce, the time, the signature."""
    message = tamper(_signed(_get(), _told(*USUAL)))

    assert _reason(verify(message, KEYS.get, now_s=NOW)) == "wrong"


def _with(message: Message, name: str, value: str) -> Message:
    return replace(message, headers={**message.headers, name: value})


@pytest.mark.parametrize(
    ("told", "reason"),
    [
        (_told("@method"), "coverage"),
        (_told("@method", "@path", "@query"), "coverage"),
        (_told("@target-uri"), "coverage"),
        (_told(*USUAL, "x-none"), "coverage"),
        (_told(*USUAL, created=NOW - 61), "expired"),
        (_told(*USUAL, created=NOW + 61), "expired"),
        (_told(*USUAL, expires=NOW), "expired"),
        (_told(*USUAL, created=None), "malformed"),
        (_told(*USUAL, created="now"), "malformed"),
        (_told(*USUAL, keyid=None), "malformed"),
        (_told(*USUAL, nonce=None), "malformed"),
        (_told(*USUAL, nonce="n" * 129), "malformed"),
        (_told(*USUAL, "accept", "accept"), "malformed"),
        (_told(*USUAL, keyid="nobody"), "unknown_key"),
        (_told(*USUAL, alg="ed25519"), "unknown_key"),
        (_told(*USUAL, keyid=ED25519.id), "wrong"),
    ],
)
def test_what_a_signature_must_have(told: str, reason: str) -> None:
    """Each fault has its name; a public key is never used as a shared secret."""
    message = _get()
    headers = {**message.headers, "x-none": "1"}
    signed = _signed(replace(message, headers=headers), told)
    without = {name: value for name, value in signed.headers.items() if name != "x-none"}

    assert _reason(verify(replace(signed, headers=without), KEYS.get, now_s=NOW)) == reason


def test_a_body_must_be_covered_by_its_digest() -> None:
    """Else it could be changed."""
    digest = b64encode(content_digest(b"{}")).decode()
    headers = {"content-digest": f"sha-256=:{digest}:"}
    message = Message("POST", "shop.example", "/orders", headers, b"{}")
    covered = _told(*USUAL, "content-digest")

    assert _reason(_try(message, _told(*USUAL))) == "coverage"
    assert isinstance(_try(message, covered), Proof)
    assert _reason(_try(replace(message, body=b"[]"), covered)) == "digest"
    weak = replace(message, headers={"content-digest": "md5=:AAAA:"})
    assert _reason(_try(weak, covered)) == "digest"


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        ({}, "missing"),
        ({"signature-input": _told(*USUAL)}, "missing"),
        ({"signature-input": "a=1", "signature": "a=:AAAA:"}, "malformed"),
        ({"signature-input": _told(*USUAL), "signature": "b=:AAAA:"}, "malformed"),
        ({"signature-input": _told(*USUAL), "signature": "a=1"}, "malformed"),
        ({"signature-input": "a=(", "signature": "a=:AAAA:"}, "malformed"),
        ({"signature-input": 'a=("@path";req);created=1', "signature": "a=:AAAA:"}, "malformed"),
    ],
)
def test_what_is_no_signature_is_refused(headers: dict[str, str], reason: str) -> None:
    """By a word that does not change."""
    message = replace(_get(), headers=headers)

    assert is_signed(headers) == bool(headers)
    assert _reason(verify(message, KEYS.get, now_s=NOW)) == reason


@pytest.mark.parametrize("algorithm", ["ed25519", "ecdsa-p256-sha256"])
def test_a_public_key_verifies_what_its_private_one_signed(algorithm: Algorithm) -> None:
    """And nothing that another one signed."""
    told = _told(*USUAL, keyid="mine")
    base = signature_base(_get(), USUAL, told.removeprefix("a="))
    public, signature = _sign(algorithm, base)
    code = b64encode(signature).decode()
    message = replace(_get(), headers={"signature-input": told, "signature": f"a=:{code}:"})
    mine, other = (
        SigningKey("mine", algorithm, public),
        SigningKey("mine", algorithm, _sign(algorithm, base)[0]),
    )

    assert isinstance(verify(message, {"mine": mine}.get, now_s=NOW), Proof)
    assert _reason(verify(message, {"mine": other}.get, now_s=NOW)) == "wrong"
    assert "material" not in repr(mine)


def _sign(algorithm: Algorithm, base: bytes) -> tuple[bytes, bytes]:
    if algorithm == "ed25519":
        edwards = Ed25519PrivateKey.generate()
        public, signature = edwards.public_key(), edwards.sign(base)
        return public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo), signature
    curve = generate_private_key(SECP256R1())
    pair = decode_dss_signature(curve.sign(base, ECDSA(SHA256())))
    der = curve.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return der, b"".join(half.to_bytes(32) for half in pair)


def test_a_nonce_is_good_once_for_each_key() -> None:
    """For as long as its signature is good; a key that uses too many has to wait."""
    replays = Replays(keep_s=120, max_nonces=3)

    def try_(key: str, nonce: str, at_s: float) -> bool:
        return replays.is_new(Proof(key, nonce, 0, ()), at_s)

    assert try_("a", "1", 0)
    assert not try_("a", "1", 119)
    assert try_("b", "1", 119)
    assert not try_("a", "1", 121)
    assert not try_("a", "1", 239)
    assert try_("a", "1", 480)
    assert [try_("a", str(each), 480) for each in range(2, 5)] == [True, True, False]
