"""An authenticator in software: what a browser and a security key do, with ES256 and CBOR."""

import base64
import json
import secrets
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

import cbor2
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256

_PRESENT, _VERIFIED, _ATTESTED = 0x01, 0x04, 0x40


def encode(data: bytes) -> str:
    """Base64url without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def decode(text: str) -> bytes:
    """Of what `encode` gives."""
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


@dataclass
class Authenticator:
    """One credential. Its fields may be changed, to answer as one that is not what it should be."""

    origin: str = "https://app.example.com"
    party: str = "app.example.com"
    verified: bool = True
    present: bool = True
    count: int = 0
    counts: bool = True
    handle: str | None = None
    id: bytes = field(default_factory=lambda: secrets.token_bytes(32))
    key: ec.EllipticCurvePrivateKey = field(
        default_factory=lambda: ec.generate_private_key(ec.SECP256R1())
    )

    def create(self, options: str) -> str:
        """As `navigator.credentials.create()`, with attestation `none`."""
        told = json.loads(options)
        self.handle = told["user"]["id"]
        attested = b"\0" * 16 + len(self.id).to_bytes(2) + self.id + self._cose()
        data = self._data(_ATTESTED) + attested
        attestation = cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": data})
        client = self._client("webauthn.create", told["challenge"])
        return self._answer(
            {"clientDataJSON": encode(client), "attestationObject": encode(attestation)}
        )

    def get(self, options: str) -> str:
        """As `navigator.credentials.get()`."""
        told = json.loads(options)
        self.count += 1 if self.counts else 0
        data, client = self._data(0), self._client("webauthn.get", told["challenge"])
        signature = self.key.sign(data + sha256(client).digest(), ec.ECDSA(SHA256()))
        return self._answer(
            {
                "clientDataJSON": encode(client),
                "authenticatorData": encode(data),
                "signature": encode(signature),
                "userHandle": self.handle,
            }
        )

    def _answer(self, response: dict[str, Any]) -> str:
        id = encode(self.id)
        return json.dumps({"id": id, "rawId": id, "type": "public-key", "response": response})

    def _client(self, kind: str, challenge: str) -> bytes:
        told = {"type": kind, "challenge": challenge, "origin": self.origin, "crossOrigin": False}
        return json.dumps(told).encode()

    def _data(self, flags: int) -> bytes:
        flags |= (_PRESENT if self.present else 0) | (_VERIFIED if self.verified else 0)
        return sha256(self.party.encode()).digest() + bytes([flags]) + self.count.to_bytes(4)

    def _cose(self) -> bytes:
        numbers = self.key.public_key().public_numbers()
        # RFC 9053: EC2, ES256, P-256, x, y.
        return cbor2.dumps(
            {1: 2, 3: -7, -1: 1, -2: numbers.x.to_bytes(32), -3: numbers.y.to_bytes(32)}
        )
