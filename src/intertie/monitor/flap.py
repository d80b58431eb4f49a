"""Alerts that come and go: how much they do, and when that is too much to tell each time."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True)
class Damping:
    """When an alert counts as flapping, and when no more.

    Source: Nagios Core, "Detection and Handling of State Flapping": newer changes weigh 1.2, the
    oldest 0.8; 20 changes are 100 %; thresholds of 20 % and 30 %. Over a time instead of a number
    of checks, for rules are not all looked at equally often.
    """

    window: timedelta = timedelta(minutes=30)
    full: int = 20
    """Changes within the window that are 100 %."""
    high: float = 30.0
    """Percent from which on it flaps."""
    low: float = 20.0
    """Percent below which it has calmed down."""


@dataclass(frozen=True, slots=True)
class Flap:
    """How one alert came and went."""

    fires: bool = False
    changes: tuple[datetime, ...] = ()
    """When it began or ended, within the window, oldest first."""
    flaps: bool = False
    told: bool = False
    """Whether it was told that it flaps."""


def score(changes: Collection[datetime], now: datetime, damping: Damping) -> float:
    """Percent, from 0 to 100."""
    ages = [(now - at) / damping.window for at in changes]
    weighted = sum(1.2 - 0.4 * max(age, 0.0) for age in ages if age < 1)
    return min(100.0, 100 * weighted / damping.full)


def observe(flap: Flap, fires: bool, now: datetime, *, damping: Damping) -> Flap:
    """What is known after it was seen so."""
    changes = tuple(at for at in flap.changes if now - at < damping.window)
    if fires != flap.fires:
        # What is beyond 100 % is not needed, however fast it goes.
        changes = (*changes, now)[-2 * damping.full :]
    level = score(changes, now, damping)
    flaps = level >= (damping.low if flap.flaps else damping.high)
    return replace(
        flap, fires=fires, changes=changes, flaps=flaps, told=flap.told and flap.flaps and flaps
    )


def observe_all(
    flaps: Mapping[str, Flap], firing: Collection[str], now: datetime, *, damping: Damping
) -> dict[str, Flap]:
    """By fingerprint, with those that fire now; what has been quiet for a window is forgotten."""
    seen = {
        name: observe(flaps.get(name, Flap()), name in firing, now, damping=damping)
        for name in sorted({*flaps, *firing})
    }
    return {name: each for name, each in seen.items() if each.fires or each.changes}


def calm_at(flap: Flap, damping: Damping) -> datetime | None:
    """When to look again whether it has calmed down, if nothing happens; None: it does not flap."""
    return flap.changes[0] + damping.window if flap.flaps and flap.changes else None
