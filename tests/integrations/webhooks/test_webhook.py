"""What a connector says, and what its connection is told."""

import json
from dataclasses import replace

import pytest
from pydantic import SecretStr

from intertie.integrations import rest
from intertie.integrations.config import IntegrationConfig
from intertie.integrations.webhooks import GITHUB, STANDARD, At, Header, Webhook
from intertie.integrations.webhooks.reading import Told
from intertie.integrations.webhooks.webhook import (
    Arrival,
    arrivals,
    is_unsigned,
    secrets_of,
    webhook_of,
)
from tests.integrations.webhooks.cases import HUBSPOT, RAW, STRIPE, post
from tests.integrations.webhooks.hooked import Hooked, kind_of


class Settings(rest.Settings):
    """Secrets as a connector of data has them."""

    webhook_secret: SecretStr | list[SecretStr] | None = None
    webhook_secret_previous: SecretStr | None = None
    unsigned: bool = False


class Typed(rest.RestIntegration):
    """A connector of data."""

    kind = "typed"
    base = "https://api.example"
    settings_type = Settings
    webhook = STRIPE


def events(webhook: Webhook, told: Told, **headers: str) -> list[Arrival]:
    """Of a delivery that is believed."""
    connection = kind_of("made", webhook)(IntegrationConfig(name="main"), "acme")
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return list(arrivals(connection, post(json.dumps(told).encode(), named), told))


@pytest.mark.parametrize(
    ("config", "secrets"),
    [
        ({}, ()),
        ({"webhook_secret": "a"}, ("a",)),
        ({"webhook_secret": ["a", "b"]}, ("a", "b")),
        ({"webhook_secret": "a", "webhook_secret_previous": "b"}, ("a", "b")),
        ({"webhook_secret": " ", "webhook_secret_previous": "b"}, ("b",)),
    ],
)
def test_secrets_are_one_or_several(
    config: dict[str, str | list[str]], secrets: tuple[str, ...]
) -> None:
    """The newest first, of a connector of data and of any other; empty ones are none."""
    told = IntegrationConfig(name="main", config=config)

    assert secrets_of(Typed(told), STRIPE) == secrets
    assert secrets_of(kind_of("free", STRIPE)(told), STRIPE) == secrets


def test_unsigned_has_to_be_said() -> None:
    """As a truth, not as a word that looks like one."""
    for value, expected in ((True, True), (False, False)):
        told = IntegrationConfig(name="main", config={"unsigned": value})
        assert is_unsigned(Typed(told)) is expected
        assert is_unsigned(Hooked(told)) is expected
    for odd in ("true", "false", 1, "yes", [True]):
        assert not is_unsigned(Hooked(IntegrationConfig(name="main", config={"unsigned": odd})))


def test_a_connector_may_take_no_deliveries() -> None:
    """Then it says nothing."""
    assert webhook_of(Hooked(IntegrationConfig(name="main"))) is None
    assert webhook_of(Typed(IntegrationConfig(name="main"))) is STRIPE


def test_an_event_has_the_ids_and_types_of_its_vendor() -> None:
    """From the body or a header."""
    (event,) = events(STRIPE, {"id": "evt_1", "type": "invoice.paid", "n": 1})

    assert (event.tenant, event.name, event.kind) == ("acme", "main", "made")
    assert (event.id, event.type) == ("evt_1", "invoice.paid")
    assert json.loads(event.payload) == {"id": "evt_1", "type": "invoice.paid", "n": 1}
    (event,) = events(STANDARD, {"type": "a"}, webhook_id="msg_1")
    assert (event.id, event.type) == ("msg_1", "a")


def test_an_event_without_an_id_is_known_by_what_it_says() -> None:
    """Spaces and order make no other event, anything else does; the type has a last resort."""
    one, two = ({"a": 1, "b": 2}, {"b": 2, "a": 1})
    (first,), (second,) = events(GITHUB, one), events(GITHUB, two)

    assert first.id == second.id
    assert first.id.startswith("sha256:")
    assert first.type == "event"
    assert events(GITHUB, {"a": 1, "b": 3})[0].id != first.id


def test_a_part_of_an_id_that_is_missing_makes_it_none() -> None:
    """Else different events would have one id."""
    webhook = replace(STRIPE, id=(At("id"), At("part")))

    assert events(webhook, {"id": "a", "part": 7})[0].id == "a:7"
    odd: list[dict[str, object]] = [{}, {"part": None}, {"part": ""}, {"part": True}, {"part": []}]
    for told in odd:
        assert events(webhook, {"id": "a", **told})[0].id.startswith("sha256:")


def test_a_batch_is_many_events() -> None:
    """Each with its own id and type."""
    told = [
        {"eventId": 1, "subscriptionType": "contact.creation", "objectId": 5},
        {"eventId": 2, "subscriptionType": "deal.deletion", "objectId": 6},
    ]
    found = events(HUBSPOT, told)

    assert [each.id for each in found] == ["1:contact.creation:5", "2:deal.deletion:6"]
    assert [each.type for each in found] == ["contact.creation", "deal.deletion"]
    assert [json.loads(each.payload) for each in found] == told


def test_ids_and_types_can_be_stored() -> None:
    """However long they are, and whatever is in them."""
    (event,) = events(STRIPE, {"id": "i" * 1000, "type": "t" * 1000})
    assert (len(event.id), len(event.type)) == (64, 200)
    (event,) = events(STRIPE, {"id": "\ud800", "type": "\udfff"})
    assert (event.id, event.type) == ("?", "?")
    (event,) = events(replace(STRIPE, id=(Header("x-id"),)), {}, x_id="\udcff")
    assert event.id == "?"


def test_repr_of_an_event_shows_no_payload() -> None:
    """It may hold anything."""
    assert "done" not in repr(events(GITHUB, json.loads(RAW))[0])
