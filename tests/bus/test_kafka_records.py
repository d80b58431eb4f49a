"""Names and records of the bus in Kafka."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import pytest

from intertie.bus.kafka_records import (
    Names,
    dead_headers,
    dead_letter,
    headers_of,
    message_in,
    read,
    retry_headers,
)
from intertie.bus.port import Message
from intertie.errors import BusError

NAMES = Names("suite")
MESSAGE = Message("a.b", b"\x00\xff", "id-1", "kä", "high")


@dataclass
class Stored:
    """A record as a consumer has it."""

    headers: Sequence[tuple[str, bytes]] = ()
    key: bytes | None = None
    value: bytes | None = b"body"
    topic: str = "suite.a.b"
    partition: int = 3
    offset: int = 7
    timestamp: int = 1_700_000_000_500


@pytest.mark.parametrize("pattern", ["a", "a.*", "a.#", "#", "*.b", "a." + "x" * 64])
def test_a_group_is_known_by_name_and_pattern(pattern: str) -> None:
    """Both are read from its id, also where a broker lists ids escaped."""
    group_id = NAMES.group_id("g_1", pattern)

    assert NAMES.group_of(group_id) == ("g_1", pattern)
    assert NAMES.group_of(group_id.replace("*", "%2A").replace("#", "%23")) == ("g_1", pattern)
    assert Names("other").group_of(group_id) is None


def test_exchanges_do_not_meet() -> None:
    """Not even where one's name and a topic together look like another's."""
    assert Names("a").topic("b.c") != Names("a.b").topic("c")
    assert Names("a.b").topic_of(Names("a").topic("b.c")) is None
    assert NAMES.topic_of(NAMES.topic("a.b")) == "a.b"


def test_patterns_have_topics_of_their_own() -> None:
    """No two groups share retries or dead letters, and no topic of ours is one of theirs."""
    patterns = ["a", "a.*", "a.#", "a.*.#", "a.*.*", "*", "#", "x" * 64, "x" * 63 + "y"]
    names = {NAMES.side("g", each, kind) for each in patterns for kind in ("retry", "dead")}

    assert len(names) == 2 * len(patterns)
    assert all(NAMES.topic_of(name) is None for name in names)
    assert all(len(name) <= 249 for name in names)
    assert {NAMES.group_of_dead(NAMES.side("g", each, "dead")) for each in patterns} == {"g"}
    assert NAMES.group_of_dead(NAMES.side("g", "a", "retry")) is None


def test_a_name_too_long_for_kafka_is_refused() -> None:
    """Before the broker does."""
    with pytest.raises(BusError, match="249"):
        NAMES.topic(".".join(["x" * 60] * 5))


@pytest.mark.parametrize("message", [MESSAGE, replace(MESSAGE, priority="normal", key=None)])
def test_a_message_is_read_as_it_was_written(message: Message) -> None:
    """In its own topic, and when it comes again."""
    key = None if message.key is None else message.key.encode()
    own = Stored(tuple(headers_of(message)), key, message.body)
    again = Stored(tuple(retry_headers(message, tries=3, due_at=12.5)), key, message.body)

    assert message_in(own, "a.b") == message
    held = read(again)
    assert (held.message, held.tries, held.due_at) == (message, 3, 12.5)


def test_a_dead_letter_is_read_as_it_was_written() -> None:
    """With its reason and the time of its burial."""
    headers = dead_headers(MESSAGE, tries=2, reason="café")

    letter = dead_letter(Stored(tuple(headers), b"id-1", MESSAGE.body), "g")

    assert (letter.id, letter.group, letter.message) == ("id-1", "g", MESSAGE)
    assert (letter.reason, letter.tries) == ("café", 2)
    assert letter.at.isoformat() == "2023-11-14T22:13:20.500000+00:00"


def test_a_record_of_another_program_is_a_message() -> None:
    """With an id made of its place, and whatever its headers hold."""
    found = message_in(Stored((("priority", b"urgent"), ("x", b"\xff"))), "a.b")

    assert found == Message("a.b", b"body", "suite.a.b-3-7", None, "normal")
    assert read(Stored((("tries", b"many"), ("due", b"soon")))).tries == 1
