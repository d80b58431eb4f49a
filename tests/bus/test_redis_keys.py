"""How the bus lies in Redis."""

from hypothesis import given, strategies

from intertie.bus.port import PRIORITIES, Message
from intertie.bus.redis_keys import (
    Keys,
    by_rank,
    claimed,
    lag,
    pack,
    read_entry,
    unpack,
    wanted,
    with_priority,
)

MESSAGES = strategies.builds(
    Message,
    topic=strategies.just("a.b"),
    body=strategies.binary(),
    id=strategies.text(),
    key=strategies.none() | strategies.text(),
    priority=strategies.sampled_from(PRIORITIES),
)


@given(MESSAGES, strategies.integers(0, 1000))
def test_a_packed_message_is_the_same_again(message: Message, tries: int) -> None:
    """Whatever its bytes are."""
    assert unpack(pack(message, tries)) == (message, tries)


def test_urgent_topics_are_read_first() -> None:
    """A topic has a stream for each priority that was ever used."""
    topics = {"a.b", "a.b!low", "a.b!high", "a.c", "z"}

    found = wanted("a.*", topics)

    assert found == ["a.b!high", "a.b", "a.c", "a.b!low"]
    streams = [Keys("x").stream(topic) for topic in found]
    assert [len(each) for each in by_rank(streams)] == [1, 2, 1]
    assert [Keys("x").topic_of(stream) for stream in streams] == found


def test_an_exchange_stays_on_one_node() -> None:
    """Its keys share the part that a cluster looks at."""
    keys = Keys("media-events")
    every = [keys.topics, keys.groups, keys.announcements, keys.stream("a"), keys.lane("g|a")]

    assert all(key.startswith("{media-events}:") for key in every)


def test_another_program_s_entry_is_read_as_far_as_it_goes() -> None:
    """It may know nothing of ids, keys or priorities."""
    assert read_entry("a!high", b"1-0", [b"data", b"{}"]) == Message(
        "a", b"{}", "1-0", None, "high"
    )
    assert with_priority(Message("a", b"", "1", None, "low")) == "a!low"


def test_redis_6_2_says_less() -> None:
    """It has nothing in place of a message trimmed away, and counts no lag."""
    entry = [b"1-0", [b"id", b"1"]]

    assert claimed([b"0-0", [None, entry, [b"2-0", None]]]) == [entry]
    assert lag({"name": b"g", "pending": 1}) is None
    assert lag({"name": b"g", "lag": 3}) == 3
    assert lag({}) == 0
