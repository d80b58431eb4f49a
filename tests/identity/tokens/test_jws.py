"""The gate in front of signatures: every class of attack that was found to work somewhere.

The classes are those of Project Wycheproof's JSON Web Signature vectors, of RFC 8725, and of what
was found in JOSE libraries; the tokens are made here, with keys of every algorithm.
"""

import functools
import hmac
import json
from collections.abc import Iterator

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA224, SHA256, SHA384
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from intertie.identity.tokens.jwk import ALGORITHMS, Keys
from intertie.identity.tokens.jws import (
    MAX_LENGTH,
    Policy,
    Refusal,
    Signed,
    verify,
    verify_signature,
)
from tests.identity.tokens.forge import CLAIMS, NOW, Forge, Loose, b64, part

EVERY = sorted(ALGORITHMS)
POLICY = Policy("us", "gate")
_N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551  # order of P-256


@functools.cache
def forge(algorithm: str) -> Forge:
    """RSA keys take a while."""
    return Forge.of(algorithm)


def taken(text: str, keys: Keys, policy: Policy = POLICY, now: float = NOW) -> bool:
    """Whether it passes."""
    return not isinstance(verify(text, keys, policy, now=now), Refusal)


@pytest.mark.parametrize("algorithm", EVERY)
def test_good_tokens_pass(algorithm: str) -> None:
    """Of every algorithm, with and without a key's name, with white space in the JSON."""
    made = forge(algorithm)
    nameless = {"alg": algorithm, "typ": "application/at+jwt"}
    spaced = b64(json.dumps(made.header(), indent=2).encode())

    assert verify(made.token(), made.keys(), POLICY, now=NOW) == CLAIMS
    assert taken(made.token(nameless), made.keys())
    assert taken(made.sign_parts(spaced, part(CLAIMS)), made.keys())
    assert taken(made.token(made.header(unknown="x", cty="y")), made.keys())
    assert taken(made.token(claims={**CLAIMS, "aud": ["other", "gate"]}), made.keys())
    assert taken(made.token(), made.keys(key_ops=["verify"]))


def broken_forms(made: Forge) -> Iterator[tuple[str, str]]:
    """A good token with parts missing, added or changed."""
    head, body, signature = made.token().split(".")
    flipped = ("B" if signature[0] == "A" else "A") + signature[1:]
    yield "modified signature", f"{head}.{body}.{flipped}"
    yield "no signature", f"{head}.{body}."
    yield "no signature and separator", f"{head}.{body}"
    yield "modified payload", f"{head}.{part({**CLAIMS, 'sub': 'root'})}.{signature}"
    yield "no payload", f"{head}..{signature}"
    yield "no payload and separator", f"{head}.{signature}"
    yield "modified header", f"{part(made.header(kid='k2'))}.{body}.{signature}"
    yield "no header", f".{body}.{signature}"
    yield "header only", head
    yield "payload only", f".{body}."
    yield "nothing", ""
    yield "dots", ".."
    yield "extra empty part", f"{head}.{body}.{signature}."
    yield "extra part", f"{head}.{body}.{signature}.foo"
    json_form = {"protected": head, "payload": body, "signature": signature}
    yield "JSON serialization", json.dumps(json_form)
    yield "truncated signature", f"{head}.{body}.{signature[:-4]}"
    yield "longer signature", f"{head}.{body}.{signature}AAAA"
    for place, (before, after) in enumerate(
        [(" ", ""), ("", " "), ("\n", ""), ("", "="), ("", "?")]
    ):
        for index in range(3):
            parts = [head, body, signature]
            parts[index] = f"{before}{parts[index]}{after}"
            yield f"characters {place} in part {index}", ".".join(parts)


@pytest.mark.parametrize("algorithm", EVERY)
def test_broken_forms_are_refused(algorithm: str) -> None:
    """Whatever is missing, added or changed."""
    made = forge(algorithm)
    passed = [name for name, text in broken_forms(made) if taken(text, made.keys())]

    assert passed == []


@pytest.mark.parametrize("algorithm", EVERY)
def test_a_signature_over_odd_base64_is_refused(algorithm: str) -> None:
    """Padding, white space, other characters and spare bits: signed as they stand, but not JWS."""
    made = forge(algorithm)
    head, body = part(made.header()), part(CLAIMS)
    odd = [
        made.sign_parts(f"{head}{extra}", body) for extra in ("=", "    ", "####", "\n", "\x00")
    ] + [made.sign_parts(head, f"{extra}{body}") for extra in ("    ", "?", "####", "=")]
    spare = made.sign_parts(head, "AB")

    assert [text for text in odd if taken(text, made.keys())] == []
    assert isinstance(verify_signature(spare, made.keys()), Refusal)


@pytest.mark.parametrize("algorithm", EVERY)
def test_no_algorithm_is_none(algorithm: str) -> None:
    """However it is written, with a signature or without."""
    made = forge(algorithm)
    for name in (
        "none",
        "None",
        "NONE",
        "nOnE",
        "",
        "none ",
        None,
        0,
        [algorithm],
        algorithm.lower(),
    ):
        signed = made.token(made.header(alg=name))
        assert not taken(signed, made.keys())
        assert not taken(signed.rpartition(".")[0] + ".", made.keys())


@pytest.mark.parametrize("algorithm", EVERY)
def test_the_public_key_is_no_secret(algorithm: str) -> None:
    """HMAC with what everybody knows, in any form it may be fed to a library."""
    made = forge(algorithm)
    public = made.private.public_key()
    known = [
        public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
        public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        json.dumps(made.jwk()).encode(),
        b"",
    ]
    for name in ("HS256", "HS512"):
        text = f"{part(made.header(alg=name))}.{part(CLAIMS)}"
        for secret in known:
            mac = hmac.digest(secret, text.encode(), "sha256" if name == "HS256" else "sha512")
            assert not taken(f"{text}.{b64(mac)}", made.keys())


def test_an_algorithm_of_the_same_kind_is_another_one() -> None:
    """A key for one RSA padding, hash or curve is not for the next."""
    made = forge("RS256")
    assert isinstance(made.private, rsa.RSAPrivateKey)
    text = f"{part(made.header(alg='PS256'))}.{part(CLAIMS)}"
    pss = padding.PSS(padding.MGF1(SHA256()), 32)
    crossed = f"{text}.{b64(made.private.sign(text.encode(), pss, SHA256()))}"

    assert not taken(crossed, made.keys())
    assert not taken(crossed, made.keys(alg="RS256"))
    assert taken(crossed, made.keys(alg="PS256"))
    for name in ("RS384", "RS512", "PS384", "ES384", "ES256K", "ES512", "Ed25519"):
        assert not taken(made.token(made.header(alg=name)), made.keys())
    assert not taken(
        made.token(), made.keys(), Policy("us", "gate", algorithms=frozenset({"ES256"}))
    )


def test_rsa_paddings_must_be_exact() -> None:
    """Another hash, another salt, another hash of the mask, raw numbers, zero and one."""
    old, new = forge("RS256"), forge("PS256")
    assert isinstance(old.private, rsa.RSAPrivateKey)
    assert isinstance(new.private, rsa.RSAPrivateKey)
    v15 = f"{part(old.header())}.{part(CLAIMS)}"
    pss = f"{part(new.header())}.{part(CLAIMS)}"
    signed = [
        *(old.private.sign(v15.encode(), padding.PKCS1v15(), h()) for h in (SHA224, SHA384)),
        *(bytes(255) + bytes([value]) for value in (0, 1, 2)),
        b"\xff" * 256,
        b"\0" + old.signature(v15.encode()),
        old.signature(v15.encode()) + b"\0",
    ]
    salted = [
        new.private.sign(pss.encode(), padding.PSS(padding.MGF1(mask), salt), SHA256())
        for mask, salt in ((SHA256(), 0), (SHA256(), 20), (SHA256(), 64), (SHA224(), 32))
    ]
    salted.append(new.private.sign(pss.encode(), padding.PKCS1v15(), SHA256()))

    assert not any(taken(f"{v15}.{b64(each)}", old.keys()) for each in signed)
    assert not any(taken(f"{pss}.{b64(each)}", new.keys()) for each in salted)


def test_ecdsa_numbers_must_be_in_range() -> None:
    """Zero, one, the order of the curve, numbers too long, DER in place of two numbers."""
    made = forge("ES256")
    assert isinstance(made.private, ec.EllipticCurvePrivateKey)
    text = f"{part(made.header())}.{part(CLAIMS)}"
    right = made.signature(text.encode())
    r, s = right[:32], right[32:]
    edges = [value.to_bytes(32) for value in (0, 1, _N - 1, _N, 2**256 - 1)]
    odd = [
        *(one + two for one in edges for two in edges),
        *(r + edge for edge in edges),
        *(edge + s for edge in edges),
        b"\0" + r + b"\0" + s,
        r + b"\0" + s + b"\0",
        bytes(224) + r + bytes(224) + s,
        made.private.sign(text.encode(), ec.ECDSA(SHA256())),
        s + r,
        b"",
    ]

    assert not any(taken(f"{text}.{b64(each)}", made.keys()) for each in odd)
    assert taken(f"{text}.{b64(right)}", made.keys())


@pytest.mark.parametrize("algorithm", EVERY)
def test_a_token_brings_no_key(algorithm: str) -> None:
    """What it points to or carries is not looked at: the token is refused."""
    ours, theirs = forge(algorithm), Forge.of("ES256")
    for member in (
        {"jwk": theirs.jwk()},
        {"jku": "https://evil.test/keys"},
        {"x5u": "https://evil.test/chain"},
        {"x5c": ["AAAA"]},
    ):
        header = {**theirs.header(), **member}
        assert not taken(theirs.token(header), ours.keys())
        assert not taken(ours.token({**ours.header(), **member}), ours.keys())


@pytest.mark.parametrize(
    "member",
    [
        {"crit": ["exp"], "exp": 1},
        {"crit": ["b64"], "b64": False},
        {"crit": []},
        {"crit": None},
        {"crit": ["alg"]},
        {"b64": False},
        {"zip": "DEF"},
        {"enc": "A128GCM"},
        {"typ": "JWT"},
        {"typ": None},
        {"typ": ["at+jwt"]},
        {"kid": "k2"},
        {"kid": 7},
        {"kid": ""},
        {"kid": "../../dev/null"},
        {"kid": "k1' OR 1=1"},
    ],
)
def test_what_changes_the_meaning_is_refused(member: Loose) -> None:
    """Critical and unencoded extensions, other types, and names of no key."""
    made = forge("ES256")

    assert not taken(made.token(made.header(**member)), made.keys())


@pytest.mark.parametrize(
    "raw", [b"[]", b"7", b'"x"', b"null", b"{", b"\xff{}", b"{}{}", b"[" * 900]
)
def test_a_header_is_an_object(raw: bytes) -> None:
    """Of UTF-8 JSON, and neither deep nor broken."""
    made = forge("ES256")

    assert not taken(made.sign_parts(b64(raw), part(CLAIMS)), made.keys())
    assert not taken(made.sign_parts(part(made.header()), b64(raw)), made.keys())


def test_a_member_told_twice_is_refused() -> None:
    """Two readers would each believe another one."""
    made = forge("ES256")
    header = json.dumps(made.header())[:-1] + ',"alg":"ES256"}'
    claims = json.dumps(CLAIMS)[:-1] + ',"sub":"root"}'

    assert not taken(made.sign_parts(b64(header.encode()), part(CLAIMS)), made.keys())
    assert not taken(made.sign_parts(part(made.header()), b64(claims.encode())), made.keys())


@pytest.mark.parametrize(
    "other",
    [
        {"iss": "them"},
        {"iss": ["us"]},
        {"iss": None},
        {"aud": "other"},
        {"aud": ["other"]},
        {"aud": "gates"},
        {"aud": []},
        {"aud": {"gate": 1}},
        {"sub": ""},
        {"sub": 7},
        {"exp": str(int(NOW) + 600)},
        {"exp": True},
        {"exp": None},
        {"exp": int(NOW) - 60},
        {"iat": int(NOW) + 61},
        {"iat": "now"},
        {"nbf": int(NOW) + 61},
        {"nbf": "now"},
    ],
)
def test_claims_must_be_right(other: Loose) -> None:
    """Issuer, audience, subject and the times, each of the right kind."""
    made = forge("ES256")

    assert not taken(made.token(claims={**CLAIMS, **other}), made.keys())


@pytest.mark.parametrize("name", ["iss", "aud", "sub", "exp", "iat"])
def test_claims_must_be_there(name: str) -> None:
    """What is not said is not assumed."""
    made = forge("ES256")

    assert not taken(made.token(claims={n: v for n, v in CLAIMS.items() if n != name}), made.keys())


@pytest.mark.parametrize("text", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_a_time_is_a_number(text: str) -> None:
    """None that never ends."""
    made = forge("ES256")
    claims = json.dumps(CLAIMS).replace(str(CLAIMS["exp"]), text)

    assert not taken(made.sign_parts(part(made.header()), b64(claims.encode())), made.keys())


def test_clocks_may_be_a_minute_apart() -> None:
    """Not more, and no policy can ask for more."""
    made = forge("ES256")

    assert taken(made.token(), made.keys(), now=NOW + 659)
    assert not taken(made.token(), made.keys(), now=NOW + 660)
    assert taken(made.token(), made.keys(), now=NOW - 60)
    assert not taken(made.token(), made.keys(), now=NOW - 61)
    with pytest.raises(ValueError, match="60 s"):
        Policy("us", "gate", skew_s=61)


@pytest.mark.parametrize("algorithm", ["HS256", "none", "ES384"])
def test_no_policy_allows_other_algorithms(algorithm: str) -> None:
    """Neither secrets shared with third parties nor nothing at all."""
    with pytest.raises(ValueError, match="algorithms"):
        Policy("us", "gate", algorithms=frozenset({algorithm}))


def test_long_tokens_are_refused_before_they_are_read() -> None:
    """Nothing is decoded of them."""
    made = forge("ES256")
    padded = made.token(claims={**CLAIMS, "x": "a" * MAX_LENGTH})
    header = made.token(made.header(x="a" * 4096))

    assert not taken(padded, made.keys())
    assert not taken(header, made.keys())
    assert not taken("." * 50_000_000, made.keys())


def test_the_key_is_found_by_name_and_algorithm() -> None:
    """In a mixed set; a name that two keys of one algorithm have is nobody's."""
    a, b = Forge.of("ES256", "a"), Forge.of("ES256", "b")
    edward = Forge.of("EdDSA", "a")
    mixed = Keys.parse({"keys": [a.jwk(), b.jwk(), edward.jwk()]})
    twice = Keys.parse({"keys": [a.jwk(), b.jwk(kid="a")]})
    secret = Keys.parse({"keys": [{"kty": "oct", "kid": "a", "k": "AAAA"}, a.jwk()]})

    assert all(taken(each.token(), mixed) for each in (a, b, edward))
    assert not taken(a.token({"alg": "ES256", "typ": "at+jwt"}), mixed)
    assert taken(edward.token({"alg": "EdDSA", "typ": "at+jwt"}), mixed)
    assert not taken(a.token(), twice)
    assert not taken(b.token(b.header(kid="a")), mixed)
    assert taken(a.token(), secret)
    assert not taken(a.token(), Keys(()))


@pytest.mark.parametrize("other", [{"use": "enc"}, {"key_ops": ["encrypt"]}, {"key_ops": ["sign"]}])
def test_a_key_for_something_else_verifies_nothing(other: Loose) -> None:
    """Though the signature is right."""
    made = forge("ES256")

    assert not taken(made.token(), made.keys(**other))


def test_a_hint_may_be_old() -> None:
    """Its signature counts all the same."""
    made = forge("ES256")
    hint = Policy("us", None, typ=None, expired_too=True)

    assert taken(made.token(), made.keys(), hint, now=NOW + 10**6)
    assert not taken(made.token() + "A", made.keys(), hint, now=NOW + 10**6)


def test_what_was_signed_may_be_anything() -> None:
    """For callers that judge it themselves."""
    made = forge("ES256")

    found = verify_signature(made.sign_parts(part(made.header()), b64(b"foo")), made.keys())

    assert isinstance(found, Signed)
    assert (found.payload, found.key.kid) == (b"foo", "k1")


def test_a_refusal_repeats_nothing() -> None:
    """It says why, and not what was sent."""
    made = forge("ES256")

    found = verify(made.token(made.header(kid="<script>")), made.keys(), POLICY, now=NOW)

    assert isinstance(found, Refusal)
    assert found.reason == "key"
    assert "script" not in found.detail
