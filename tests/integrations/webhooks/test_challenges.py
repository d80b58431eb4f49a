"""What vendors ask before they deliver, and what they must not be told."""

import hmac
import json
from base64 import b64encode
from dataclasses import replace
from urllib.parse import quote

import pytest

from intertie.integrations.webhooks.challenges import (
    BraintreeChallenge,
    Challenge,
    CrcToken,
    DiscordPing,
    HubChallenge,
    SubscriptionConfirmation,
    UrlVerification,
    asked,
    posted,
    words_of,
)
from intertie.integrations.webhooks.delivery import Reply
from tests.integrations.webhooks.cases import post


def ask(challenge: Challenge | None, query: str, *words: str) -> Reply | None:
    """By GET, of somebody whose secret is `s3cret`."""
    delivery = replace(post(b"", {}, f"https://h.example/x?{query}"), method="GET")
    return asked(challenge, delivery, secrets=["s3cret", "old"], words=words)


def test_meta_gets_its_challenge_back() -> None:
    """If it knows the word, and asks for a subscription."""
    query = "hub.mode=subscribe&hub.verify_token=word&hub.challenge=1158201444"
    reply = ask(HubChallenge(), query, "word")

    assert reply is not None
    assert (reply.status, reply.body) == (200, b"1158201444")
    assert reply.headers["content-type"].startswith("text/plain")
    assert ask(HubChallenge(), query, "other") is None
    assert ask(HubChallenge(), query) is None
    assert ask(HubChallenge(), query.replace("=subscribe", "=unsubscribe"), "word") is None
    assert ask(HubChallenge(), query.replace("1158201444", "<script>"), "word") is None


def test_x_gets_the_digest_of_its_token() -> None:
    """Under the newest secret."""
    reply = ask(CrcToken(), "crc_token=MTIz-_=")
    made = hmac.new(b"s3cret", b"MTIz-_=", "sha256").digest()

    assert reply is not None
    assert json.loads(reply.body) == {"response_token": f"sha256={b64encode(made).decode()}"}


@pytest.mark.parametrize("token", ['{"for_user_id":"1"}', "[]", "a b", "", "a" * 256])
def test_a_token_that_could_be_a_body_is_not_signed(token: str) -> None:
    """X signs bodies in the same way: whoever asks for an event's digest could send the event."""
    assert ask(CrcToken(), f"crc_token={quote(token)}") is None


def test_braintree_gets_the_digest_of_its_digits() -> None:
    """With the public key before it."""
    challenge = BraintreeChallenge()
    reply = ask(challenge, "bt_challenge=20f9f8ed05f77439fe955c977e4c8a53", "public")

    assert reply is not None
    assert reply.body.startswith(b"public|")
    assert ask(challenge, "bt_challenge=20f9f8ed05f77439fe955c977e4c8a53") is None


@pytest.mark.parametrize("digits", ["PGE+", "20F9F8ED05F77439FE955C977E4C8A53", "20f9", "a" * 33])
def test_digits_that_could_be_a_payload_are_not_signed(digits: str) -> None:
    """A payload is XML in base64, which always has a capital letter."""
    assert ask(BraintreeChallenge(), f"bt_challenge={quote(digits)}", "public") is None


def test_without_a_secret_nothing_is_answered() -> None:
    """A digest under an empty key would be everybody's."""
    delivery = replace(post(b"", {}, "https://h.example/x?crc_token=a"), method="GET")

    assert asked(CrcToken(), delivery, secrets=[], words=[]) is None


@pytest.mark.parametrize("challenge", [None, UrlVerification(), CrcToken(), HubChallenge()])
def test_other_questions_have_no_answer(challenge: Challenge | None) -> None:
    """Nor has one with too many parts."""
    assert ask(challenge, "hub.challenge=1", "word") is None
    assert ask(challenge, "&".join(["crc_token=a"] * 200), "word") is None


def test_slack_gets_its_challenge_back() -> None:
    """And only of the type that says so."""
    told = {"type": "url_verification", "challenge": "3eZbrw1a", "token": "x"}
    reply = posted(UrlVerification(), told)

    assert reply is not None
    assert (reply.status, reply.body) == (200, b"3eZbrw1a")
    assert posted(UrlVerification(), {**told, "type": "event_callback"}) is None
    assert posted(None, told) is None


def test_discord_gets_its_ping_answered() -> None:
    """Interactions by a pong, events by nothing; anything else is an event."""
    pong, nothing = posted(DiscordPing(), {"type": 1}), posted(DiscordPing(), {"type": 0})

    assert pong is not None
    assert json.loads(pong.body) == {"type": 1}
    assert nothing is not None
    assert (nothing.status, nothing.body) == (204, b"")
    assert posted(DiscordPing(), {"type": 2}) is None
    assert posted(DiscordPing(), []) is None


def test_two_of_them_need_a_word() -> None:
    """The name of its setting."""
    assert words_of(HubChallenge()) == "verify_token"
    assert words_of(BraintreeChallenge()) == "public_key"
    assert words_of(SubscriptionConfirmation()) == ""
