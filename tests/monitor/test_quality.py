"""How good rules are, by what became of their notices."""

import json
from datetime import UTC, datetime, timedelta

from intertie.monitor.escalation import Ack, Kind
from intertie.monitor.ledger import Row
from intertie.monitor.quality import Quality, quality
from intertie.monitor.rules import AlertRule

BEGAN = datetime(2026, 3, 1, tzinfo=UTC)


def row(name: str, kind: Kind, minutes: float, channel: str = "ops") -> Row:
    """A notice, so many minutes after the beginning."""
    text = json.dumps({"alerts": [{"labels": {"alertname": name}}]})
    at = BEGAN + timedelta(minutes=minutes)
    return Row(f"{name}{minutes}:{channel}", name, kind, channel, at, text)


def episodes(count: int, *, apart: float, long: float) -> list[Row]:
    """Each with a beginning and an end, in minutes."""
    ends: tuple[tuple[Kind, float], ...] = (("first", 0), ("resolved", long))
    return [row("Down", kind, n * apart + at) for n in range(count) for kind, at in ends]


def of(*rows: Row, acks: tuple[tuple[str, Ack], ...] = ()) -> Quality:
    """A critical rule, over two weeks."""
    rule = AlertRule("Down", "a", "a", severity="critical")
    until = BEGAN + timedelta(days=14)
    [found] = quality([rule], rows, acks, since=BEGAN, until=until)
    return found


def test_pages_are_counted_once_however_many_channels_there_are() -> None:
    """First notices, repeats and escalations; an end is none."""
    kinds: tuple[tuple[Kind, int], ...] = (
        ("first", 0),
        ("repeat", 5),
        ("escalation", 30),
        ("resolved", 40),
    )
    rows = [row("Down", kind, at, channel) for kind, at in kinds for channel in ("a", "b")]

    found = of(*rows)

    assert (found.episodes, found.pages, found.pages_per_week) == (1, 3, 1.5)
    assert not found.never_told
    assert of(row("Other", "first", 0)).never_told


def test_how_soon_somebody_looked_after_it_is_told() -> None:
    """An acknowledgement counts for the episode in which it came."""
    rows = [row("Down", "first", 0), row("Down", "resolved", 90), row("Down", "first", 200)]
    acks = (("Down", Ack("ann", BEGAN + timedelta(minutes=7))), ("Up", Ack("ann", BEGAN)))

    found = of(*rows, acks=acks)

    assert (found.episodes, found.acknowledged, found.acknowledged_within_s) == (2, 1, 420)
    assert found.ignored == 1


def test_what_nobody_looks_after_need_not_wake_anybody() -> None:
    """Three times is no accident."""
    rows = episodes(3, apart=200, long=120)

    found = of(*rows)

    assert found.ignored == 3
    assert [(each.key, each.value) for each in found.proposals] == [("severity", "warning")]
    assert of(*rows[:4]).proposals == ()


def test_noise_is_to_last_before_it_is_told() -> None:
    """What is over at once, and what comes and goes."""
    noise = episodes(3, apart=60, long=2)
    found = of(*noise, row("Down", "flapping", 400))

    assert (found.short, found.flapped) == (3, 1)
    assert [(each.key, each.value) for each in found.proposals] == [
        ("keep_firing_for", "10m"),
        ("for", "5m"),
    ]
