"""What a connector says of the deliveries that its vendor makes."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pydantic import SecretStr

from intertie.integrations.base import BaseIntegration
from intertie.integrations.look import at
from intertie.integrations.webhooks.challenges import Challenge
from intertie.integrations.webhooks.delivery import Delivery
from intertie.integrations.webhooks.reading import Body, Told
from intertie.integrations.webhooks.schemes import HmacBody, Scheme, StandardWebhooks

_LONGEST_ID = 200
_LONGEST_TYPE = 200


@dataclass(frozen=True, slots=True)
class Header:
    """In a header of this name, which the vendor may not have signed."""

    name: str


@dataclass(frozen=True, slots=True)
class At:
    """In what the delivery says, at this dotted path."""

    path: str


Where = Header | At


@dataclass(frozen=True, slots=True)
class Webhook:
    """A connector has one as `webhook`; see `docs/webhooks.md`."""

    scheme: Scheme
    secret: str = "webhook_secret"  # noqa: S105 - the name of a setting
    """A setting: one secret or a list; `<name>_previous` counts too, as long as it is there."""
    body: Body = "json"
    id: tuple[Where, ...] = ()
    """Where the event's id is, all parts together; where one is missing, the body's digest is."""
    type: tuple[Where, ...] = ()
    """Where the event's type may be: the first that is there."""
    is_batch: bool = False
    """The body is a list, and each thing in it is an event."""
    challenge: Challenge | None = None
    """How the vendor finds out whether the address is ours."""
    tolerance_s: float = 300.0
    """How far the vendor's clock, or its first try, may be away."""
    methods: tuple[str, ...] = ("POST",)


@dataclass(frozen=True, slots=True)
class Arrival:
    """One event, believed and read."""

    tenant: str
    name: str
    """Of the connection."""
    kind: str
    id: str
    """The same for every delivery of one event."""
    type: str
    received_at: datetime
    payload: bytes = field(repr=False)
    """JSON."""


STANDARD = Webhook(StandardWebhooks(), id=(Header("webhook-id"),), type=(At("type"),))
"""https://www.standardwebhooks.com"""
SVIX = Webhook(StandardWebhooks("svix"), id=(Header("svix-id"),), type=(At("type"),))
GITHUB = Webhook(HmacBody(), body="json or form", type=(Header("x-github-event"),))
"""GitHub does not sign the delivery's id: the body's digest cannot be replayed under another."""


def webhook_of(connection: BaseIntegration) -> Webhook | None:
    """What its connector says; None where it takes no deliveries."""
    found = getattr(connection, "webhook", None)
    return found if isinstance(found, Webhook) else None


def setting(connection: BaseIntegration, name: str) -> tuple[str, ...]:
    """The texts of a setting that is one text or a list of them; none of them is empty."""
    settings = getattr(connection, "settings", None)
    found = getattr(settings, name, None) if settings else connection.config.config.get(name)
    texts = (_text(each) for each in (found if isinstance(found, list | tuple) else (found,)))
    return tuple(text for text in texts if text.strip())


def _text(value: object) -> str:
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    return value if isinstance(value, str) else ""


def secrets_of(connection: BaseIntegration, webhook: Webhook) -> tuple[str, ...]:
    """All that are active, the newest first."""
    name = webhook.secret
    return setting(connection, name) + setting(connection, f"{name}_previous")


def is_unsigned(connection: BaseIntegration) -> bool:
    """Whether its owner said in so many words that deliveries need no signature."""
    settings = getattr(connection, "settings", None)
    told = connection.config.config.get("unsigned")
    return (getattr(settings, "unsigned", False) if settings else told) is True


def arrivals(connection: BaseIntegration, delivery: Delivery, told: Told) -> Iterator[Arrival]:
    """The events of a delivery that is believed."""
    webhook = webhook_of(connection)
    assert webhook is not None  # noqa: S101 - nothing was believed without
    is_list = webhook.is_batch and isinstance(told, list)
    for each in told if is_list else [told]:
        yield Arrival(
            connection.tenant,
            connection.config.name,
            connection.kind,
            _id(webhook.id, delivery, each),
            _type(webhook.type, delivery, each),
            delivery.received_at,
            _json(each),
        )


def _id(parts: Sequence[Where], delivery: Delivery, told: Any) -> str:
    found = [_found(each, delivery, told) for each in parts]
    if not found or not all(found):
        # Of what it says: a form's order, like spaces in JSON, is no other event.
        return f"sha256:{hashlib.sha256(_sorted(told)).hexdigest()}"
    text = ":".join(found)
    return text if len(text) <= _LONGEST_ID else hashlib.sha256(text.encode()).hexdigest()


def _type(places: Sequence[Where], delivery: Delivery, told: Any) -> str:
    found = (_found(each, delivery, told) for each in places)
    return next((text for text in found if text), "event")[:_LONGEST_TYPE]


def _found(where: Where, delivery: Delivery, told: Any) -> str:
    if isinstance(where, Header):
        return _storable(delivery.header(where.name))
    value: object = at(told, where.path)
    is_plain = isinstance(value, str | int) and not isinstance(value, bool)
    return _storable(str(value)) if is_plain else ""


def _storable(text: str) -> str:
    """Half a surrogate pair is JSON, but no text that can be stored."""
    return text.encode("utf-8", "replace").decode()


def _json(told: Any) -> bytes:
    return json.dumps(told, separators=(",", ":")).encode()


def _sorted(told: Any) -> bytes:
    return json.dumps(told, separators=(",", ":"), sort_keys=True).encode()
