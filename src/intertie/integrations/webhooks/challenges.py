"""How vendors find out whether an address is ours, and what they are answered."""

import hashlib
import hmac
import json
import re
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from intertie.integrations.webhooks.delivery import Delivery, Reply, equal
from intertie.integrations.webhooks.schemes_hmac import braintree

_TEXT = {"content-type": "text/plain; charset=utf-8", "x-content-type-options": "nosniff"}
_JSON = {"content-type": "application/json"}
_TOKEN = re.compile(r"[A-Za-z0-9_=+/-]{1,255}")
_BRAINTREE = re.compile(r"[a-f0-9]{20,32}")
_PLAIN = re.compile(r"[A-Za-z0-9_.~=+/-]{1,255}")


@dataclass(frozen=True, slots=True)
class UrlVerification:
    """Slack posts `challenge`, signed, and wants it back."""


@dataclass(frozen=True, slots=True)
class DiscordPing:
    """Discord posts a ping, signed: of interactions as type 1, of events as type 0."""


@dataclass(frozen=True, slots=True)
class SubscriptionConfirmation:
    """SNS posts an address, signed, and wants it called."""


@dataclass(frozen=True, slots=True)
class HubChallenge:
    """Meta asks with a word that we told it, and wants `hub.challenge` back."""

    word: str = "verify_token"
    """A setting."""


@dataclass(frozen=True, slots=True)
class CrcToken:
    """X asks for the digest of a token under the secret with which it signs bodies too."""


@dataclass(frozen=True, slots=True)
class BraintreeChallenge:
    """Braintree asks for the digest of some hex digits."""

    public_key: str = "public_key"
    """A setting."""


Asked = HubChallenge | CrcToken | BraintreeChallenge
"""By GET, unsigned."""
Posted = UrlVerification | DiscordPing | SubscriptionConfirmation
Challenge = Asked | Posted


def words_of(challenge: Challenge | None) -> str:
    """The setting that an answer to a GET needs beside the secret; empty for none."""
    match challenge:
        case HubChallenge():
            return challenge.word
        case BraintreeChallenge():
            return challenge.public_key
        case _:
            return ""


def asked(
    challenge: Challenge | None,
    delivery: Delivery,
    *,
    secrets: Sequence[str],
    words: Sequence[str],
) -> Reply | None:
    """The answer to a GET; None when it is not the vendor's question.

    Anybody may ask: what is answered must never be the signature of something that is an event.
    """
    try:
        told = dict(parse_qsl(urlsplit(delivery.url).query, max_num_fields=100))
    except ValueError:
        return None
    match challenge:
        case HubChallenge():
            return _hub(told, words)
        case CrcToken():
            return _crc(told.get("crc_token", ""), secrets)
        case BraintreeChallenge():
            return _braintree(told.get("bt_challenge", ""), secrets, words)
        case _:
            return None


def _hub(told: Mapping[str, str], words: Sequence[str]) -> Reply | None:
    given, back = told.get("hub.verify_token", ""), told.get("hub.challenge", "")
    known = any(equal(each, given) for each in words)
    if not known or told.get("hub.mode") != "subscribe" or not _PLAIN.fullmatch(back):
        return None
    return Reply(200, _TEXT, back.encode())


def _crc(token: str, secrets: Sequence[str]) -> Reply | None:
    # Bodies are signed in the same way, and are JSON objects: a token cannot be one.
    if not secrets or not _TOKEN.fullmatch(token):
        return None
    made = hmac.digest(secrets[0].encode(), token.encode(), hashlib.sha256)
    body = {"response_token": f"sha256={b64encode(made).decode()}"}
    return Reply(200, _JSON, json.dumps(body).encode())


def _braintree(digits: str, secrets: Sequence[str], words: Sequence[str]) -> Reply | None:
    # Payloads are signed in the same way, and are XML in base64, which begins with a capital.
    if not secrets or not words or not _BRAINTREE.fullmatch(digits):
        return None
    return Reply(200, _TEXT, f"{words[0]}|{braintree(secrets[0], digits)}".encode())


def posted(challenge: Challenge | None, told: Any) -> Reply | None:
    """The answer to a question that came by POST, signed; None when it is an event."""
    kind = told.get("type") if isinstance(told, dict) else None
    match challenge:
        case UrlVerification() if kind == "url_verification":
            return Reply(200, _TEXT, str(told.get("challenge", "")).encode("utf-8", "replace"))
        case DiscordPing() if kind == 1:
            return Reply(200, _JSON, b'{"type":1}')
        case DiscordPing() if kind == 0:
            return Reply(204)
        case _:
            return None
