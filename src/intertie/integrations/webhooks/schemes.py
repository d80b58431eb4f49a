"""All ways of signing that there are. Each is a value; none of them asks anybody anything."""

from intertie.integrations.webhooks.schemes_hmac import (
    BraintreeSha1,
    HmacBody,
    HubSpotV3,
    SlackV0,
    StripeV1,
    TwilioSha1,
)
from intertie.integrations.webhooks.schemes_keys import DiscordEd25519, Sns, StandardWebhooks

Plain = (
    HmacBody
    | StandardWebhooks
    | SlackV0
    | StripeV1
    | TwilioSha1
    | HubSpotV3
    | BraintreeSha1
    | DiscordEd25519
)
"""`verify` needs the delivery and the secrets only."""
Scheme = Plain | Sns
"""SNS needs a certificate too, which has to be fetched."""

__all__ = [
    "BraintreeSha1",
    "DiscordEd25519",
    "HmacBody",
    "HubSpotV3",
    "Plain",
    "Scheme",
    "SlackV0",
    "Sns",
    "StandardWebhooks",
    "StripeV1",
    "TwilioSha1",
]
