"""Every connector by REST that we ship keeps the contract."""

import json
from importlib import import_module
from pathlib import Path
from typing import ClassVar

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

import intertie.integrations
from intertie.integrations.cloud.digitalocean import DigitalOceanIntegration
from intertie.integrations.communication.slack import SlackIntegration
from intertie.integrations.communication.twilio import TwilioIntegration
from intertie.integrations.external_apis.apple_music import AppleMusicIntegration
from intertie.integrations.external_apis.braintree import BraintreeIntegration
from intertie.integrations.external_apis.hubspot import HubSpotIntegration
from intertie.integrations.external_apis.lastfm import LastFmIntegration
from intertie.integrations.external_apis.spotify import SpotifyIntegration
from intertie.integrations.external_apis.stripe import StripeIntegration
from intertie.integrations.rest import RestIntegration
from intertie.testing.integrations import IntegrationContract
from tests.integrations.shop import CONFIG, Shop

ROOT = Path(intertie.integrations.__path__[0])
APP = {"client_id": "id-of-app", "client_secret": "secret-of-app-1"}
PEM = (
    ec.generate_private_key(ec.SECP256R1())
    .private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    .decode()
)
SID = "AC" + "0" * 32


class TestShop(IntegrationContract):
    """The smallest."""

    integration = Shop
    config = CONFIG
    example: ClassVar = {
        "item": {"id": "1"},
        "make": {"name": "a"},
        "pay": {"cents": 1},
        "wire": {"cents": 1},
    }


class TestSpotify(IntegrationContract):
    """People log in."""

    integration = SpotifyIntegration
    config = APP
    example: ClassVar = {
        "track": {"id": "1"},
        "playlists": {"user_id": "u"},
        "add_items": {"playlist_id": "p", "uris": ["spotify:track:1"]},
    }


class TestLastFm(IntegrationContract):
    """Signs its parameters."""

    integration = LastFmIntegration
    config: ClassVar = {
        "api_key": "key-1234567",
        "shared_secret": "shared-12345",
        "session_key": "sess-12345",
    }
    example: ClassVar = {"artist": {"artist": "a"}, "love": {"artist": "a", "track": "t"}}
    answers: ClassVar = {"search_tracks": {"results": {"trackmatches": {"track": []}}}}


class TestAppleMusic(IntegrationContract):
    """Signs its tokens."""

    integration = AppleMusicIntegration
    config: ClassVar = {
        "team_id": "TEAM",
        "key_id": "KEY",
        "private_key": PEM,
        "music_user_token": "user-1234",
    }
    example: ClassVar = {"song": {"storefront": "us", "id": "1"}, "library_songs": {}}
    answers: ClassVar = {"storefront": {"data": [{"id": "us", "type": "storefronts"}]}}


class TestSlack(IntegrationContract):
    """Says in answers of status 200 what went wrong."""

    integration = SlackIntegration
    config: ClassVar = {"bot_token": "xoxb-12345678"}
    example: ClassVar = {"post_message": {"channel": "C1", "text": "hi"}, "channels": {}}
    answers: ClassVar = {"auth_test": {"ok": True, "team_id": "T1", "user_id": "U1"}}


class TestTwilio(IntegrationContract):
    """Takes forms."""

    shown = frozenset({"api_key"})

    integration = TwilioIntegration
    config: ClassVar = {"account_sid": SID, "auth_token": "token-123456"}
    example: ClassVar = {"send_sms": {"to": "+15005550006", "sender": "+15005550006", "body": "hi"}}
    answers: ClassVar = {"account_info": {"sid": SID, "status": "active"}}


class TestStripe(IntegrationContract):
    """Moves money."""

    integration = StripeIntegration
    config: ClassVar = {"api_key": "sk_test_12345678"}
    example: ClassVar = {
        "create_payment_intent": {"amount": 100, "currency": "eur"},
        "create_customer": {"email": "a@example.com"},
        "customers": {},
    }
    answers: ClassVar = {"balance": {"livemode": False, "available": [], "pending": []}}


class TestHubSpot(IntegrationContract):
    """Has pages by a cursor deep inside."""

    integration = HubSpotIntegration
    config: ClassVar = {"access_token": "pat-eu1-12345678"}
    example: ClassVar = {
        "contact": {"contact_id": "1"},
        "create_contact": {"properties": {"email": "a@b.c"}},
    }
    answers: ClassVar = {"contacts": {"results": []}}


class TestDigitalOcean(IntegrationContract):
    """Says how many requests are left."""

    integration = DigitalOceanIntegration
    config: ClassVar = {"access_token": "dop_v1_12345678"}
    example: ClassVar = {"droplet": {"droplet_id": 1}, "delete_droplet": {"droplet_id": 1}}
    answers: ClassVar = {
        "account_info": {
            "account": {
                "uuid": "u",
                "email": "a@b.c",
                "email_verified": True,
                "status": "active",
                "status_message": "",
                "droplet_limit": 1,
                "floating_ip_limit": 1,
            }
        }
    }


class TestBraintree(IntegrationContract):
    """Speaks GraphQL."""

    integration = BraintreeIntegration
    config: ClassVar = {"public_key": "public-1234", "private_key": "private-1234"}
    answers: ClassVar = {"ping": {"data": {"ping": "pong"}}}


def shipped() -> set[type[RestIntegration]]:
    """All connectors by REST in the folders below the core."""
    found: set[type[RestIntegration]] = set()
    for file in ROOT.glob("*/*.py"):
        if file.parent.name in {"steps", "webhooks"} or file.name == "__init__.py":
            continue
        module = import_module(f"intertie.integrations.{file.parent.name}.{file.stem}")
        for each in vars(module).values():
            if isinstance(each, type) and issubclass(each, RestIntegration):
                found |= {each} if each.__module__ == module.__name__ else set()
    return found


def test_every_connector_that_we_ship_is_here() -> None:
    """A new one is added to this file, or this test is red."""
    here = {
        each.integration
        for each in IntegrationContract.__subclasses__()
        if "shop" not in each.integration.__module__
    }

    assert shipped() == here


def test_no_two_have_the_same_kind() -> None:
    """It is what they are registered by; and each kind fits into a word of the suite file."""
    kinds = [each.kind for each in shipped()]

    assert len(kinds) == len(set(kinds))
    assert json.dumps(sorted(kinds)).isascii()
