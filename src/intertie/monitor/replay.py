"""Rules over the past: which alerts there would have been."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from anyio.lowlevel import checkpoint

from intertie.errors import IntertieError
from intertie.monitor.rule_look import Evaluate, look
from intertie.monitor.rules import AlertRule, Labels
from intertie.monitor.states import NoData, States, Transition, Vector, step

MAX_LOOKS = 1_000_000
_ASKED_EVERY = 256
"""Looks between two questions whether there is time left."""


def _never() -> bool:
    return False


@dataclass(frozen=True, slots=True)
class Fired:
    """One time that an alert fired. Milliseconds since 1970."""

    labels: Labels
    from_ms: int
    to_ms: int | None
    """None: it fires on at the end."""
    value: float
    """When it began."""
    series: Labels = ()
    """The labels its expression gave it."""
    annotations: Labels = ()


@dataclass(frozen=True, slots=True)
class Replayed:
    """What became of a rule."""

    fired: tuple[Fired, ...]
    """In the order in which they began; those about the rule itself (`NoData`) included."""
    states: States
    """At the end: a rule that is new can go on from them."""
    looks: int = 0
    blind: int = 0
    """Looks at which no series that it reads had a sample."""
    is_cut: bool = False
    """There was no time for all looks."""


async def replay(
    rule: AlertRule,
    evaluate: Evaluate,
    start_ms: int,
    *,
    end_ms: int,
    step_ms: int,
    is_late: Callable[[], bool] = _never,
) -> Replayed:
    """Look at the rule from `start_ms` to `end_ms`, both included, `step_ms` apart.

    Nothing is known at the start, so what fired already is told as if it had just begun to.
    Once it `is_late` it ends early. Raises IntertieError for more than a million looks.
    """
    if step_ms <= 0 or (end_ms - start_ms) // step_ms >= MAX_LOOKS:
        raise IntertieError(
            f"cannot replay rule {rule.name}: it takes more than {MAX_LOOKS} looks; "
            "take a longer step or a shorter time"
        )
    states: States = {}
    changes: list[Transition] = []
    blind = 0
    moments = range(start_ms, end_ms + 1, step_ms)
    for number, at_ms in enumerate(moments):
        if number % _ASKED_EVERY == 0:
            await checkpoint()
            if is_late():
                return Replayed(_fired(changes), states, number, blind, is_cut=True)
        outcome = await look(rule, evaluate, at_ms)
        blind += isinstance(outcome, NoData)
        if not states and isinstance(outcome, Vector) and not outcome.values:
            continue  # nothing comes of nothing
        states, now = step(rule, states, outcome, at_ms)
        changes += now
    return Replayed(_fired(changes), states, len(moments), blind)


def _fired(changes: Sequence[Transition]) -> tuple[Fired, ...]:
    told: list[Fired] = []
    for index, begun in enumerate(changes):
        if begun.fired:
            ends = (each for each in changes[index:] if each.resolved)
            end = next((each.at_ms for each in ends if each.labels == begun.labels), None)
            told.append(_one(begun, end))
    return tuple(told)


def _one(begun: Transition, to_ms: int | None) -> Fired:
    state = begun.state
    return Fired(
        begun.labels,
        begun.at_ms,
        to_ms,
        state.value,
        series=state.series,
        annotations=state.annotations,
    )
