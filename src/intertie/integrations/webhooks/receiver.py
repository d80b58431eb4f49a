"""Deliveries come in here: what is believed is kept before the vendor hears that it was taken."""

import hmac
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from intertie.errors import StoreError
from intertie.integrations.base import BaseIntegration
from intertie.integrations.config import IntegrationStatus
from intertie.integrations.errors import (
    EgressError,
    InvalidError,
    VendorDownError,
    WebhookForgedError,
)
from intertie.integrations.message import Request, Transport
from intertie.integrations.registry import IntegrationRegistry
from intertie.integrations.webhooks.certificates import Certificates
from intertie.integrations.webhooks.challenges import (
    SubscriptionConfirmation,
    asked,
    posted,
    words_of,
)
from intertie.integrations.webhooks.delivery import Delivery, Reply, forged
from intertie.integrations.webhooks.ledger import Ledger
from intertie.integrations.webhooks.reading import Told, read
from intertie.integrations.webhooks.schemes import Sns
from intertie.integrations.webhooks.schemes_keys import confirmation
from intertie.integrations.webhooks.webhook import (
    Webhook,
    arrivals,
    is_unsigned,
    secrets_of,
    setting,
    webhook_of,
)

log = logging.getLogger(__name__)

MAX_BODY_BYTES = 1 << 20
_METHODS = ("GET", "POST")
_TIMEOUT_S = 5.0
_BAD = 300
_TAKEN = Reply(202)
_REFUSED = Reply(401)
_UNREADABLE = Reply(400)
_TOO_LARGE = Reply(413)
_AWAY = Reply(503, {"retry-after": "5"})
_OTHER_METHOD = Reply(405, {"allow": ", ".join(_METHODS)})
_UNSIGNED = -1


@dataclass(slots=True)
class Tally:
    """What came in for one connection."""

    events: int = 0
    repeats: int = 0
    """Events that had come before."""
    refused: int = 0
    by_secret: dict[int, int] = field(default_factory=dict[int, int])
    """Deliveries by the secret that signed them: 0 is the newest, -1 stands for none at all. Once
    the old one is not used any more it can go."""


Audit = Callable[[str, str, str], None]
"""Told tenant, connection and reason of each refusal; it must be quick, and may not fail."""


class Receiver:
    """For all connections of a registry. It knows nothing of HTTP servers."""

    def __init__(
        self, registry: IntegrationRegistry, ledger: Ledger, *, audit: Audit | None = None
    ) -> None:
        self._registry = registry
        self._ledger = ledger
        self._audit = audit
        self._certificates = Certificates()
        self._tallies: dict[tuple[str, str], Tally] = {}
        self.unknown = 0
        """Deliveries to connections that there are not."""

    @property
    def tallies(self) -> Mapping[tuple[str, str], Tally]:
        """By tenant and connection."""
        return self._tallies

    async def receive(self, tenant: str, name: str, delivery: Delivery) -> Reply:
        """What the vendor is answered.

        202 is said once the events are durable. Who is not believed hears no more than who calls a
        connection that does not exist.
        """
        if delivery.method not in _METHODS:
            return _OTHER_METHOD
        if len(delivery.body) > MAX_BODY_BYTES:
            return _TOO_LARGE
        connection = self._registry.get(name, tenant)
        webhook = webhook_of(connection) if connection is not None else None
        off = connection is None or connection.status is IntegrationStatus.DISABLED
        if connection is not None and webhook is not None and not off:
            return await self._answered(connection, webhook, delivery)
        # As much work as for a real one, so that the time it takes tells nothing either.
        hmac.digest(b"nobody", delivery.body, "sha256")
        self.unknown += 1
        return _REFUSED

    async def _answered(
        self, connection: BaseIntegration, webhook: Webhook, delivery: Delivery
    ) -> Reply:
        try:
            return await self._take(connection, webhook, delivery)
        except WebhookForgedError as exc:
            return self._refused(connection, str(exc))
        except InvalidError as exc:
            told = {"integration": connection.label, "error": str(exc)}
            log.warning("delivery unreadable", extra=told)
            return _UNREADABLE
        except (StoreError, VendorDownError, EgressError) as exc:
            told = {"integration": connection.label, "error": str(exc)}
            log.warning("delivery not taken: the vendor will try again", extra=told)
            return _AWAY

    async def _take(
        self, connection: BaseIntegration, webhook: Webhook, delivery: Delivery
    ) -> Reply:
        secrets = secrets_of(connection, webhook)
        if delivery.method == "GET":
            words = setting(connection, words_of(webhook.challenge))
            reply = asked(webhook.challenge, delivery, secrets=secrets, words=words)
            if reply is not None:
                return reply
        if delivery.method not in webhook.methods:
            raise forged(f"{delivery.method} is not how its vendor delivers")
        told, index = await self._believed(connection, webhook, delivery, secrets)
        tally = self._tally(connection)
        tally.by_secret[index] = tally.by_secret.get(index, 0) + 1
        reply = await self._answer(webhook, told)
        if reply is not None:
            return reply
        fresh = await self._ledger.add(list(arrivals(connection, delivery, told)))
        tally.events += sum(fresh)
        tally.repeats += len(fresh) - sum(fresh)
        return _TAKEN

    async def _believed(
        self,
        connection: BaseIntegration,
        webhook: Webhook,
        delivery: Delivery,
        secrets: tuple[str, ...],
    ) -> tuple[Told, int]:
        """What it says, and which secret signed it."""
        if not secrets:
            if not is_unsigned(connection):
                what = f"its config lacks `{webhook.secret}`; give it, or say `unsigned: true`"
                raise forged(what)
            return read(webhook.body, delivery), _UNSIGNED
        if isinstance(webhook.scheme, Sns):
            return await self._by_sns(webhook.scheme, webhook, delivery, secrets)
        index = webhook.scheme.verify(delivery, secrets, webhook.tolerance_s)
        return read(webhook.body, delivery), index

    async def _by_sns(
        self, scheme: Sns, webhook: Webhook, delivery: Delivery, topics: tuple[str, ...]
    ) -> tuple[Told, int]:
        claim = scheme.claim(delivery, topics, webhook.tolerance_s)
        now = delivery.received_at
        certificate = await self._certificates.get(claim.certificate_url, self._transport, now)
        claim.check(certificate, now)
        return dict(claim.fields), claim.index

    async def _answer(self, webhook: Webhook, told: Told) -> Reply | None:
        is_handshake = isinstance(webhook.challenge, SubscriptionConfirmation)
        if not is_handshake or not isinstance(told, dict):
            return posted(webhook.challenge, told)
        if told.get("Type") != "SubscriptionConfirmation":
            return None
        answer = await self._transport.send(
            Request("GET", confirmation(told), timeout_s=_TIMEOUT_S)
        )
        if answer.status >= _BAD:
            raise VendorDownError(f"cannot confirm a subscription: {answer.status}")
        return Reply(200)

    @property
    def _transport(self) -> Transport:
        return self._registry.tools.transport

    def _refused(self, connection: BaseIntegration, why: str) -> Reply:
        self._tally(connection).refused += 1
        log.info("delivery refused", extra={"integration": connection.label, "why": why})
        if self._audit is not None:
            self._audit(connection.tenant, connection.config.name, why)
        return _REFUSED

    def _tally(self, connection: BaseIntegration) -> Tally:
        key = (connection.tenant, connection.config.name)
        found = self._tallies.get(key)
        if found is None:
            found = self._tallies[key] = Tally()
        return found
