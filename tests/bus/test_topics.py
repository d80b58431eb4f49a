"""Topics and patterns."""

import pytest
from hypothesis import given, strategies

from intertie.bus.topics import check_group, check_pattern, check_topic, is_literal, matches
from intertie.errors import BusError

WORDS = strategies.from_regex(r"[A-Za-z0-9_-]{1,8}", fullmatch=True)
TOPICS = strategies.lists(WORDS, min_size=1, max_size=6).map(".".join)


@pytest.mark.parametrize(
    ("pattern", "topic", "wanted"),
    [
        ("a.b", "a.b", True),
        ("a.b", "a.b.c", False),
        ("a.*", "a.b", True),
        ("a.*", "a", False),
        ("a.*", "a.b.c", False),
        ("*.b", "a.b", True),
        ("a.#", "a", True),
        ("a.#", "a.b.c", True),
        ("a.#", "ab", False),
        ("a.*.#", "a", False),
        ("a.*.#", "a.b.c.d", True),
        ("#", "anything.at.all", True),
    ],
)
def test_patterns_match_by_words(pattern: str, topic: str, wanted: bool) -> None:
    """* is one word, # at the end any number."""
    assert matches(check_pattern(pattern), check_topic(topic)) is wanted


@given(TOPICS)
def test_a_topic_matches_itself_and_the_rest(topic: str) -> None:
    """Every topic is a pattern too."""
    assert is_literal(check_pattern(topic))
    assert matches(topic, topic)
    assert matches("#", topic)
    assert matches(f"{topic}.#", topic)
    assert not matches(f"{topic}.*", topic)


@pytest.mark.parametrize("name", ["", "a b", "a" * 101, "a.b", "é"])
def test_a_group_is_one_word(name: str) -> None:
    """It becomes part of a queue's name on every engine."""
    with pytest.raises(BusError, match="cannot use group"):
        check_group(name)
