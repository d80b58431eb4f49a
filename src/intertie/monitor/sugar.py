"""Short rules, as `error_rate > 5%`: words people know, their units, and the PromQL they mean."""

import re
from collections.abc import Collection
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum

from intertie.errors import IntertieError
from intertie.suite.nearest import did_you_mean
from intertie.suite.values import parse_duration, parse_size


class Unit(StrEnum):
    """What a figure is told in."""

    PERCENT = "percent"
    """0 to 100."""
    SECONDS = "seconds"
    BYTES = "bytes"
    COUNT = "count"


@dataclass(frozen=True, slots=True)
class Word:
    """A figure that short rules name."""

    unit: Unit
    promql: str
    """Its value, in its unit."""
    by: tuple[str, ...] = ()
    """The labels its values are told apart by."""


@dataclass(frozen=True, slots=True)
class Compiled:
    """What a rule's text means."""

    promql: str
    unit: Unit | None
    """Of its value; None where the text is PromQL."""
    shown: str
    """As people read it."""
    word: str | None = None
    """The figure it is about; None where the text is PromQL."""


_REQUESTS = "intertie_http_requests_total"
_RATE = f"sum by (service) (rate({_REQUESTS}[5m]))"
_BUCKETS = "sum by (service, le) (rate(intertie_http_request_duration_seconds_bucket[5m]))"


def _error_rate() -> str:
    # A service without any error has no such series: its rate is 0, not unknown.
    errors = f'sum by (service) (rate({_REQUESTS}{{status=~"5.."}}[5m]))'
    return f"100 * ({errors} or 0 * {_RATE}) / {_RATE}"


def _response_time(quantile: float) -> Word:
    promql = f"histogram_quantile({quantile}, {_BUCKETS})"
    return Word(Unit.SECONDS, promql, ("service",))


WORDS: dict[str, Word] = {
    "error_rate": Word(Unit.PERCENT, _error_rate(), ("service",)),
    "request_rate": Word(Unit.COUNT, _RATE, ("service",)),
    "response_time_p50": _response_time(0.5),
    "response_time_p90": _response_time(0.9),
    "response_time_p95": _response_time(0.95),
    "response_time_p99": _response_time(0.99),
    "cpu_usage": Word(Unit.PERCENT, "100 * intertie_cpu_usage_ratio"),
    "memory_usage": Word(Unit.PERCENT, "100 * intertie_memory_usage_ratio"),
    "disk_usage": Word(Unit.PERCENT, "100 * intertie_disk_usage_ratio", ("mount",)),
    "service_cpu": Word(Unit.PERCENT, "100 * intertie_service_cpu_ratio", ("service",)),
    "service_memory": Word(Unit.BYTES, "intertie_service_memory_bytes", ("service",)),
    "service_up": Word(Unit.COUNT, "intertie_service_up", ("service",)),
    "queue_length": Word(Unit.COUNT, "sum by (group) (intertie_bus_pending)", ("group",)),
    "dead_letters": Word(Unit.COUNT, "sum by (group) (intertie_bus_dead_letters)", ("group",)),
}
"""Every word a short rule may begin with."""

_SHORT = re.compile(
    r"\s*([a-zA-Z_:][\w:]*)\s*(>=|<=|==|!=|>|<)\s*([0-9][0-9a-zA-Z.]*\s?[a-zA-Z%]*)\s*"
)
_EXAMPLE = {
    Unit.PERCENT: "5%",
    Unit.SECONDS: "1000ms or 2s",
    Unit.BYTES: "512MB",
    Unit.COUNT: "1000",
}
_SLIP = 0.85
"""So near, a name that could be a metric's is taken for a misspelt word."""
_NUMBER = re.compile(r"[0-9]+(\.[0-9]+)?")


def compile_rule_text(text: str, *, own: Collection[str] = ()) -> Compiled:
    """What a short rule means; anything else is PromQL and stays as it is, unchecked.

    `own` names metrics that are no misspelt words. Raises IntertieError for a word that is not
    known but near one, or with a quantity of another unit.
    """
    found = _SHORT.fullmatch(text)
    if found is None:
        _check_start(text)
        return Compiled(text, None, text.strip())
    name, op, quantity = found.groups()
    word = WORDS.get(name)
    if word is None:
        return _not_a_word(text, name, quantity, own)
    value = _in_unit(quantity, word.unit)
    if value is None:
        raise IntertieError(f"cannot read rule `{text}`: {_unit_hint(name, word, quantity)}")
    return Compiled(f"{word.promql} {op} {value}", word.unit, f"{name} {op} {quantity}", name)


def _check_start(text: str) -> None:
    start = re.match(r"\s*([a-zA-Z_:][\w:]*)", text)
    if start and start[1] in WORDS:
        raise IntertieError(
            f"cannot read rule `{text}`: {start[1]} is a word of short rules, which are a word, a "
            f"comparison and a quantity; in PromQL it is `{WORDS[start[1]].promql}`"
        )


def _not_a_word(text: str, name: str, quantity: str, own: Collection[str]) -> Compiled:
    is_promql = _NUMBER.fullmatch(quantity) is not None
    is_slip = bool(get_close_matches(name, WORDS, n=1, cutoff=_SLIP))
    if is_promql and (name in own or not is_slip):
        return Compiled(text, None, text.strip())
    hint = did_you_mean(name, WORDS) or f"known words are {', '.join(sorted(WORDS))}"
    if is_promql:
        hint += f' A metric of that name is told as `{{__name__="{name}"}}`.'
    raise IntertieError(f"cannot read rule `{text}`: {name!r} is not a known word; {hint}")


def _in_unit(quantity: str, unit: Unit) -> str | None:
    """The number in the word's unit as PromQL writes it; None where it is told in another."""
    is_bare = _NUMBER.fullmatch(quantity) is not None
    if unit is Unit.COUNT:
        return quantity if is_bare else None
    if unit is Unit.PERCENT:
        number = quantity.removesuffix("%").strip()
        return number if quantity.endswith("%") and _NUMBER.fullmatch(number) else None
    read = parse_duration if unit is Unit.SECONDS else parse_size
    try:
        return None if is_bare else _plain(read(quantity))
    except ValueError:
        return None


def _plain(value: float) -> str:
    """Without the noise of binary fractions: 700ms are 0.7 seconds."""
    return str(int(value)) if value == int(value) else f"{value:.12g}"


def _unit_hint(name: str, word: Word, quantity: str) -> str:
    unit = "a count" if word.unit is Unit.COUNT else f"in {word.unit}"
    told = f"{name} is {unit}, as {_EXAMPLE[word.unit]}, not {quantity!r}"
    others = [
        other
        for other, each in WORDS.items()
        if other.rpartition("_")[0] == "service"
        and other.endswith(name.partition("_")[0])
        and _in_unit(quantity, each.unit) is not None
    ]
    return f"{told}; {others[0]} takes that" if others else told
