"""Tokens that nobody may come in with."""

import hmac
import json
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

from tests.gateway.stage import Door, now

Claims = dict[str, Any]  # a token's, good or not


@dataclass(frozen=True, slots=True)
class TokenTry:
    """Lines of a request to a closed place, or another target."""

    kind: str
    name: str
    lines: tuple[str, ...]
    query: str = ""


def token_tries(made: Door) -> list[TokenTry]:
    """All of them; the forger knows what everybody knows, and for some the private key."""
    forger = _Forger.of(made)
    every = (_unsigned, _confused, _key_tricks, _claims, _shapes, _places)
    return [each for group in every for each in group(forger)]


@dataclass(frozen=True, slots=True)
class _Forger:
    key: ECKey
    good: Claims

    @classmethod
    def of(cls, made: Door) -> "_Forger":
        issued = int(now().timestamp())
        claims = {"iss": made.issuer.url, "sub": "ada", "aud": "intertie", "exp": issued + 600}
        text = (made.folder / "keys" / "issuer.json").read_text()
        key = ECKey.import_key(json.loads(text))
        return cls(key, {**claims, "iat": issued})

    def sign(self, header: Claims | None = None, /, **claims: Any) -> str:
        body = {name: value for name, value in {**self.good, **claims}.items() if value is not None}
        return jwt.encode({"alg": "ES256", "kid": self.kid, **(header or {})}, body, self.key)

    @property
    def kid(self) -> str:
        return str(self.key.kid)

    def by_hand(self, header: Claims, signature: bytes = b"", **claims: Any) -> str:
        return f"{encoded(header)}.{encoded({**self.good, **claims})}.{base64(signature)}"


def encoded(part: Claims) -> str:
    """One part of a token."""
    return base64(json.dumps(part).encode())


def base64(data: bytes) -> str:
    """As tokens have it."""
    return urlsafe_b64encode(data).decode().rstrip("=")


def _bearer(kind: str, name: str, token: str) -> TokenTry:
    return TokenTry(kind, name, (f"authorization: Bearer {token}",))


def _unsigned(forger: _Forger) -> Iterator[TokenTry]:
    algs: tuple[Any, ...] = ("none", "None", "NONE", "nOnE", "", None, "null", 0, [], {})
    for alg in algs:
        for signature in (b"", b"x", b"\0" * 64):
            header = {"alg": alg, "kid": forger.kid}
            name = f"alg {alg!r}, signature of {len(signature)}"
            yield _bearer("not signed", name, forger.by_hand(header, signature))
    yield _bearer("not signed", "no alg", forger.by_hand({"kid": forger.kid}))
    whole = forger.sign()
    yield _bearer("not signed", "signature cut off", whole.rpartition(".")[0] + ".")
    yield _bearer("not signed", "two parts", whole.rpartition(".")[0])


def _confused(forger: _Forger) -> Iterator[TokenTry]:
    """The public key as the secret of an HMAC, in every form that it has."""
    forms = {
        "PEM": forger.key.as_pem(private=False),
        "PEM without end of line": forger.key.as_pem(private=False).strip(),
        "DER": forger.key.as_der(private=False),
        "JWK": json.dumps(forger.key.as_dict(private=False)).encode(),
        "x": str(forger.key.as_dict(private=False)["x"]).encode(),
        "empty": b"",
        "kid": forger.kid.encode(),
    }
    for alg, digest in (("HS256", "sha256"), ("HS384", "sha384"), ("HS512", "sha512")):
        for name, secret in forms.items():
            signed = f"{encoded({'alg': alg, 'kid': forger.kid})}.{encoded(forger.good)}"
            mac = hmac.digest(secret, signed.encode(), digest)
            yield _bearer("confused", f"{alg} with {name}", f"{signed}.{base64(mac)}")
    other = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    signed = f"{encoded({'alg': 'RS256', 'kid': forger.kid})}.{encoded(forger.good)}"
    mark = other.sign(signed.encode(), padding.PKCS1v15(), SHA256())
    yield _bearer("confused", "RS256 with our kid", f"{signed}.{base64(mark)}")


def _key_tricks(forger: _Forger) -> Iterator[TokenTry]:
    """A key of the forger, named in many ways."""
    mine = ECKey.generate_key("P-256")
    public = mine.as_dict(private=False)
    headers: dict[str, Claims] = {
        "our kid": {"kid": forger.kid},
        "no kid": {},
        "empty kid": {"kid": ""},
        "kid is a path": {"kid": "../../../../dev/null"},
        "kid is SQL": {"kid": "x' UNION SELECT 'k"},
        "kid is a command": {"kid": "|id"},
        "kid is a number": {"kid": 1},
        "kid is a list": {"kid": [forger.kid]},
        "kid with a null": {"kid": f"{forger.kid}\0x"},
        "jwk": {"kid": forger.kid, "jwk": public},
        "jku": {"kid": forger.kid, "jku": "http://127.0.0.1:1/keys"},
        "x5u": {"kid": forger.kid, "x5u": "http://127.0.0.1:1/key"},
        "x5c": {"kid": forger.kid, "x5c": ["MIIB"]},
        "crit": {"kid": forger.kid, "crit": ["b64"], "b64": False},
        "deflated": {"kid": forger.kid, "zip": "DEF"},
    }
    for name, said in headers.items():
        header = {"alg": "ES256", **said}
        yield _bearer("foreign key", name, _signed(mine, header, forger.good))
    whole = forger.sign().split(".")
    for name, signature in {
        "zeros": b"\0" * 64,
        "ones": b"\0" * 31 + b"\1" + b"\0" * 31 + b"\1",
        "empty": b"",
        "short": b"\1" * 63,
        "long": b"\1" * 65,
        "huge": b"\1" * 2000,
    }.items():
        yield _bearer("signature", name, f"{whole[0]}.{whole[1]}.{base64(signature)}")
    yield _bearer("signature", "of other words", f"{whole[0]}.{encoded(forger.good)}x.{whole[2]}")
    root = encoded({**forger.good, "sub": "root", "roles": ["admin"]})
    yield _bearer("signature", "of another user", f"{whole[0]}.{root}.{whole[2]}")


def _signed(key: ECKey | RSAKey, header: Claims, claims: Claims) -> str:
    """By hand: a library would refuse such headers."""
    text = f"{encoded(header)}.{encoded(claims)}"
    private = key.private_key
    assert isinstance(private, ec.EllipticCurvePrivateKey)
    r, s = decode_dss_signature(private.sign(text.encode(), ec.ECDSA(SHA256())))
    return f"{text}.{base64(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"


def _claims(forger: _Forger) -> Iterator[TokenTry]:
    """Signed by us, and not good all the same."""
    issued = int(forger.good["iat"])
    bad: dict[str, Claims] = {
        "expired": {"exp": issued - 5},
        "expired long ago": {"exp": 1},
        "expires at 0": {"exp": 0},
        "expires before time": {"exp": -1},
        "no end": {"exp": None},
        "end is text": {"exp": "never"},
        "not yet": {"nbf": issued + 3600},
        "of another issuer": {"iss": "evil"},
        "of an issuer with our name in it": {"iss": f"{forger.good['iss']}.evil"},
        "of no issuer": {"iss": None},
        "issuer in capitals": {"iss": str(forger.good["iss"]).upper()},
        "issuer is a list": {"iss": [forger.good["iss"]]},
        "for others": {"aud": "other"},
        "for nobody": {"aud": None},
        "for an empty list": {"aud": []},
        "for a longer name": {"aud": "intertie-admin"},
        "for a shorter name": {"aud": "inter"},
        "for capitals": {"aud": "INTERTIE"},
    }
    for name, said in bad.items():
        yield _bearer("claims", name, forger.sign(**said))


def _shapes(forger: _Forger) -> Iterator[TokenTry]:
    good = forger.sign()
    for name, token in {
        "empty": "",
        "dots": "..",
        "four parts": f"{good}.x",
        "five parts": f"{good}.x.y",
        "spaces": good.replace(".", " ."),
        "nonsense": "a.b.c",
        "null": f"{good}%00",
        "not base64": good.replace(".", ".!", 1),
        "header is a list": f"{base64(b'[]')}.{good.partition('.')[2]}",
        "claims are a list": f"{good.split('.')[0]}.{base64(b'[]')}.{good.split('.')[2]}",
        "deep": f"{base64(b'[' * 5000)}.{good.partition('.')[2]}",
        "huge": forger.sign(x="x" * 14_000)[:-3],
        "very huge": forger.sign(x="x" * 100_000),
    }.items():
        yield _bearer("shape", name, token)


def _places(forger: _Forger) -> Iterator[TokenTry]:
    """A good token where none is looked for."""
    good = forger.sign()
    for name in ("access_token", "token", "jwt", "authorization", "bearer"):
        yield TokenTry("place", f"query {name}", (), f"?{name}={good}")
        yield TokenTry("place", f"cookie {name}", (f"cookie: {name}={good}",))
    for name in ("x-authorization", "proxy-authorization", "x-auth-token", "x-access-token"):
        yield TokenTry("place", name, (f"{name}: Bearer {good}",))
    for scheme in ("Basic", "Token", "JWT", "", "Bearer:", "Bearer\t"):
        yield TokenTry("place", f"scheme {scheme!r}", (f"authorization: {scheme} {good}",))
    bad = f"authorization: Bearer {forger.by_hand({'alg': 'none'})}"
    fine = f"authorization: Bearer {good}"
    yield TokenTry("twice", "bad, good", (bad, fine))
    yield TokenTry("twice", "good, bad", (fine, bad))
    yield TokenTry("twice", "in one line", (f"{fine}, Bearer {forger.by_hand({'alg': 'none'})}",))
