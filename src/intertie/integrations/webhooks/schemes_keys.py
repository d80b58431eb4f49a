"""Ways in which vendors sign with a key that only they have; and the standard, which has both."""

import hmac
import json
import re
from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

from intertie.integrations.webhooks.delivery import (
    MOST_SIGNATURES,
    Delivery,
    check_time,
    equal,
    forged,
)

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.x509 import Certificate

_PUBLIC = "whpk_"


@dataclass(frozen=True, slots=True)
class StandardWebhooks:
    """`id.time.body` (standardwebhooks.com); a `whsec_` secret is shared, a `whpk_` key is public.

    During a rotation there are several signatures, with spaces between.
    """

    prefix: str = "webhook"
    """Of the three headers; `svix` for those of Svix."""

    def verify(self, delivery: Delivery, secrets: Sequence[str], tolerance_s: float) -> int:
        """Which secret signed it. Raises WebhookForgedError."""
        id = delivery.needed(f"{self.prefix}-id")
        stamp = delivery.needed(f"{self.prefix}-timestamp")
        given = delivery.needed(f"{self.prefix}-signature").split(" ")
        if "." in id:
            # It could have a part of the signed text that belongs to the time or the body.
            raise forged("its id has a dot")
        if len(given) > MOST_SIGNATURES:
            raise forged(f"it has {len(given)} signatures")
        check_time(stamp, delivery, tolerance_s)
        signed = f"{id}.{stamp}.".encode("utf-8", "replace") + delivery.body
        for index, secret in enumerate(secrets):
            if _standard(secret, signed, given):
                return index
        raise forged("its signature is not that of an active secret")


def _standard(secret: str, signed: bytes, given: Sequence[str]) -> bool:
    try:
        # A public key is no secret: it must never serve as one.
        if secret.startswith(_PUBLIC):
            public = b64decode(secret.removeprefix(_PUBLIC), validate=True)
            told = [each.removeprefix("v1a,") for each in given if each.startswith("v1a,")]
            return any(is_signed(public, b64decode(each, validate=True), signed) for each in told)
        key = b64decode(secret.removeprefix("whsec_"), validate=True)
    except ValueError:
        return False
    right = f"v1,{b64encode(hmac.digest(key, signed, 'sha256')).decode()}"
    return bool(key) and any(equal(right, each) for each in given)


@dataclass(frozen=True, slots=True)
class DiscordEd25519:
    """Time and body (discord.com/developers, "Validating security request headers").

    What we hold is the application's public key, in hex.
    """

    def verify(self, delivery: Delivery, secrets: Sequence[str], tolerance_s: float) -> int:
        """Which key signed it. Raises WebhookForgedError."""
        given = delivery.needed("x-signature-ed25519")
        stamp = delivery.needed("x-signature-timestamp")
        check_time(stamp, delivery, tolerance_s)
        signed = stamp.encode() + delivery.body
        for index, key in enumerate(secrets):
            try:
                if is_signed(bytes.fromhex(key), bytes.fromhex(given), signed):
                    return index
            except ValueError:
                continue
        raise forged("its signature is not that of an active key")


def is_signed(public: bytes, signature: bytes, signed: bytes) -> bool:
    """Whether it is an Ed25519 signature of the key. Raises ValueError for what is no key."""
    from cryptography.exceptions import InvalidSignature

    try:
        _public_key(public).verify(signature, signed)
    except InvalidSignature:
        return False
    return True


@lru_cache(maxsize=256)
def _public_key(raw: bytes) -> "Ed25519PublicKey":
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    return Ed25519PublicKey.from_public_bytes(raw)


_SNS_HOST = re.compile(r"sns\.[a-z0-9-]{3,}\.amazonaws\.com(\.cn)?")
_SNS_FILE = re.compile(r"/SimpleNotificationService-[A-Za-z0-9]{1,64}\.pem")
_NOTICE = ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type")
_HANDSHAKE = ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type")
_SIGNED = {
    "Notification": _NOTICE,
    "SubscriptionConfirmation": _HANDSHAKE,
    "UnsubscribeConfirmation": _HANDSHAKE,
}
_MAY_MISS = "Subject"


@dataclass(frozen=True, slots=True)
class Sns:
    """RSA over some fields (docs.aws.amazon.com/sns, "Verifying the signatures").

    Anybody may have Amazon sign a message of a topic of his own: what we hold are the names of the
    topics that are ours. The time is that of the first try, which Amazon repeats for an hour.
    """

    def claim(self, delivery: Delivery, topics: Sequence[str], tolerance_s: float) -> "SnsClaim":
        """What it says, before its signature is looked at. Raises WebhookForgedError."""
        told = _parsed(delivery.body)
        fields = {name: told.get(name) for name in _SIGNED.get(str(told.get("Type")), ())}
        if fields.get(_MAY_MISS, "") is None:
            del fields[_MAY_MISS]
        texts = {name: value for name, value in fields.items() if isinstance(value, str)}
        if not texts or len(texts) < len(fields):
            raise forged("it lacks a field that has to be signed")
        ours = [i for i, each in enumerate(topics) if each and equal(each, texts["TopicArn"])]
        if not ours:
            raise forged("its topic is none of ours")
        _check_iso(texts["Timestamp"], delivery, tolerance_s)
        url = told.get("SigningCertURL")
        if not isinstance(url, str) or not is_amazon(url) or not _SNS_FILE.fullmatch(_path(url)):
            raise forged("its certificate is at no address of Amazon SNS")
        version, signature = told.get("SignatureVersion"), told.get("Signature")
        if version not in {"1", "2"} or not isinstance(signature, str):
            raise forged("its signature is of no known version")
        return SnsClaim(texts, ours[0], url, str(version), signature)


@dataclass(frozen=True, slots=True)
class SnsClaim:
    """What a message says, to be checked with the certificate that it names."""

    fields: Mapping[str, str]
    """Those that are signed."""
    index: int
    """Of its topic."""
    certificate_url: str
    version: str
    signature: str

    def check(self, certificate: "Certificate", now: datetime) -> None:
        """Raise WebhookForgedError unless the certificate is good now and signed it."""
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric import padding, rsa
        from cryptography.hazmat.primitives.hashes import SHA1, SHA256

        key = certificate.public_key()
        if not isinstance(key, rsa.RSAPublicKey):
            raise forged("its certificate is not of RSA")
        if not certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc:
            raise forged("its certificate is not good now")
        signed = "".join(f"{name}\n{self.fields[name]}\n" for name in sorted(self.fields))
        digest = SHA256() if self.version == "2" else SHA1()  # noqa: S303 - version 1 is SHA-1
        try:
            raw = b64decode(self.signature, validate=True)
            key.verify(raw, signed.encode("utf-8", "surrogatepass"), padding.PKCS1v15(), digest)
        except (InvalidSignature, ValueError):
            raise forged("its signature is not that of its certificate") from None


def is_amazon(url: str) -> bool:
    """Whether it is an address of Amazon SNS itself, over TLS and without anything odd."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return False
    return parts.scheme == "https" and parts.netloc == host and bool(_SNS_HOST.fullmatch(host))


def confirmation(fields: Mapping[str, str]) -> str:
    """The address that a handshake asks us to call. Raises WebhookForgedError."""
    url = fields.get("SubscribeURL", "")
    told = parse_qs(urlsplit(url).query) if is_amazon(url) else {}
    wanted = {"Action": ["ConfirmSubscription"], "TopicArn": [fields.get("TopicArn", "")]}
    if any(told.get(name) != value for name, value in wanted.items()):
        raise forged("it asks for something else than to confirm its subscription")
    return url


def _path(url: str) -> str:
    parts = urlsplit(url)
    return parts.path if not (parts.query or parts.fragment) else ""


def _parsed(body: bytes) -> dict[str, Any]:
    try:
        told = json.loads(body)
    except (ValueError, RecursionError):
        raise forged("its body is no JSON") from None
    if not isinstance(told, dict):
        raise forged("its body is no JSON object")
    return told


def _check_iso(text: str, delivery: Delivery, tolerance_s: float) -> None:
    try:
        off = delivery.received_at - datetime.fromisoformat(text)
    except (ValueError, TypeError):
        raise forged("its time is none") from None
    if abs(off.total_seconds()) > tolerance_s:
        raise forged(f"it is {off.total_seconds():.0f} s old")
