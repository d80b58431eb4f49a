"""Which vendors there are, where their descriptions come from, and which operations we use."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from tools.specs.fixes import (
    apple_lists,
    slack_alternatives,
    slack_blocks,
    slack_token,
    twilio_lists,
)
from tools.specs.sources import PACKAGE, InFolder, InPackage, OurOwn

if TYPE_CHECKING:
    from collections.abc import Callable

    from tools.specs.sources import Source
    from tools.specs.tree import Document


@dataclass(frozen=True, kw_only=True)
class Kind:
    """One vendor's description and what we take of it.

    `by` says whose words it is: the vendor's, a mirror of them, a third party's, or ours; only the
    first two show that a connector agrees with the vendor.
    """

    name: str
    source: Source
    url: str
    version: str
    licence: str
    notice: str
    by: Literal["vendor", "mirror", "third party", "ours"]
    operations: tuple[str, ...]
    fixes: tuple[Callable[[Document], str], ...] = ()
    answers_depth: int | None = None


_TWILIO = "/2010-04-01/Accounts"
_CONTACTS = "/crm/v3/objects/contacts"
_CATALOG = "/v1/catalog/{storefront}"

_ALL = (
    Kind(
        name="apple_music",
        source=InFolder("apple-music.yaml"),
        url="https://github.com/nostoc/sanitizor "
        "module-ballerinax-apple.music/docs/spec/openapi.yaml",
        version="54dca3ab",
        licence="Apache-2.0",
        notice="Written by Daniel Schröder, skriptfabrik.",
        by="third party",
        operations=(
            f"get {_CATALOG}/search",
            f"get {_CATALOG}/songs/{{id}}",
            f"get {_CATALOG}/albums/{{id}}",
            "get /v1/me/library/albums",
            "get /v1/me/library/songs",
        ),
        fixes=(apple_lists,),
    ),
    Kind(
        name="digitalocean",
        source=InPackage("api/digitalocean.com.json"),
        url="https://github.com/digitalocean/openapi specification/DigitalOcean-public.v2.yaml",
        version=f"npm {PACKAGE}",
        licence="Apache-2.0",
        notice="Copyright DigitalOcean, LLC.",
        by="mirror",
        operations=(
            "get /v2/account",
            "get /v2/droplets",
            "post /v2/droplets",
            "get /v2/droplets/{droplet_id}",
            "delete /v2/droplets/{droplet_id}",
        ),
    ),
    Kind(
        name="hubspot",
        source=OurOwn("hubspot.yaml"),
        url="https://developers.hubspot.com/docs/api-reference/legacy/crm/objects/contacts",
        version="1",
        licence="Apache-2.0",
        notice="Ours, after the public documentation.",
        by="ours",
        operations=(
            f"get {_CONTACTS}",
            f"post {_CONTACTS}",
            f"get {_CONTACTS}/{{contactId}}",
            f"patch {_CONTACTS}/{{contactId}}",
            f"post {_CONTACTS}/search",
        ),
    ),
    Kind(
        name="slack",
        source=InFolder("slack.json"),
        url="https://github.com/slackapi/slack-api-specs "
        "web-api/slack_web_openapi_v2_without_examples.json",
        version="bc08db49",
        licence="MIT",
        notice="Copyright Slack Technologies.",
        by="vendor",
        operations=(
            "get /auth.test",
            "post /chat.postMessage",
            "post /chat.update",
            "get /conversations.list",
            "get /conversations.history",
            "get /users.info",
        ),
        fixes=(slack_token, slack_alternatives, slack_blocks),
    ),
    Kind(
        name="spotify",
        source=InFolder("spotify.yml"),
        url="https://github.com/sonallux/spotify-web-api fixed-spotify-open-api.yml",
        version="a3369587",
        licence="MIT",
        notice="Copyright (c) 2020 sonallux",
        by="vendor",
        operations=(
            "get /search",
            "get /tracks/{id}",
            "get /artists/{id}",
            "get /me",
            "get /users/{user_id}/playlists",
            "post /users/{user_id}/playlists",
            "post /me/playlists",
            "get /playlists/{playlist_id}",
            "get /playlists/{playlist_id}/items",
            "post /playlists/{playlist_id}/items",
            "get /playlists/{playlist_id}/tracks",
            "post /playlists/{playlist_id}/tracks",
        ),
    ),
    Kind(
        name="stripe",
        source=InPackage("api/stripe.com.json"),
        url="https://github.com/stripe/openapi openapi/spec3.yaml",
        version=f"npm {PACKAGE}",
        licence="MIT",
        notice="Copyright (c) 2011- Stripe, Inc. (https://stripe.com)",
        by="mirror",
        operations=(
            "get /v1/payment_intents",
            "post /v1/payment_intents",
            "get /v1/payment_intents/{intent}",
            "post /v1/refunds",
            "get /v1/customers",
            "post /v1/customers",
            "get /v1/balance",
        ),
        answers_depth=1,
    ),
    Kind(
        name="twilio",
        source=InFolder("twilio.json"),
        url="https://github.com/twilio/twilio-oai spec/json/twilio_api_v2010.json",
        version="d50069b4",
        licence="MIT",
        notice="Copyright Twilio, Inc.",
        by="vendor",
        operations=(
            f"get {_TWILIO}/{{AccountSid}}/Messages.json",
            f"post {_TWILIO}/{{AccountSid}}/Messages.json",
            f"get {_TWILIO}/{{AccountSid}}/Messages/{{Sid}}.json",
            f"get {_TWILIO}/{{Sid}}.json",
        ),
        fixes=(twilio_lists,),
    ),
)
KINDS = {kind.name: kind for kind in _ALL}
