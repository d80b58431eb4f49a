"""Connections that take deliveries, on a stage without a network."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from intertie.integrations.base import BaseIntegration, Health
from intertie.integrations.config import IntegrationConfig
from intertie.integrations.webhooks.ledger import Entry, SqliteLedger
from intertie.integrations.webhooks.receiver import Receiver
from intertie.integrations.webhooks.webhook import Webhook
from tests.integrations.stage import Stage
from tests.integrations.webhooks.cases import Case


class Hooked(BaseIntegration):
    """Does nothing but take deliveries."""

    async def initialize(self) -> bool:
        """At once."""
        return True

    async def health_check(self) -> Health:
        """Always."""
        return {"healthy": True}

    async def cleanup(self) -> None:
        """Nothing is open."""


def kind_of(name: str, webhook: Webhook) -> type[Hooked]:
    """A connector of a vendor that delivers in this way."""
    return type(name, (Hooked,), {"kind": name, "webhook": webhook})


@dataclass
class Desk:
    """A receiver with all that it needs."""

    stage: Stage
    receiver: Receiver
    ledger: SqliteLedger
    refusals: list[tuple[str, str, str]]

    def connect(self, case: Case, tenant: str = "acme", **config: Any) -> None:
        """A connection `main` of this tenant, with the case's secret unless `config` says more."""
        told: Mapping[str, Any] = config or {"webhook_secret": case.secret}
        kind = kind_of(case.name.split()[0], case.webhook)
        made = IntegrationConfig(name="main", config=dict(told))
        self.stage.registry.register(kind, made, tenant)

    async def kept(self) -> list[Entry]:
        """All that waits to be published."""
        return list(await self.ledger.waiting(1000))


@asynccontextmanager
async def desk(path: Path) -> AsyncIterator[Desk]:
    """With a ledger in this folder."""
    stage = Stage()
    refusals: list[tuple[str, str, str]] = []
    async with SqliteLedger.open(path / "ledger.db") as ledger:
        audit = lambda *told: refusals.append(told)  # noqa: E731 - read as one line
        yield Desk(stage, Receiver(stage.registry, ledger, audit=audit), ledger, refusals)
