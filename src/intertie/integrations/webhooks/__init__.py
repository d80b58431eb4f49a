"""Deliveries of vendors: believed, kept and then published, each once.

    class Stripe(RestIntegration):
        webhook = Webhook(StripeV1(), id=(At("id"),), type=(At("type"),))

The names below are what connectors need; `receiver`, `ledger` and `outbox` do the work.
"""

from intertie.integrations.webhooks.challenges import (
    BraintreeChallenge,
    CrcToken,
    DiscordPing,
    HubChallenge,
    SubscriptionConfirmation,
    UrlVerification,
)
from intertie.integrations.webhooks.delivery import Delivery, Reply
from intertie.integrations.webhooks.schemes import (
    BraintreeSha1,
    DiscordEd25519,
    HmacBody,
    HubSpotV3,
    SlackV0,
    Sns,
    StandardWebhooks,
    StripeV1,
    TwilioSha1,
)
from intertie.integrations.webhooks.webhook import GITHUB, STANDARD, SVIX, At, Header, Webhook

__all__ = [
    "GITHUB",
    "STANDARD",
    "SVIX",
    "At",
    "BraintreeChallenge",
    "BraintreeSha1",
    "CrcToken",
    "Delivery",
    "DiscordEd25519",
    "DiscordPing",
    "Header",
    "HmacBody",
    "HubChallenge",
    "HubSpotV3",
    "Reply",
    "SlackV0",
    "Sns",
    "StandardWebhooks",
    "StripeV1",
    "SubscriptionConfirmation",
    "TwilioSha1",
    "UrlVerification",
    "Webhook",
]
