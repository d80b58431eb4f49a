"""What a structured line says: JSON objects and logfmt, with the keys that loggers use."""

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal, cast, get_args

Level = Literal["trace", "debug", "info", "warning", "error", "critical"]
LEVELS: tuple[Level, ...] = get_args(Level)
"""From the least to the most severe."""

_LEVEL_KEYS = ("level", "severity", "lvl", "log.level", "levelname", "severity_text")
_MESSAGE_KEYS = ("msg", "message", "event", "body")
_TIME_KEYS = ("time", "ts", "timestamp", "@timestamp", "asctime")
_KNOWN = (_LEVEL_KEYS, _MESSAGE_KEYS, _TIME_KEYS)
_WORDS: Mapping[str, Level] = {
    **{level: level for level in LEVELS},
    "verbose": "debug",
    "information": "info",
    "notice": "info",
    "warn": "warning",
    "err": "error",
    "crit": "critical",
    "fatal": "critical",
    "panic": "critical",
    "alert": "critical",
    "emerg": "critical",
    "emergency": "critical",
}
_NUMBERED = 10
"""Pino and Bunyan count levels in tens, from 10 for trace."""
_PAIR = r"[A-Za-z_@][\w.@/-]*=(?:\"(?:[^\"\\]|\\.)*\"|[^\s\"=]*)"
_LOGFMT = re.compile(rf"\s*{_PAIR}(?:\s+{_PAIR})+\s*", re.ASCII)
_PAIRS = re.compile(r"([A-Za-z_@][\w.@/-]*)=(?:\"((?:[^\"\\]|\\.)*)\"|([^\s\"=]*))", re.ASCII)
_NUMBER = re.compile(r"\d{9,19}(\.\d{1,9})?")
_EPOCH_MIN_S, _EPOCH_MAX_S = 1e8, 1e11
"""A larger number counts milliseconds, a thousand times larger microseconds, then nanoseconds."""


@dataclass(frozen=True, slots=True)
class Structured:
    """One line taken apart."""

    level: Level | None
    message: str
    time: datetime | None
    """Aware; a time without a zone is taken for UTC."""
    fields: Mapping[str, object]
    """All else the line holds."""


def parse(text: str) -> Structured | None:
    """What the line says; None unless it is JSON or logfmt with a known key."""
    fields = _json(text) if text.lstrip()[:1] == "{" else _logfmt(text)
    if fields is None:
        return None
    keys = [next((key for key in keys if key in fields), None) for keys in _KNOWN]
    if not any(keys):
        return None
    level_key, message_key, time_key = keys
    level = _level(fields[level_key]) if level_key else None
    time = _time(fields[time_key]) if time_key else None
    # What cannot be read stays among the rest, so that nothing of the line is lost.
    taken = {level and level_key, message_key, time and time_key}
    rest = {key: value for key, value in fields.items() if key not in taken}
    return Structured(level, _text(fields[message_key]) if message_key else "", time, rest)


def at_least(level: Level | None, least: Level) -> bool:
    """Whether it is as severe; what tells no level is not."""
    return level is not None and LEVELS.index(level) >= LEVELS.index(least)


def _json(text: str) -> Mapping[str, object] | None:
    try:
        found: object = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return cast("dict[str, object]", found) if isinstance(found, dict) else None


def _logfmt(text: str) -> Mapping[str, object] | None:
    if "=" not in text or not _LOGFMT.fullmatch(text):
        return None
    return {key: _unquoted(quoted) or bare for key, quoted, bare in _PAIRS.findall(text)}


def _unquoted(text: str) -> str:
    if "\\" not in text:
        return text
    try:
        return str(json.loads(f'"{text}"'))
    except ValueError:
        return text


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _level(value: object) -> Level | None:
    if isinstance(value, str):
        return _WORDS.get(value.strip().lower())
    if isinstance(value, int) and not isinstance(value, bool):
        place = value // _NUMBERED - 1
        return LEVELS[place] if 0 <= place < len(LEVELS) else None
    return None


def _time(value: object) -> datetime | None:
    if isinstance(value, str) and not _NUMBER.fullmatch(value):
        return _iso(value)
    try:
        number = float(cast("str | float", value)) if not isinstance(value, bool) else math.nan
    except (TypeError, ValueError):
        return None
    for _ in range(3):
        number = number / 1000 if number > _EPOCH_MAX_S else number
    return datetime.fromtimestamp(number, UTC) if _EPOCH_MIN_S <= number < _EPOCH_MAX_S else None


def _iso(text: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
