"""What is peculiar to the vendors whose keys are public, and to the standard."""

import json
from base64 import b64encode
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from intertie.integrations.errors import WebhookForgedError
from intertie.integrations.webhooks import Sns
from intertie.integrations.webhooks.schemes_keys import confirmation, is_amazon
from tests.integrations.webhooks.cases import (
    CASES,
    NOW,
    RAW,
    TOPIC,
    believed,
    certificate,
    post,
    sns,
)

BY_NAME = {case.name: case for case in CASES}
HOUR_S = 3600


def test_the_parts_of_the_standard_cannot_be_shifted() -> None:
    """A dot in the id would let the same signed text be read as another time and body."""
    case = BY_NAME["standard"]
    delivery = case.sign(case.theirs, NOW, "right")
    stamp = delivery.header("webhook-timestamp")
    shifted = {**delivery.headers, "webhook-id": [f"msg_1.{stamp}"]}

    with pytest.raises(WebhookForgedError, match="has a dot"):
        believed(case, replace(delivery, headers=shifted))


def test_many_signatures_of_the_standard_are_refused() -> None:
    """Each of a public key costs a tenth of a millisecond."""
    case = BY_NAME["standard"]
    good = case.made()
    text = good.header("webhook-signature")
    headers = {**good.headers, "webhook-signature": [" ".join([text] * 17)]}

    with pytest.raises(WebhookForgedError, match="17 signatures"):
        believed(case, replace(good, headers=headers))


def test_a_private_key_is_not_taken_for_a_secret() -> None:
    """Nor is a public key of the wrong length, nor text that is no base64."""
    case = BY_NAME["standard"]
    short = f"whpk_{b64encode(b'short').decode()}"

    for secret in ("whsk_AAAA", short, "whsec_!"):
        with pytest.raises(WebhookForgedError):
            believed(case, case.made(), secrets=[secret])


def test_a_subject_is_signed_too() -> None:
    """Where there is one; a null is none."""
    assert believed(BY_NAME["sns 2"], sns(TOPIC, NOW, Subject="orders")) == 0
    told = json.loads(sns(TOPIC, NOW).body)
    assert believed(BY_NAME["sns 2"], post(json.dumps({**told, "Subject": None}).encode(), {})) == 0

    with pytest.raises(WebhookForgedError):
        believed(BY_NAME["sns 2"], post(json.dumps({**told, "Subject": "added"}).encode(), {}))


def test_what_is_not_signed_is_not_told() -> None:
    """The address to unsubscribe, and whatever else somebody put in on the way."""
    told = {**json.loads(sns(TOPIC, NOW).body), "extra": "1"}
    claim = Sns().claim(post(json.dumps(told).encode(), {}), [TOPIC], HOUR_S)

    assert set(claim.fields) == {"Type", "MessageId", "TopicArn", "Message", "Timestamp"}


@pytest.mark.parametrize(
    "url",
    [
        "http://sns.us-east-1.amazonaws.com/SimpleNotificationService-1.pem",
        "https://sns.us-east-1.amazonaws.com.evil.example/SimpleNotificationService-1.pem",
        "https://evil.example/sns.us-east-1.amazonaws.com/SimpleNotificationService-1.pem",
        "https://sns.us-east-1.amazonaws.com@evil.example/SimpleNotificationService-1.pem",
        "https://u:p@sns.us-east-1.amazonaws.com/SimpleNotificationService-1.pem",
        "https://sns.us-east-1.amazonaws.com:444/SimpleNotificationService-1.pem",
        "https://sns.us-east-1.amazonaws.com\\@evil.example/SimpleNotificationService-1.pem",
        "https://sns.us-east-1.amazonaws.com/SimpleNotificationService-1.pem?x=.pem",
        "https://sns.us-east-1.amazonaws.com/SimpleNotificationService-1.pem#x",
        "https://sns.us-east-1.amazonaws.com/../other/x.pem",
        "https://sns.us-east-1.amazonaws.com/?Action=GetSomething&x=.pem",
        "https://bucket.s3.amazonaws.com/SimpleNotificationService-1.pem",
        "https://sns.amazonaws.com/SimpleNotificationService-1.pem",
        "https://[::1/SimpleNotificationService-1.pem",
        "",
        7,
        None,
    ],
)
def test_a_certificate_from_elsewhere_is_refused(url: Any) -> None:
    """Whoever names it would sign with his own key, and have us call any address."""
    told = {**json.loads(sns(TOPIC, NOW).body), "SigningCertURL": url}

    with pytest.raises(WebhookForgedError, match="no address of Amazon SNS"):
        Sns().claim(post(json.dumps(told).encode(), {}), [TOPIC], HOUR_S)


def test_another_certificate_does_not_fit() -> None:
    """Nor does one of another time."""
    claim = Sns().claim(sns(TOPIC, NOW), [TOPIC], HOUR_S)

    claim.check(certificate(), NOW)
    with pytest.raises(WebhookForgedError, match="not that of its certificate"):
        claim.check(certificate("other"), NOW)
    for days in (-2, 31):
        with pytest.raises(WebhookForgedError, match="not good now"):
            claim.check(certificate(), NOW + timedelta(days=days))


@pytest.mark.parametrize(
    "changed",
    [
        {"SignatureVersion": "3"},
        {"SignatureVersion": 2},
        {"Signature": 7},
        {"Signature": "%%%"},
        {"Type": "Other"},
        {"Type": ["Notification"]},
        {"Message": 7},
        {"Message": None},
        {"Timestamp": "yesterday"},
        {"Timestamp": "2027-01-15T08:00:00"},
        {"TopicArn": ["x"]},
    ],
    ids=str,
)
def test_odd_fields_are_refused(changed: dict[str, Any]) -> None:
    """Also those that are no texts."""
    told = {**json.loads(sns(TOPIC, NOW).body), **changed}

    with pytest.raises(WebhookForgedError):
        believed(BY_NAME["sns 2"], post(json.dumps(told).encode(), {}))


@pytest.mark.parametrize("body", [b"", b"[]", b"7", b"\xff", b"[" * 100_000, b'{"Type":'])
def test_a_body_that_is_no_object_is_refused(body: bytes) -> None:
    """It is read before anything is believed."""
    with pytest.raises(WebhookForgedError, match="no JSON"):
        believed(BY_NAME["sns 2"], post(body, {}))


@pytest.mark.parametrize("key", ["", "zz", "11" * 31])
def test_a_key_of_discord_that_is_none(key: str) -> None:
    """It believes nobody, and the next is tried."""
    case = BY_NAME["discord"]

    with pytest.raises(WebhookForgedError):
        believed(case, case.made(), secrets=[key])
    assert believed(case, case.made(), secrets=[key, case.secret]) == 1


def test_a_time_of_discord_is_a_number() -> None:
    """Else a part of the body could be moved into it."""
    headers = {"x-signature-ed25519": "00" * 64, "x-signature-timestamp": "1{"}

    with pytest.raises(WebhookForgedError, match="no number"):
        believed(BY_NAME["discord"], post(RAW, headers))


def test_only_a_subscription_is_confirmed() -> None:
    """The address is Amazon's, and asks for nothing else, and for this topic."""
    good = (
        f"https://sns.us-east-1.amazonaws.com/?Action=ConfirmSubscription&TopicArn={TOPIC}&Token=t"
    )

    assert confirmation({"SubscribeURL": good, "TopicArn": TOPIC}) == good
    for bad in (
        good.replace("ConfirmSubscription", "DeleteTopic"),
        good.replace(TOPIC, "other"),
        good.replace("amazonaws.com", "evil.example"),
        f"{good}&Action=DeleteTopic",
        "",
    ):
        with pytest.raises(WebhookForgedError):
            confirmation({"SubscribeURL": bad, "TopicArn": TOPIC})


def test_china_is_amazon_too() -> None:
    """Its hosts end in `.cn`."""
    assert is_amazon("https://sns.cn-north-1.amazonaws.com.cn/x")
    assert not is_amazon("https://sns.cn-north-1.amazonaws.com.cn.example/x")
