"""What is peculiar to each vendor that signs with a secret."""

import hashlib
import hmac
from base64 import b64encode
from dataclasses import replace
from urllib.parse import urlencode

import pytest

from intertie.integrations.errors import WebhookForgedError
from intertie.integrations.webhooks import HmacBody, HubSpotV3, TwilioSha1
from tests.integrations.webhooks.cases import CASES, NOW, RAW, URL, Case, believed, post

BY_NAME = {case.name: case for case in CASES}


def signed_by_twilio(signed: str, body: bytes, url: str = URL) -> Case:
    """A case of Twilio's whose signed text is given."""
    made = b64encode(hmac.new(b"s3cret", signed.encode(), "sha1").digest()).decode()
    delivery = post(body, {"x-twilio-signature": made}, url)
    return replace(BY_NAME["twilio form"], sign=lambda *_: delivery)


def test_stripe_signs_with_both_secrets_during_a_rotation() -> None:
    """Whoever holds one of them believes it; the index says which."""
    case = BY_NAME["stripe"]
    old, new = (case.sign(secret, NOW, "right") for secret in ("old", "new"))
    both = f"{new.header('stripe-signature')},{old.header('stripe-signature').partition(',')[2]}"
    delivery = post(RAW, {"stripe-signature": both})

    assert believed(case, delivery, secrets=["old"]) == 0
    assert believed(case, delivery, secrets=["new", "old"]) == 0
    with pytest.raises(WebhookForgedError):
        believed(case, delivery, secrets=["s3cret"])


@pytest.mark.parametrize("header", ["v1=00", "t=1,t=2,v1=00", "t=,v1=00", "garbage", "t=1"])
def test_stripe_says_when_exactly_once(header: str) -> None:
    """Of two times only one is signed."""
    with pytest.raises(WebhookForgedError):
        believed(BY_NAME["stripe"], post(RAW, {"stripe-signature": header}))


def test_a_second_time_of_stripe_is_refused() -> None:
    """Though the first is the one that is signed."""
    good = BY_NAME["stripe"].made().header("stripe-signature")

    with pytest.raises(WebhookForgedError, match="has 2 times"):
        believed(BY_NAME["stripe"], post(RAW, {"stripe-signature": f"{good},t=1"}))


def test_an_older_scheme_of_stripe_counts_for_nothing() -> None:
    """`v0` is what test mode signs with: its digest is not looked at."""
    case = BY_NAME["stripe"]
    good = case.made().header("stripe-signature")

    with pytest.raises(WebhookForgedError):
        believed(case, post(RAW, {"stripe-signature": good.replace("v1=", "v0=")}))


def test_github_with_sha1_is_another_header() -> None:
    """An old digest under the new name is refused; who wants the old one has to say so."""
    made = hmac.new(b"s3cret", RAW, "sha1").hexdigest()
    old = HmacBody("x-hub-signature", digest="sha1", prefix="sha1=")
    delivery = post(RAW, {"x-hub-signature": f"sha1={made}", "x-hub-signature-256": f"sha1={made}"})

    assert old.verify(delivery, ["s3cret"], 300) == 0
    with pytest.raises(WebhookForgedError):
        HmacBody().verify(delivery, ["s3cret"], 300)


def test_a_digest_may_be_in_base64() -> None:
    """Shopify's way."""
    made = b64encode(hmac.new(b"s3cret", RAW, "sha256").digest()).decode()
    scheme = HmacBody("x-shopify-hmac-sha256", encoding="base64", prefix="")

    assert scheme.verify(post(RAW, {"x-shopify-hmac-sha256": made}), ["s3cret"], 300) == 0


def test_twilio_signs_the_same_field_once() -> None:
    """As its own libraries do: a name and value that come twice count once."""
    case = signed_by_twilio(f"{URL}Digits1Digits2", b"Digits=2&Digits=1&Digits=2")

    assert believed(case, case.made()) == 0


def test_twilio_does_not_sign_a_body_that_is_no_form() -> None:
    """With a signature of the address alone, as of a GET, any JSON could be sent along."""
    with pytest.raises(WebhookForgedError):
        believed(BY_NAME["twilio form"], signed_by_twilio(URL, b'{"a": 1}').made())


@pytest.mark.parametrize("count", [0, 2])
def test_twilio_names_one_digest_of_the_body(count: int) -> None:
    """Of two only one would be looked at; a wrong one is refused."""
    right = hashlib.sha256(RAW).hexdigest()
    url = URL + f"&bodySHA256={right}" * count + ("" if count else f"&bodySHA256={'0' * 64}")

    with pytest.raises(WebhookForgedError, match="bodySHA256"):
        believed(BY_NAME["twilio json"], signed_by_twilio(url, RAW, url).made())


@pytest.mark.parametrize(
    "url", ["https://[::1", "https://h.example:port/", "https://h.example:99999/"]
)
def test_an_address_that_is_none_is_refused(url: str) -> None:
    """It does not break anything."""
    with pytest.raises(WebhookForgedError, match="cannot be read"):
        TwilioSha1().verify(post(b"", {"x-twilio-signature": "x"}, url), ["s"], 300)


@pytest.mark.parametrize("body", [b"a=%ff", b"\xff=1", b"&".join([b"a=1"] * 1001)])
@pytest.mark.parametrize("name", ["twilio form", "braintree"])
def test_a_form_that_cannot_be_read_is_refused(name: str, body: bytes) -> None:
    """Nor does a huge one take long."""
    with pytest.raises(WebhookForgedError, match="cannot be read"):
        believed(BY_NAME[name], post(body, {"x-twilio-signature": "x"}))


def test_hubspot_signs_some_escapes_in_clear() -> None:
    """Twelve of them, however they are spelled; others stay as they came."""
    url = "https://h.example/hook?q=%3A%2F%3F%40%21%24%27%28%29%2A%2C%3B%2c%20%26"
    clear = "https://h.example/hook?q=:/?@!$'()*,;,%20%26"
    stamp = str(int(NOW.timestamp() * 1000))
    made = hmac.new(b"s3cret", f"POST{clear}[]{stamp}".encode(), "sha256").digest()
    headers = {
        "x-hubspot-signature-v3": b64encode(made).decode(),
        "x-hubspot-request-timestamp": stamp,
    }

    assert HubSpotV3().verify(post(b"[]", headers, url), ["s3cret"], 300) == 0


def test_an_older_version_of_hubspot_counts_for_nothing() -> None:
    """Versions 1 and 2 say nothing of when: whoever recorded one could send it for ever."""
    made = hashlib.sha256(b"s3cret" + RAW).hexdigest()
    headers = {"x-hubspot-signature": made, "x-hubspot-signature-version": "v1"}

    with pytest.raises(WebhookForgedError, match="x-hubspot-signature-v3 is missing"):
        believed(BY_NAME["hubspot"], post(RAW, headers))


def test_braintree_may_lose_a_line_end() -> None:
    """The vendor signs the payload with one, and it arrives without."""
    key = hashlib.new("sha1", b"s3cret", usedforsecurity=False).digest()
    made = hmac.new(key, b"PGE+\n", "sha1").hexdigest()
    body = urlencode({"bt_signature": f"public|{made}", "bt_payload": "PGE+"}).encode()

    assert believed(BY_NAME["braintree"], post(body, {})) == 0


def test_a_payload_of_braintree_is_base64() -> None:
    """Letters that a decoder skips could hide something from whoever compares."""
    body = urlencode({"bt_signature": "public|00", "bt_payload": "PGE+ <"}).encode()

    with pytest.raises(WebhookForgedError, match="no base64"):
        believed(BY_NAME["braintree"], post(body, {}))
