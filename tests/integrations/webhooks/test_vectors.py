"""Signatures that vendors publish, typed in from the places named."""

from base64 import b64decode, b64encode
from datetime import UTC, datetime
from urllib.parse import urlencode

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from intertie.integrations.webhooks import (
    Delivery,
    HmacBody,
    HubSpotV3,
    SlackV0,
    StandardWebhooks,
    StripeV1,
    TwilioSha1,
)
from intertie.integrations.webhooks.schemes_hmac import braintree
from intertie.integrations.webhooks.schemes_keys import is_signed


def came(body: bytes, at_s: float, url: str = "https://hooks.example/", **headers: str) -> Delivery:
    """`_` in names of headers for `-`."""
    named = {name.replace("_", "-"): [value] for name, value in headers.items()}
    return Delivery("POST", url, named, body, datetime.fromtimestamp(at_s, UTC))


GITHUB = [
    # docs.github.com, "Validating webhook deliveries", "Testing the webhook payload validation".
    (
        "It's a Secret to Everybody",
        "Hello, World!",
        "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17",
    ),
    # octokit/webhooks-methods.js, test/verify.test.ts: indented JSON, letters and escapes.
    (
        "mysecret",
        '{\n  "foo": "bar"\n}\n',
        "e3eccac34c43c7dc1cbb905488b1b81347fcc700a7b025697a9d07862256023f",
    ),
    (
        "development",
        '{\n  "foo": "Foo\\n\\u001B[34mbar: ♥♥♥♥♥♥♥♥\\nthis-is-lost\\u001B[0m\\u001B[2K"\n}\n',
        "9dacf9003316b09be07df56d86a2d0d6872e42a1e6c72c3bad9ff915a7c5603e",
    ),
    (
        "development",
        '{\n  "foo": "\\\\u001b"\n}\n',
        "87316067e2011fae39998b18c46a14d83b3e7c3ffdd88fb2ee5afb7d11288e60",
    ),
]


@pytest.mark.parametrize(("secret", "body", "digest"), GITHUB)
def test_github(secret: str, body: str, digest: str) -> None:
    """The documentation's example, and those of GitHub's own library."""
    delivery = came(body.encode(), 0, x_hub_signature_256=f"sha256={digest}")

    assert HmacBody().verify(delivery, [secret], 300) == 0


def test_slack() -> None:
    """docs.slack.dev, "Verifying requests from Slack"; also in slackapi/python-slack-sdk."""
    body = (
        "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow"
        "&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner"
        "&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands"
        "%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN"
        "&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c"
    )
    signature = "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503"
    delivery = came(
        body.encode(),
        1531420618,
        x_slack_request_timestamp="1531420618",
        x_slack_signature=signature,
    )

    assert SlackV0().verify(delivery, ["8f742231b10e8888abcd99yyyzzz85a5"], 300) == 0


STANDARD_BODY = b'{"test": 2432232314}'
STANDARD_ID = "msg_p5jXN8AQM9LWM0D4loKWxJek"
# standard-webhooks/standard-webhooks, libraries/javascript/src/webhook.test.ts; svix/svix-webhooks,
# python/tests/test_webhooks.py; both "sign function".
STANDARD_V1 = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
# The same repository, libraries/go/webhook_asymmetric_test.go, with the private key made public.
STANDARD_V1A = (
    "v1a,tQ9V2XOqn7jL/DQenEFpqIugdBVtiMmER5mhSkXBNwM0mkATuDe6KYYUuxqtaiHeYGb7KaaBRdM5WqyeFiL8Ag=="
)
STANDARD_SEED = "VEVTVFNJR05JTkdLRVlET05PVFVTRVRISVNGT1JBTlk="
NOISE = "v1,Ceo5qEr07ixe2NLpvHk3FH9bwy/WavXrAFQ/9tdO6mc="


@pytest.mark.parametrize("prefix", ["webhook", "svix"])
@pytest.mark.parametrize(
    "secret", ["MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"]
)
@pytest.mark.parametrize("given", [STANDARD_V1, f"{NOISE} v2,AAAA {STANDARD_V1} {NOISE}"])
def test_standard_webhooks(prefix: str, secret: str, given: str) -> None:
    """The libraries' fixed string: with the secret's prefix and without, alone and among others."""
    told = {"id": STANDARD_ID, "timestamp": "1614265330", "signature": given}
    headers = {f"{prefix}_{name}": value for name, value in told.items()}
    delivery = came(STANDARD_BODY, 1614265330, **headers)

    assert StandardWebhooks(prefix).verify(delivery, [secret], 300) == 0


def test_standard_webhooks_with_a_public_key() -> None:
    """The Go library's fixed string of Ed25519."""
    private = Ed25519PrivateKey.from_private_bytes(b64decode(STANDARD_SEED))
    public = private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    delivery = came(
        STANDARD_BODY,
        1614265330,
        webhook_id=STANDARD_ID,
        webhook_timestamp="1614265330",
        webhook_signature=f"{STANDARD_V1} {STANDARD_V1A}",
    )

    secrets = [f"whpk_{b64encode(public).decode()}"]
    assert StandardWebhooks().verify(delivery, secrets, 300) == 0


def test_stripe() -> None:
    """async-stripe (Rust), test_webhook_construct_event: Stripe itself publishes no fixed string.

    The `v0` of test mode comes along and counts for nothing.
    """
    invoice = (
        '"id": "ii_123",\n      "object": "invoiceitem",\n      "amount": 1000,\n'
        '      "currency": "usd",\n      "customer": "cus_123",\n      "date": 1533204620,\n'
        '      "description": "Test Invoice Item",\n      "discountable": false,\n'
        '      "invoice": "in_123",\n      "livemode": false,\n      "metadata": {},\n'
        '      "period": {\n        "start": 1533204620,\n        "end": 1533204620\n      },\n'
        '      "plan": null,\n      "proration": false,\n      "quantity": null,\n'
        '      "subscription": null'
    )
    body = (
        '{\n  "id": "evt_123",\n  "object": "event",\n  "account": "acct_123",\n'
        '  "api_version": "2017-05-25",\n  "created": 1533204620,\n  "data": {\n    "object": {\n'
        f"      {invoice}\n    }}\n  }},\n"
        '  "livemode": false,\n  "pending_webhooks": 1,\n  "request": {\n    "id": "req_123",\n'
        '    "idempotency_key": "idempotency-key-123"\n  },\n  "type": "invoiceitem.created"\n}\n'
    )
    signature = (
        "t=1533204620,"
        "v1=f0bdba6d4eacbd8ad8a3bbadd7248e633ec1477f7899c124c51b39405fa36613,"
        "v0=63f3a72374a733066c4be69ed7f8e5ac85c22c9f0a6a612ab9a025a9e4ee7eef"
    )
    delivery = came(body.encode(), 1533204620, stripe_signature=signature)

    assert StripeV1().verify(delivery, ["webhook_secret"], 300) == 0


# twilio/twilio-python, tests/unit/test_request_validator.py.
TWILIO_URL = "https://mycompany.com/myapp.php?foo=1&bar=2"
CALL = [
    ("CallSid", "CA1234567890ABCDE"),
    ("Digits", "1234"),
    ("From", "+14158675309"),
    ("To", "+18005551212"),
    ("Caller", "+14158675309"),
]
DOUBLE = [("Sid", "CA123"), ("SidAccount", "AC123"), ("Digits", "5678"), ("Digits", "1234")]
TWILIO = [
    ("plain", TWILIO_URL, CALL, "RSOYDt4T1cUTdK1PDd93/VVr8B8="),
    (
        "port is left out",
        TWILIO_URL.replace(".com", ".com:1234"),
        CALL,
        "RSOYDt4T1cUTdK1PDd93/VVr8B8=",
    ),
    (
        "port is signed",
        TWILIO_URL.replace("https", "http").replace(".com", ".com:1234"),
        CALL,
        "Zmvh+3yNM1Phv2jhDCwEM3q5ebU=",
    ),
    ("port 443 is signed", TWILIO_URL, CALL, "kvajT1Ptam85bY51eRf/AJRuM3w="),
    (
        "port 80 is signed",
        TWILIO_URL.replace("https", "http"),
        CALL,
        "0ZXoZLH/DfblKGATFgpif+LLRf4=",
    ),
    ("a name twice", TWILIO_URL, DOUBLE, "IK+Dwps556ElfBT0I3Rgjkr1wJU="),
]


@pytest.mark.parametrize(
    ("url", "fields", "signature"),
    [each[1:] for each in TWILIO],
    ids=[each[0] for each in TWILIO],
)
def test_twilio(url: str, fields: list[tuple[str, str]], signature: str) -> None:
    """Forms, with and without a port, and a name that is there twice."""
    delivery = came(urlencode(fields).encode(), 0, url, x_twilio_signature=signature)

    assert TwilioSha1().verify(delivery, ["12345"], 300) == 0


def test_twilio_with_json() -> None:
    """The same file: the body is known by its digest."""
    digest = "0a1ff7634d9ab3b95db5c9a2dfe9416e41502b283a80c7cf19632632f96e6620"
    body = b'{"property": "value", "boolean": true}'
    url = f"{TWILIO_URL}&bodySHA256={digest}"
    delivery = came(body, 0, url, x_twilio_signature="a9nBmqA0ju/hNViExpshrM61xv4=")

    assert TwilioSha1().verify(delivery, ["12345"], 300) == 0


def test_hubspot() -> None:
    """HubSpot/hubspot-api-python, tests/spec/utils/test_signature.py, version 3."""
    delivery = came(
        b"{'example_field':'example_value'}",
        15_000,
        "https://www.example.com/webhook_uri",
        x_hubspot_signature_v3="HPW73RUtKmcYoEDADG0s6MmGFWUzWJKAW07r8RDgcQw=",
        x_hubspot_request_timestamp="15000000",
    )

    assert HubSpotV3().verify(delivery, ["yyyyyyyy-yyyy-yyyy-yyyy-yyyyyyyyyyyy"], 300) == 0


def test_braintree() -> None:
    """braintree/braintree_python, test_verify_returns_a_correct_challenge_response."""
    digest = braintree("integration_private_key", "20f9f8ed05f77439fe955c977e4c8a53")

    assert digest == "d9b899556c966b3f06945ec21311865d35df3ce4"


def test_ed25519() -> None:
    """RFC 8032, 7.1, test 2: the primitive under Discord's scheme and `v1a`."""
    key = "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c"
    signature = (
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
        "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
    )

    assert is_signed(bytes.fromhex(key), bytes.fromhex(signature), b"\x72")
    assert not is_signed(bytes.fromhex(key), bytes.fromhex(signature), b"\x73")
