"""Names of topics and patterns over them."""

import re

from intertie.errors import BusError

_WORD = r"[A-Za-z0-9_-]{1,64}"
_TOPIC = re.compile(rf"{_WORD}(\.{_WORD}){{0,15}}")
_PATTERN = re.compile(rf"({_WORD}|\*)(\.({_WORD}|\*)){{0,15}}(\.#)?|#")
_GROUP = re.compile(r"[A-Za-z0-9_-]{1,100}")


def check_topic(topic: str) -> str:
    """The topic. Raises BusError when it is none: 1 to 16 words joined by dots."""
    if not _TOPIC.fullmatch(topic):
        raise BusError(
            f"cannot use topic {topic[:80]!r}: expected words of letters, digits, _ and -, joined"
            " by dots, such as asset.processed"
        )
    return topic


def check_pattern(pattern: str) -> str:
    """The pattern. Raises BusError when it is none."""
    if not _PATTERN.fullmatch(pattern):
        raise BusError(
            f"cannot subscribe to {pattern[:80]!r}: expected a topic in which * stands for one word"
            " and # at the end for any number of words"
        )
    return pattern


def check_group(group: str) -> str:
    """The group's name. Raises BusError when it is none."""
    if not _GROUP.fullmatch(group):
        raise BusError(
            f"cannot use group {group[:80]!r}: expected up to 100 letters, digits, _ and -"
        )
    return group


def is_literal(pattern: str) -> bool:
    """Whether it matches one topic only: itself."""
    return "*" not in pattern and "#" not in pattern


def matches(pattern: str, topic: str) -> bool:
    """Whether a message of this topic is wanted."""
    wanted, words = pattern.split("."), topic.split(".")
    if wanted[-1] == "#":
        wanted = wanted[:-1]
        words = words[: len(wanted)] if len(words) >= len(wanted) else words
    return len(wanted) == len(words) and all(
        one in {"*", word} for one, word in zip(wanted, words, strict=True)
    )
