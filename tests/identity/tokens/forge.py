"""Makes keys and tokens, good and bad, by hand: no library refuses to."""

import json
from base64 import urlsafe_b64encode
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from intertie.identity.tokens.jwk import Keys

NOW = 1_800_000_000.0
CLAIMS = {"iss": "us", "aud": "gate", "sub": "ada", "iat": int(NOW), "exp": int(NOW) + 600}
Loose = dict[str, Any]  # Any: members of keys and tokens, right and wrong
Private = ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey


def b64(data: bytes) -> str:
    """As RFC 7515 has it."""
    return urlsafe_b64encode(data).decode().rstrip("=")


def number(value: int, length: int | None = None) -> str:
    """A number of a JWK."""
    return b64(value.to_bytes(length or (value.bit_length() + 7) // 8))


def part(value: object) -> str:
    """A part of a token."""
    return b64(json.dumps(value).encode())


def ecdsa(key: ec.EllipticCurvePrivateKey, message: bytes) -> bytes:
    """R and S side by side."""
    r, s = decode_dss_signature(key.sign(message, ec.ECDSA(SHA256())))
    return r.to_bytes(32) + s.to_bytes(32)


@dataclass(frozen=True)
class Forge:
    """A key pair for one algorithm."""

    algorithm: str
    private: Private
    kid: str = "k1"

    @classmethod
    def of(cls, algorithm: str, kid: str = "k1") -> "Forge":
        """A new key."""
        private: Private
        match algorithm:
            case "ES256":
                private = ec.generate_private_key(ec.SECP256R1())
            case "EdDSA":
                private = ed25519.Ed25519PrivateKey.generate()
            case _:
                private = rsa.generate_private_key(65537, 2048)
        return cls(algorithm, private, kid)

    def jwk(self, **other: object) -> Loose:
        """The public key, with other members."""
        public = self.private.public_key()
        told: Loose
        if isinstance(public, ec.EllipticCurvePublicKey):
            at = public.public_numbers()
            told = {"kty": "EC", "crv": "P-256", "x": number(at.x, 32), "y": number(at.y, 32)}
        elif isinstance(public, rsa.RSAPublicKey):
            told = {"kty": "RSA", **rsa_members(public.public_numbers())}
        else:
            told = {"kty": "OKP", "crv": "Ed25519", "x": b64(public.public_bytes_raw())}
        return {**told, "kid": self.kid, "alg": self.algorithm, "use": "sig", **other}

    def keys(self, **other: object) -> Keys:
        """A set with this key only."""
        return Keys.parse({"keys": [self.jwk(**other)]})

    def signature(self, message: bytes) -> bytes:
        """A right one."""
        match self.private:
            case ec.EllipticCurvePrivateKey():
                return ecdsa(self.private, message)
            case rsa.RSAPrivateKey() if self.algorithm == "PS256":
                pss = padding.PSS(padding.MGF1(SHA256()), SHA256.digest_size)
                return self.private.sign(message, pss, SHA256())
            case rsa.RSAPrivateKey():
                return self.private.sign(message, padding.PKCS1v15(), SHA256())
            case _:
                return self.private.sign(message)

    def header(self, **other: object) -> Loose:
        """A right one, with other members."""
        return {"alg": self.algorithm, "kid": self.kid, "typ": "at+jwt", **other}

    def sign_parts(self, head: str, body: str) -> str:
        """A right signature of whatever it is."""
        return f"{head}.{body}.{b64(self.signature(f'{head}.{body}'.encode()))}"

    def token(self, header: object = None, claims: object = None) -> str:
        """A good one, or one with other parts."""
        return self.sign_parts(part(header or self.header()), part(claims or CLAIMS))


def rsa_members(numbers: rsa.RSAPublicNumbers) -> Loose:
    """Of a JWK."""
    return {"n": number(numbers.n), "e": number(numbers.e)}
