"""How good rules are, by what became of their notices: looked after, ignored, noise, or none."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from statistics import median

from intertie.monitor.escalation import Ack
from intertie.monitor.ledger import Row
from intertie.monitor.rules import ALERT_NAME, AlertRule

_WEEK = timedelta(days=7)
_SHORT = timedelta(minutes=5)
_IGNORED_AFTER = timedelta(hours=1)
_PAGES = {"first", "repeat", "escalation"}
MANY = 3
"""So often it is no accident."""


@dataclass(slots=True)
class _Episode:
    """A group, from its first notice until it was told that it is over."""

    group: str
    began: datetime
    rules: frozenset[str]
    pages: int = 0
    flapped: bool = False
    ended: datetime | None = None


@dataclass(frozen=True, slots=True)
class Proposal:
    """A key of a rule that should be another."""

    key: str
    value: str
    why: str


@dataclass(frozen=True, slots=True)
class Quality:
    """What became of a rule's notices."""

    rule: str
    severity: str
    episodes: int
    pages: int
    pages_per_week: float
    acknowledged: int
    """Episodes that somebody looked after."""
    acknowledged_within_s: float | None
    """Half of those sooner; None: there is none."""
    ignored: int
    """Episodes that nobody acknowledged within an hour, though they lasted so long."""
    short: int
    """Episodes that were over within five minutes before anybody did anything."""
    flapped: int
    proposals: tuple[Proposal, ...]

    @property
    def never_told(self) -> bool:
        """Nobody was ever told by it."""
        return self.episodes == 0


def quality(
    rules: Iterable[AlertRule],
    rows: Sequence[Row],
    acks: Sequence[tuple[str, Ack]],
    *,
    since: datetime,
    until: datetime,
) -> list[Quality]:
    """Of each rule, those that page most first. `rows`: notices of that time, in any order."""
    episodes = list(_episodes(each for each in rows if each.planned_at >= since))
    answers = {id(each): _answer(each, acks) for each in episodes}
    found = [
        _of(rule, [e for e in episodes if rule.name in e.rules], answers, since=since, until=until)
        for rule in rules
    ]
    return sorted(found, key=lambda each: (-each.pages, each.rule))


def _episodes(rows: Iterable[Row]) -> Iterator[_Episode]:
    """Oldest first."""
    open_: dict[str, _Episode] = {}
    found: list[_Episode] = []
    notices = {(each.group, each.kind, each.planned_at): each for each in rows}
    for (group, kind, at), row in sorted(notices.items(), key=lambda each: each[0][2]):
        episode = open_.get(group)
        if episode is None:
            if kind == "resolved":
                continue  # of one that began before
            episode = open_[group] = _Episode(group, at, _names(row))
            found.append(episode)
        episode.rules |= _names(row)
        episode.pages += kind in _PAGES
        episode.flapped |= kind == "flapping"
        if kind == "resolved":
            episode.ended = at
            del open_[group]
    yield from found


def _names(row: Row) -> frozenset[str]:
    told = json.loads(row.text).get("alerts", ())
    return frozenset(each["labels"].get(ALERT_NAME, "") for each in told)


def _answer(episode: _Episode, acks: Iterable[tuple[str, Ack]]) -> timedelta | None:
    """After how long somebody acknowledged it."""
    moments = [
        ack.at
        for group, ack in acks
        if group == episode.group
        and ack.at >= episode.began
        and (episode.ended is None or ack.at <= episode.ended)
    ]
    return min(moments) - episode.began if moments else None


@dataclass(slots=True)
class _Count:
    acknowledged: list[float] = field(default_factory=list[float])
    ignored: int = 0
    short: int = 0


def _of(
    rule: AlertRule,
    episodes: Sequence[_Episode],
    answers: Mapping[int, timedelta | None],
    *,
    since: datetime,
    until: datetime,
) -> Quality:
    count = _Count()
    for each in episodes:
        answer, lasted = answers[id(each)], (each.ended or until) - each.began
        if answer is not None:
            count.acknowledged.append(answer.total_seconds())
        count.ignored += answer is None and lasted >= _IGNORED_AFTER
        count.short += answer is None and each.ended is not None and lasted <= _SHORT
    pages = sum(each.pages for each in episodes)
    flapped = sum(each.flapped for each in episodes)
    return Quality(
        rule=rule.name,
        severity=rule.severity,
        episodes=len(episodes),
        pages=pages,
        pages_per_week=round(pages / max((until - since) / _WEEK, 1 / 7), 2),
        acknowledged=len(count.acknowledged),
        acknowledged_within_s=median(count.acknowledged) if count.acknowledged else None,
        ignored=count.ignored,
        short=count.short,
        flapped=flapped,
        proposals=tuple(_proposals(rule, count, len(episodes), flapped)),
    )


def _proposals(rule: AlertRule, count: _Count, episodes: int, flapped: int) -> Iterator[Proposal]:
    if flapped and rule.keep_firing_for_ms == 0:
        yield Proposal("keep_firing_for", "10m", f"it came and went {flapped} times")
    if count.short >= MANY and count.short * 2 > episodes and rule.for_ms < _SHORT_MS:
        yield Proposal("for", "5m", f"{count.short} of {episodes} were over within five minutes")
    nobody = count.ignored >= MANY and not count.acknowledged
    if nobody and rule.severity == "critical":
        yield Proposal("severity", "warning", f"nobody looked after any of {episodes}")


_SHORT_MS = round(_SHORT.total_seconds() * 1000)
