"""Deliveries to the connectors that there are, each signed as its vendor signs."""

from pathlib import Path
from typing import Any

import pytest

from intertie.integrations.base import BaseIntegration
from intertie.integrations.catalog import kinds, load
from intertie.integrations.config import IntegrationConfig
from intertie.integrations.message import Response
from intertie.integrations.webhooks.ledger import SqliteLedger
from intertie.integrations.webhooks.receiver import Receiver
from intertie.integrations.webhooks.webhook import webhook_of
from tests.integrations.stage import Stage
from tests.integrations.webhooks.cases import CASES, TOPIC, Case, pem

pytestmark = pytest.mark.anyio
KEYS = {"public_key": "public", "private_key": "SECRET"}
CONFIGS: dict[str, tuple[str, dict[str, Any]]] = {
    "aws": (
        "sns 2",
        {
            "region": "us-east-1",
            "access_key_id": "a",
            "secret_access_key": "b",
            "topic_arn": [TOPIC],
        },
    ),
    "braintree": ("braintree", KEYS),
    "hubspot": ("hubspot", {"client_id": "c", "client_secret": "SECRET"}),
    "slack": ("slack", {"bot_token": "xoxb-1", "signing_secret": ["SECRET", "older"]}),
    "stripe": ("stripe", {"api_key": "sk_test_1", "webhook_secret": "SECRET"}),
    "twilio": ("twilio form", {"account_sid": f"AC{'0' * 32}", "auth_token": "SECRET"}),
}
"""Of each kind: the way in which its vendor signs, and its config."""
BY_NAME = {each.name: each for each in CASES}


def test_every_connector_that_takes_deliveries_is_tried_here() -> None:
    """A new one makes this fail until it is in the table."""
    taking = {kind for kind in kinds() if getattr(load(kind), "webhook", None) is not None}

    assert taking == set(CONFIGS)


@pytest.mark.parametrize("kind", sorted(CONFIGS))
async def test_what_the_vendor_signs_is_taken_once(tmp_path: Path, kind: str) -> None:
    """With the event's type; what somebody else signs is not."""
    stage = Stage()
    stage.vendor.answers = lambda request: Response(200, {}, pem())
    name, told = CONFIGS[kind]
    case: Case = BY_NAME[name]
    config = {key: _secret(value, case.secret) for key, value in told.items()}
    made: BaseIntegration = stage.registry.register(
        load(kind), IntegrationConfig(name="main", config=config), "acme"
    )
    async with SqliteLedger.open(tmp_path / "ledger.db") as ledger:
        receiver = Receiver(stage.registry, ledger)
        good = [await receiver.receive("acme", "main", case.made()) for _ in range(2)]
        wrong = await receiver.receive("acme", "main", case.made(digest="wrong"))
        [kept] = await ledger.waiting(10)

    assert [each.status for each in good] == [202, 202]
    assert wrong.status == 401
    assert (kept.event.kind, kept.event.tenant) == (kind, "acme")
    assert kept.event.type or not _has_type(made)


def _has_type(made: BaseIntegration) -> bool:
    found = webhook_of(made)
    return found is not None and bool(found.type)


def _secret(value: Any, secret: str) -> Any:
    if isinstance(value, list):
        return [_secret(each, secret) for each in value]
    return secret if value == "SECRET" else value
