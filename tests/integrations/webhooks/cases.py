"""Deliveries of every scheme, signed here by the vendors' own descriptions and not by our code."""

import hashlib
import hmac
import json
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any
from urllib.parse import parse_qsl, urlencode

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import MD5, SHA1, SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID

from intertie.integrations.webhooks import (
    GITHUB,
    STANDARD,
    SVIX,
    At,
    BraintreeChallenge,
    BraintreeSha1,
    Delivery,
    DiscordEd25519,
    DiscordPing,
    HubSpotV3,
    SlackV0,
    Sns,
    StripeV1,
    SubscriptionConfirmation,
    TwilioSha1,
    UrlVerification,
    Webhook,
)

NOW = datetime(2027, 1, 15, 8, 0, tzinfo=UTC)
"""What `Stage`'s clock shows too."""
URL = "https://hooks.example/acme/main?a=1"
TOPIC = "arn:aws:sns:us-east-1:123456789012:orders"
CERTIFICATE_URL = (
    "https://sns.us-east-1.amazonaws.com/"
    "SimpleNotificationService-01d088a6f77103d0fe307c0069e40ed6.pem"
)
EVENT = {"id": "evt_1", "type": "thing.done", "note": "ä ☃", "amount": 12}
RAW = json.dumps(EVENT).encode()
Signs = Callable[[str, datetime, str], Delivery]
"""Secret as its vendor holds it, time, and the digest: `right`, or `wrong` for another one."""


@dataclass(frozen=True)
class Case:
    """One scheme, as one vendor uses it."""

    name: str
    webhook: Webhook
    sign: Signs
    secret: str
    """What we hold."""
    theirs: str
    """What the vendor holds; the same, but for schemes with two keys."""
    other_secret: str
    """Of another tenant."""
    signature: str
    """Where it is: a header, or `form:NAME` or `json:NAME`."""
    is_timed: bool = True
    signs_bytes: bool = True
    """Not only what they mean."""

    def made(self, at: datetime = NOW, digest: str = "right") -> Delivery:
        """A good delivery, unless `digest` is wrong."""
        return self.sign(self.theirs, at, digest)


def believed(
    case: Case, delivery: Delivery, *, secrets: Sequence[str] | None = None, within_s: float = 0
) -> int:
    """Which secret signed it; raises what the scheme raises."""
    held = (case.secret,) if secrets is None else secrets
    scheme = case.webhook.scheme
    tolerance_s = within_s or case.webhook.tolerance_s
    if not isinstance(scheme, Sns):
        return scheme.verify(delivery, held, tolerance_s)
    claim = scheme.claim(delivery, held, tolerance_s)
    claim.check(certificate(), delivery.received_at)
    return claim.index


def post(body: bytes, headers: Mapping[str, str], url: str = URL) -> Delivery:
    """As it comes in now."""
    return Delivery("POST", url, {name: [value] for name, value in headers.items()}, body, NOW)


def signature_of(case: Case, delivery: Delivery) -> str:
    """The text of its signature."""
    place, _, name = case.signature.rpartition(":")
    if place == "form":
        return dict(parse_qsl(delivery.body.decode()))[name]
    return str(json.loads(delivery.body)[name]) if place else delivery.headers[name][0]


def with_signature(case: Case, delivery: Delivery, text: str) -> Delivery:
    """The same with another one."""
    place, _, name = case.signature.rpartition(":")
    if place == "form":
        told = {**dict(parse_qsl(delivery.body.decode())), name: text}
        return replace(delivery, body=urlencode(told, errors="surrogateescape").encode())
    if place == "json":
        body = json.dumps({**json.loads(delivery.body), name: text}).encode()
        return replace(delivery, body=body)
    return replace(delivery, headers={**delivery.headers, name: [text]})


def twice(case: Case, delivery: Delivery) -> Delivery:
    """The same with its signature there two times."""
    place, _, name = case.signature.rpartition(":")
    text = signature_of(case, delivery)
    if place == "form":
        return replace(delivery, body=delivery.body + b"&" + urlencode({name: text}).encode())
    return replace(delivery, headers={**delivery.headers, name: [text, text]})


def other(case: Case, text: str) -> str:
    """A signature that is well made, and is not this one: its last full letter differs."""
    at = len(text.rstrip("=")) - 2
    return f"{text[:at]}{'0' if text[at] != '0' else '1'}{text[at + 1 :]}"


def reencoded(delivery: Delivery) -> Delivery:
    """The same meaning in other bytes."""
    if delivery.body.startswith(b"{"):
        told = json.loads(delivery.body)
        return replace(delivery, body=json.dumps(told, indent=1).encode())
    pairs = dict(parse_qsl(delivery.body.decode(), keep_blank_values=True))
    if "bt_payload" in pairs:
        pairs["bt_payload"] = b64encode(b" " + b64decode(pairs["bt_payload"])).decode()
    return replace(delivery, body=urlencode(list(reversed(pairs.items()))).encode())


def _digest(digest: str, right: str, wrong: str) -> str:
    return right if digest == "right" else wrong


def _b64(raw: bytes) -> str:
    return b64encode(raw).decode()


def _github(secret: str, at: datetime, digest: str) -> Delivery:
    name = _digest(digest, "sha256", "sha1")
    made = hmac.new(secret.encode(), RAW, name).hexdigest()
    headers = {"x-hub-signature-256": f"sha256={made}", "x-github-event": "push"}
    return post(RAW, {**headers, "x-github-delivery": "72d3162e"})


def _slack(secret: str, at: datetime, digest: str) -> Delivery:
    body = json.dumps({"type": "event_callback", "event_id": "Ev1", "event": {"type": "message"}})
    stamp = int(at.timestamp())
    name = _digest(digest, "sha256", "sha1")
    made = hmac.new(secret.encode(), f"v0:{stamp}:{body}".encode(), name).hexdigest()
    headers = {"x-slack-signature": f"v0={made}", "x-slack-request-timestamp": str(stamp)}
    return post(body.encode(), headers)


def _stripe(secret: str, at: datetime, digest: str) -> Delivery:
    stamp = int(at.timestamp())
    name = _digest(digest, "sha256", "sha512")
    made = hmac.new(secret.encode(), str(stamp).encode() + b"." + RAW, name).hexdigest()
    return post(RAW, {"stripe-signature": f"t={stamp},v1={made}"})


def _standard(prefix: str) -> Signs:
    def sign(secret: str, at: datetime, digest: str) -> Delivery:
        stamp = int(at.timestamp())
        key = b64decode(secret.removeprefix("whsec_"))
        signed = f"msg_1.{stamp}.".encode() + RAW
        name = _digest(digest, "sha256", "sha512")
        made = f"v1,{_b64(hmac.new(key, signed, name).digest())}"
        headers = {"id": "msg_1", "timestamp": str(stamp), "signature": made}
        return post(RAW, {f"{prefix}-{name}": value for name, value in headers.items()})

    return sign


def _standard_public(secret: str, at: datetime, digest: str) -> Delivery:
    """The wrong digest is the public key used as if it were a secret."""
    stamp = int(at.timestamp())
    private = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(secret))
    signed = f"msg_1.{stamp}.".encode() + RAW
    public = private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    right = f"v1a,{_b64(private.sign(signed))}"
    wrong = f"v1,{_b64(hmac.new(public, signed, 'sha256').digest())}"
    made = _digest(digest, right, wrong)
    headers = {"webhook-id": "msg_1", "webhook-timestamp": str(stamp), "webhook-signature": made}
    return post(RAW, headers)


def _discord(secret: str, at: datetime, digest: str) -> Delivery:
    stamp = str(int(at.timestamp()))
    private = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(secret))
    public = private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    signed = stamp.encode() + RAW
    wrong = hmac.new(public, signed, "sha512").digest()
    made = private.sign(signed) if digest == "right" else wrong
    return post(RAW, {"x-signature-ed25519": made.hex(), "x-signature-timestamp": stamp})


def _hubspot(secret: str, at: datetime, digest: str) -> Delivery:
    body = json.dumps([{"eventId": 7, "subscriptionType": "contact.creation", "objectId": 1}])
    stamp = str(round(at.timestamp() * 1000))
    name = _digest(digest, "sha256", "sha1")
    made = hmac.new(secret.encode(), f"POST{URL}{body}{stamp}".encode(), name).digest()
    headers = {"x-hubspot-signature-v3": _b64(made), "x-hubspot-request-timestamp": stamp}
    return post(body.encode(), headers)


def _twilio_form(secret: str, at: datetime, digest: str) -> Delivery:
    fields = {"To": "+18005551212", "Body": "a b&c=ä", "MessageSid": "SM1", "Empty": ""}
    name = _digest(digest, "sha1", "sha256")
    signed = URL + "".join(f"{key}{fields[key]}" for key in sorted(fields))
    made = _b64(hmac.new(secret.encode(), signed.encode(), name).digest())
    return post(urlencode(fields).encode(), {"x-twilio-signature": made})


def _twilio_json(secret: str, at: datetime, digest: str) -> Delivery:
    url = f"{URL}&bodySHA256={hashlib.sha256(RAW).hexdigest()}"
    name = _digest(digest, "sha1", "sha256")
    made = _b64(hmac.new(secret.encode(), url.encode(), name).digest())
    return post(RAW, {"x-twilio-signature": made}, url)


def _braintree(secret: str, at: datetime, digest: str) -> Delivery:
    xml = (
        "<notification><kind>subscription_canceled</kind>"
        "<timestamp type='datetime'>2027-01-15T08:00:00Z</timestamp>"
        "<subject><subscription><id>s1</id></subscription></subject></notification>"
    )
    payload = _b64(xml.encode())
    name = _digest(digest, "sha1", "sha256")
    key = hashlib.new(name, secret.encode()).digest()
    made = hmac.new(key, payload.encode(), name).hexdigest()
    told = {"bt_signature": f"another|00&public|{made}", "bt_payload": payload}
    return post(urlencode(told).encode(), {"content-type": "application/x-www-form-urlencoded"})


@cache
def _key(which: str) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@cache
def certificate(which: str = "sns") -> x509.Certificate:
    """Good from the day before NOW for thirty days."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"{which}.amazonaws.com")])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).serial_number(1)
    builder = builder.public_key(_key(which).public_key())
    builder = builder.not_valid_before(NOW - timedelta(days=1))
    return builder.not_valid_after(NOW + timedelta(days=30)).sign(_key(which), SHA256())


def pem(which: str = "sns") -> bytes:
    """The same, as Amazon gives it out."""
    return certificate(which).public_bytes(Encoding.PEM)


def sns(
    topic: str, at: datetime, digest: str = "right", *, version: str = "2", **more: Any
) -> Delivery:
    """A message of a topic; `more` are further fields, or others."""
    told = {
        "Type": "Notification",
        "MessageId": "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324",
        "TopicArn": topic,
        "Message": "line one\nline two ä",
        "Timestamp": at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        **more,
    }
    names = ["Message", "MessageId", "Subject", "SubscribeURL", "Timestamp", "Token", "TopicArn"]
    signed = "".join(f"{name}\n{told[name]}\n" for name in [*names, "Type"] if name in told)
    digests = {"1": SHA1(), "2": SHA256()}  # noqa: S303 - version 1 is SHA-1
    chosen = digests[version] if digest == "right" else MD5()  # noqa: S303 - the wrong one
    made = _key("sns").sign(signed.encode(), padding.PKCS1v15(), chosen)
    told |= {"SignatureVersion": version, "Signature": _b64(made)}
    told |= {"SigningCertURL": CERTIFICATE_URL, "UnsubscribeURL": "https://example.com/unsigned"}
    return post(json.dumps(told).encode(), {"x-amz-sns-message-type": "Notification"})


def _sns(version: str) -> Signs:
    return lambda secret, at, digest: sns(secret, at, digest, version=version)


def _public(private: str) -> bytes:
    made = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(private)).public_key()
    return made.public_bytes(Encoding.Raw, PublicFormat.Raw)


_WHSEC = f"whsec_{_b64(b'a secret of 24 bytes....')}"
_OTHER_WHSEC = f"whsec_{_b64(b'of another tenant.......')}"
_SEED, _OTHER_SEED = "11" * 32, "22" * 32
STRIPE = Webhook(StripeV1(), id=(At("id"),), type=(At("type"),))
SLACK = Webhook(
    SlackV0(),
    body="json or form",
    id=(At("event_id"),),
    type=(At("event.type"), At("command"), At("type")),
    challenge=UrlVerification(),
)
TWILIO = Webhook(TwilioSha1(), body="json or form", type=(At("EventType"),))
HUBSPOT = Webhook(
    HubSpotV3(),
    is_batch=True,
    id=(At("eventId"), At("subscriptionType"), At("objectId")),
    type=(At("subscriptionType"),),
)
BRAINTREE = Webhook(
    BraintreeSha1(), body="braintree", type=(At("kind"),), challenge=BraintreeChallenge()
)
SNS = Webhook(
    Sns(),
    id=(At("MessageId"),),
    type=(At("Type"),),
    challenge=SubscriptionConfirmation(),
    tolerance_s=3600,
)
DISCORD = Webhook(DiscordEd25519(), id=(At("id"),), type=(At("type"),), challenge=DiscordPing())


def _shared(name: str, webhook: Webhook, sign: Signs, signature: str, **said: bool) -> Case:
    return Case(name, webhook, sign, "s3cret", "s3cret", "another", signature, **said)


CASES = [
    _shared("github", GITHUB, _github, "x-hub-signature-256", is_timed=False),
    _shared("slack", SLACK, _slack, "x-slack-signature"),
    _shared("stripe", STRIPE, _stripe, "stripe-signature"),
    _shared("hubspot", HUBSPOT, _hubspot, "x-hubspot-signature-v3"),
    _shared(
        "twilio form",
        TWILIO,
        _twilio_form,
        "x-twilio-signature",
        is_timed=False,
        signs_bytes=False,
    ),
    _shared("twilio json", TWILIO, _twilio_json, "x-twilio-signature", is_timed=False),
    _shared("braintree", BRAINTREE, _braintree, "form:bt_signature", is_timed=False),
    Case(
        "standard",
        STANDARD,
        _standard("webhook"),
        _WHSEC,
        _WHSEC,
        _OTHER_WHSEC,
        "webhook-signature",
    ),
    Case("svix", SVIX, _standard("svix"), _WHSEC, _WHSEC, _OTHER_WHSEC, "svix-signature"),
    Case(
        "standard with a public key",
        STANDARD,
        _standard_public,
        f"whpk_{_b64(_public(_SEED))}",
        _SEED,
        f"whpk_{_b64(_public(_OTHER_SEED))}",
        "webhook-signature",
    ),
    Case(
        "discord",
        DISCORD,
        _discord,
        _public(_SEED).hex(),
        _SEED,
        _public(_OTHER_SEED).hex(),
        "x-signature-ed25519",
    ),
    *(
        Case(
            f"sns {version}",
            SNS,
            _sns(version),
            TOPIC,
            TOPIC,
            f"{TOPIC}-of-others",
            "json:Signature",
            signs_bytes=False,
        )
        for version in ("1", "2")
    ),
]
REPEATABLE = [case for case in CASES if not case.signature.startswith("json")]
"""Those whose signature can be there twice."""
