"""Names at RabbitMQ, and messages in AMQP; no broker is needed."""

from itertools import product

import pytest
from aiormq.abc import DeliveredMessage
from aiormq.channel import Channel
from pamqp.commands import Basic
from pamqp.header import ContentHeader

from intertie.bus import rabbitmq_names as names
from intertie.bus.port import PRIORITIES, Message
from intertie.errors import BusError


def test_no_two_names_are_alike() -> None:
    """Whatever exchanges, groups and patterns are called."""
    patterns = ("a", "a.*", "a.#", "a.dead", "a.high", "#", "*", "high", "dead", ".".join("x" * 16))
    found = []
    for exchange, group in product(("e", "e.g", "e.high"), ("g", "high", "groups", "g-a")):
        for pattern in patterns:
            base = names.Names(exchange).group(group, pattern)
            found += [names.dead(base), names.waiting(base, 100)]
            found += [names.lane(base, priority) for priority in PRIORITIES]
    for exchange in ("e", "e.g", "e.high"):
        found += [names.Names(exchange).registry, names.Names(exchange).lock]

    assert len(set(found)) == len(found)


def test_the_longest_names_fit() -> None:
    """255 bytes, with all that is put behind; different ones stay different."""
    pattern = ".".join(["x" * 64] * 16)
    base = names.Names("e" * 63).group("g" * 100, pattern)
    lane = names.lane(base, "normal")

    assert base != names.Names("e" * 63).group("g" * 100, pattern[:-1] + "y")
    for name in (names.lease(names.lane(base, "high")), names.waiting(lane, 2**32), base):
        Basic.Get(queue=name)
        assert len(name) <= 255


@pytest.mark.parametrize(
    ("after_s", "ms"),
    [
        (0.0, 10),
        (0.1, 100),
        (0.11, 120),
        (0.5, 500),
        (1.0, 1000),
        (7.0, 8000),
        (61.0, 80_000),
        (3600.0, 4_000_000),
        (1e12, 859_000_000),
    ],
)
def test_a_delay_is_rounded_up_to_a_few_steps(after_s: float, ms: int) -> None:
    """Never down, but at the end: each step is a queue."""
    assert names.rounded_ms(after_s) == pytest.approx(ms, rel=0.2)
    assert names.rounded_ms(after_s) >= min(after_s * 1000, 2**32 / 5 - 1)


def test_few_queues_serve_every_delay() -> None:
    """Ten for each power of ten."""
    assert len({names.rounded_ms(n / 100) for n in range(10, 10_000)}) <= 31


@pytest.mark.parametrize("key", [None, "", "k\u00e4y"])
def test_a_copy_reads_as_the_original(key: str | None) -> None:
    """However it got to its queue."""
    message = Message("a.b", b"x", "id-1", key, "low")

    direct = delivered(names.published(message, keep_ms=1000), routing_key="a.b")
    copy = delivered(names.copied(message, tries=3, reason="why"), routing_key="e:g:a")

    assert names.read(direct, "low") == message
    assert names.tries(direct) == 1
    assert names.read(copy) == message
    assert (names.tries(copy), names.text(copy, "reason")) == (3, "why")


def test_what_the_broker_delivered_again_counts() -> None:
    """On top of what the copy says."""
    properties = names.copied(Message("a", b"x", "1"), tries=3)
    (properties.headers or {})["x-delivery-count"] = 2

    assert names.tries(delivered(properties)) == 5
    assert names.tries_before(delivered(properties)) == 3


def test_headers_of_strangers_are_not_trusted() -> None:
    """They are read as if they were not there."""
    headers = {"key": 7, "tries": "many", "topic": 3, "priority": "urgent", "at": "soon"}
    raw = delivered(Basic.Properties(headers=headers), routing_key="a.b")  # type: ignore[arg-type]

    assert names.read(raw, "high") == Message("a.b", b"x", "", None, "high")
    assert names.tries(raw) == 1
    assert names.moment(raw).year == 1970


def test_a_retention_longer_than_amqp_can_say_is_for_ever() -> None:
    """Rather than a message that the broker refuses."""
    assert names.published(Message("a", b"x", "1"), keep_ms=2**32 - 1).expiration == "4294967295"
    assert names.published(Message("a", b"x", "1"), keep_ms=2**32).expiration is None


def test_a_topic_longer_than_a_routing_key_is_refused() -> None:
    """It is fine elsewhere."""
    with pytest.raises(BusError, match="255 letters at most"):
        names.routing_key(".".join(["x" * 60] * 5))


def delivered(properties: Basic.Properties, routing_key: str = "a") -> DeliveredMessage:
    """As the client hands it over."""
    channel: Channel = None  # type: ignore[assignment] # nothing is asked of it
    deliver = Basic.Deliver("tag", 1, False, "e", routing_key)
    return DeliveredMessage(deliver, ContentHeader(properties=properties), b"x", channel)
