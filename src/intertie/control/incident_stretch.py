"""When there was trouble, from the first event that told of it to the one that ended it."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal, cast

from intertie.event import (
    AlertFiring,
    AlertResolved,
    Event,
    HealthChanged,
    ServiceFailed,
    ServiceStarted,
    ServiceStopped,
)
from intertie.runtime.change import Change, StepRecord

GAP = timedelta(seconds=60)
"""Trouble that follows within this time is the same incident."""
_ENDING = frozenset({"stop", "remove", "scale"})
"""Steps after which a service that was in trouble is not wanted, or is judged anew."""
_STARTING_ANEW = frozenset({"restart", "replace"})


@dataclass(frozen=True, slots=True, order=True)
class Trouble:
    """What is wrong, or was."""

    kind: Literal["service", "alert"]
    name: str
    which: str
    """Number of the replica, or the labels of the alert."""

    @classmethod
    def of_replica(cls, service: str, index: int) -> "Trouble":
        """A replica that is not well."""
        return cls("service", service, str(index))

    @classmethod
    def of_alert(cls, labels: object) -> "Trouble":
        """An alert that fires, by all its labels."""
        known = cast("Mapping[str, object]", labels) if isinstance(labels, Mapping) else {}
        told = {name: str(value) for name, value in known.items()}
        text = ", ".join(f"{name}={value}" for name, value in sorted(told.items()))
        return cls("alert", told.get("alertname", ""), text)


@dataclass(slots=True)
class Stretch:
    """A time in which something was in trouble all along, but for short gaps."""

    first: Event
    troubles: set[Trouble] = field(default_factory=set[Trouble])
    end: datetime | None = None
    """None: it is not over."""

    @property
    def begin(self) -> datetime:
        """When the first of it was noticed."""
        return self.first.time

    @property
    def services(self) -> tuple[str, ...]:
        """Those that were in trouble, by name."""
        return tuple(sorted({each.name for each in self.troubles if each.kind == "service"}))


def stretches(
    events: Sequence[Event], changes: Sequence[Change], still: Collection[Trouble] | None
) -> list[Stretch]:
    """All of them, the oldest first, of events by time.

    `still`: what is in trouble now, if that is known. Other troubles that nothing recorded the end
    of ended with the last word of them.
    """
    return _joined(_settled(_turns(events, changes), still))


@dataclass(frozen=True, slots=True)
class _Turn:
    """A trouble begins, goes on or ends."""

    at: datetime
    trouble: Trouble
    event: Event | None = None
    """The first that told of it; None: it is over."""

    def touches(self, trouble: Trouble) -> bool:
        """Whether it is about this one; a change is about all replicas."""
        is_same = (self.trouble.kind, self.trouble.name) == (trouble.kind, trouble.name)
        return is_same and self.trouble.which in {trouble.which, "*"}


def _turns(events: Sequence[Event], changes: Sequence[Change]) -> list[_Turn]:
    reader = _Reader(changes)
    found = [turn for event in events for turn in reader.read(event)]
    for change in changes:
        for step in change.steps:
            if step.action in _ENDING and step.status == "done" and step.ended_at is not None:
                found.append(_Turn(step.ended_at, Trouble("service", step.service, "*")))
    return sorted(found, key=lambda each: each.at)


class _Reader:
    """Understands events one by one, in their order."""

    def __init__(self, changes: Sequence[Change]) -> None:
        self._restarts: dict[str, list[StepRecord]] = {}
        for step in (step for change in changes for step in change.steps):
            if step.action in _STARTING_ANEW:
                self._restarts.setdefault(step.service, []).append(step)
        self._ready = set[Trouble]()
        self._ended: dict[Trouble, Event] = {}
        """The end of a process that nobody had asked for."""

    def read(self, event: Event) -> Iterator[_Turn]:
        if event.type in {AlertFiring.type, AlertResolved.type}:
            trouble = Trouble.of_alert(event.data.get("labels"))
            is_bad = event.type == AlertFiring.type
            yield _Turn(event.time, trouble, event if is_bad else None)
            return
        service, index = event.data.get("service"), event.data.get("replica")
        if isinstance(service, str) and isinstance(index, int):
            yield from self._of_replica(event, Trouble.of_replica(service, index))

    def _of_replica(self, event: Event, trouble: Trouble) -> Iterator[_Turn]:
        if event.type == ServiceStarted.type or is_up(event):
            self._ready.add(trouble)
            self._ended.pop(trouble, None)
            yield _Turn(event.time, trouble)
        elif event.type == ServiceStopped.type:
            self._ready.discard(trouble)
            if not event.data.get("wanted"):
                # Bad only if a failure follows: a job may simply have done its work.
                self._ended[trouble] = event
            elif not self._is_restarted(trouble.name, event.time):
                yield _Turn(event.time, trouble)
        elif event.type == ServiceFailed.type:
            first = self._ended.pop(trouble, event)
            yield _Turn(first.time, trouble, first)
        elif event.type == HealthChanged.type and trouble in self._ready:
            # Before it was ready for the first time it merely starts.
            yield _Turn(event.time, trouble, event)

    def _is_restarted(self, service: str, at: datetime) -> bool:
        """It is to come back at once: it is not well before it has."""
        return any(
            step.began_at is not None and step.began_at <= at <= (step.ended_at or at)
            for step in self._restarts.get(service, ())
        )


def is_up(event: Event) -> bool:
    """Whether a health check has become good."""
    return event.type == HealthChanged.type and event.data.get("status") == "UP"


def _settled(turns: list[_Turn], still: Collection[Trouble] | None) -> list[_Turn]:
    """With an end for each trouble that is there no more without anybody having said so."""
    if still is None:
        return turns
    left: dict[Trouble, datetime] = {}
    for turn in turns:
        if turn.event is not None:
            left[turn.trouble] = turn.at
        else:
            left = {each: at for each, at in left.items() if not turn.touches(each)}
    ends = [_Turn(at, each) for each, at in left.items() if each not in still]
    return sorted([*turns, *ends], key=lambda each: each.at)


def _joined(turns: Sequence[_Turn]) -> list[Stretch]:
    found: list[Stretch] = []
    open_ = set[Trouble]()
    for turn in turns:
        if turn.event is not None:
            last = found[-1] if found else None
            if last is None or (last.end is not None and turn.at - last.end > GAP):
                found.append(last := Stretch(turn.event))
            open_.add(turn.trouble)
            last.troubles.add(turn.trouble)
            last.end = None
        elif over := {each for each in open_ if turn.touches(each)}:
            open_ -= over
            if not open_:
                found[-1].end = turn.at
    return found
