"""Ways in which vendors sign with a secret that both sides know."""

import hashlib
import hmac
import re
from base64 import b64encode
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal
from urllib.parse import parse_qs, parse_qsl, urlsplit

from intertie.integrations.webhooks.delivery import (
    MOST_SIGNATURES,
    Delivery,
    check_time,
    equal,
    forged,
    matching,
)

_MOST_FIELDS = 1000
"""Of a form; reading many more would hold up everybody else."""
_MS = 1000
_PORTS = {"https": 443, "http": 80}


@dataclass(frozen=True, slots=True)
class HmacBody:
    """The body alone is signed: GitHub, Meta and many more.

    Nothing in it says when: only the ledger keeps it from being delivered twice.
    """

    header: str = "x-hub-signature-256"
    digest: Literal["sha256", "sha1"] = "sha256"
    encoding: Literal["hex", "base64"] = "hex"
    prefix: str = "sha256="

    def verify(self, delivery: Delivery, secrets: Sequence[str], tolerance_s: float) -> int:
        """Which secret signed it. Raises WebhookForgedError."""
        given = delivery.needed(self.header)

        def right(secret: str) -> str:
            made = hmac.digest(secret.encode(), delivery.body, self.digest)
            return self.prefix + (made.hex() if self.encoding == "hex" else _base64(made))

        return matching(secrets, [given], right)


@dataclass(frozen=True, slots=True)
class SlackV0:
    """`v0:time:body` (docs.slack.dev, "Verifying requests from Slack")."""

    def verify(self, delivery: Delivery, secrets: Sequence[str], tolerance_s: float) -> int:
        """Which secret signed it. Raises WebhookForgedError."""
        given = delivery.needed("x-slack-signature")
        stamp = delivery.needed("x-slack-request-timestamp")
        check_time(stamp, delivery, tolerance_s)
        signed = b"v0:%s:%s" % (stamp.encode(), delivery.body)
        return matching(secrets, [given], lambda secret: f"v0={_sha256(secret, signed).hex()}")


@dataclass(frozen=True, slots=True)
class StripeV1:
    """`t=…,v1=…`, one `v1` for each secret during a rotation (docs.stripe.com/webhooks)."""

    header: str = "stripe-signature"

    def verify(self, delivery: Delivery, secrets: Sequence[str], tolerance_s: float) -> int:
        """Which secret signed it. Raises WebhookForgedError."""
        parts = [each.partition("=") for each in delivery.needed(self.header).split(",")]
        stamps = [value for name, _, value in parts if name.strip() == "t"]
        if len(stamps) != 1:
            raise forged(f"{self.header} has {len(stamps)} times")
        check_time(stamps[0], delivery, tolerance_s)
        given = [value for name, _, value in parts if name.strip() == "v1"]
        signed = b"%s.%s" % (stamps[0].encode(), delivery.body)
        return matching(secrets, given, lambda secret: _sha256(secret, signed).hex())


@dataclass(frozen=True, slots=True)
class TwilioSha1:
    """The address and the form's fields in order (twilio.com/docs/usage/security).

    A body that is no form is known by its digest, `bodySHA256` in the address. Nothing says when,
    and the borders between names and values are not signed: this is the vendor's design.
    """

    def verify(self, delivery: Delivery, secrets: Sequence[str], tolerance_s: float) -> int:
        """Which secret signed it. Raises WebhookForgedError."""
        given = delivery.needed("x-twilio-signature")
        try:
            fields = _twilio_fields(delivery)
            urls = tuple(_with_and_without_port(delivery.url))
        except ValueError:
            raise forged("its address or form cannot be read") from None
        for url in urls:
            signed = f"{url}{fields}".encode("utf-8", "surrogatepass")
            for index, secret in enumerate(secrets):
                right = hmac.digest(secret.encode(), signed, "sha1") if secret.strip() else b""
                if right and equal(_base64(right), given):
                    return index
        raise forged("its signature is not that of an active secret")


def _twilio_fields(delivery: Delivery) -> str:
    told = parse_qs(urlsplit(delivery.url).query, max_num_fields=_MOST_FIELDS)
    digests = told.get("bodySHA256", [])
    if digests:
        if digests != [hashlib.sha256(delivery.body).hexdigest()]:
            raise forged("its body is not the one that bodySHA256 names")
        return ""
    pairs = set(form(delivery.body))
    return "".join(f"{name}{value}" for name, value in sorted(pairs))


def _with_and_without_port(url: str) -> Iterator[str]:
    """Twilio signs a port or leaves it out, by its kind of call: both are tried."""
    parts = urlsplit(url)
    port = parts.port
    host = parts.netloc.removesuffix(f":{port}") if port is not None else parts.netloc
    for netloc in (host, f"{host}:{port or _PORTS.get(parts.scheme, 443)}"):
        yield url.replace(f"//{parts.netloc}", f"//{netloc}", 1)


@dataclass(frozen=True, slots=True)
class HubSpotV3:
    """Method, address, body and time (developers.hubspot.com, "Validating requests").

    Versions 1 and 2 come along in other headers and are not looked at: they say nothing of when.
    """

    def verify(self, delivery: Delivery, secrets: Sequence[str], tolerance_s: float) -> int:
        """Which secret signed it. Raises WebhookForgedError."""
        given = delivery.needed("x-hubspot-signature-v3")
        stamp = delivery.needed("x-hubspot-request-timestamp")
        check_time(stamp, delivery, tolerance_s, per_s=_MS)
        url = _ESCAPED.sub(lambda found: chr(int(found[1], 16)), delivery.url)
        head = f"{delivery.method}{url}".encode("utf-8", "surrogatepass")
        signed = head + delivery.body + stamp.encode()
        return matching(secrets, [given], lambda secret: _base64(_sha256(secret, signed)))


_ESCAPED = re.compile("%(3A|2F|3F|40|21|24|27|28|29|2A|2C|3B)", re.IGNORECASE)
"""What HubSpot signs in clear; all other escapes stay as they are."""


@dataclass(frozen=True, slots=True)
class BraintreeSha1:
    """A form of `bt_signature` (`public key|digest`, joined by `&`) and `bt_payload`.

    The key is the SHA-1 of the private key; nothing says when. Which public key a digest is said to
    be of does not matter: the private key alone makes it.
    """

    def verify(self, delivery: Delivery, secrets: Sequence[str], tolerance_s: float) -> int:
        """Which secret signed it. Raises WebhookForgedError."""
        try:
            pairs = form(delivery.body)
        except ValueError:
            raise forged("its form cannot be read") from None
        signature, payload = (_only(pairs, name) for name in ("bt_signature", "bt_payload"))
        if not _BRAINTREE.fullmatch(payload):
            raise forged("bt_payload is no base64")
        given = [each.partition("|")[2] for each in signature.split("&") if "|" in each]
        # As in the vendor's own libraries: a line end may be lost on the way.
        texts = (payload, f"{payload}\n")
        for index, secret in enumerate(secrets):
            rights = [braintree(secret, text) for text in texts] if secret.strip() else []
            if any(equal(right, each) for right in rights for each in given[:MOST_SIGNATURES]):
                return index
        raise forged("its signature is not that of an active secret")


_BRAINTREE = re.compile(r"[A-Za-z0-9+=/\n]+")


def braintree(private_key: str, text: str) -> str:
    """Braintree's digest of a text."""
    key = hashlib.sha1(private_key.encode(), usedforsecurity=False).digest()
    return hmac.digest(key, text.encode(), "sha1").hex()


def form(body: bytes) -> list[tuple[str, str]]:
    """The fields of a form, in order. Raises ValueError."""
    text = body.decode("ascii")
    return parse_qsl(text, keep_blank_values=True, max_num_fields=_MOST_FIELDS, errors="strict")


def _only(pairs: Sequence[tuple[str, str]], name: str) -> str:
    found = [value for key, value in pairs if key == name]
    if len(found) != 1:
        raise forged(f"{name} is there {len(found)} times")
    return found[0]


def _sha256(secret: str, signed: bytes) -> bytes:
    return hmac.digest(secret.encode(), signed, "sha256")


def _base64(raw: bytes) -> str:
    return b64encode(raw).decode()
