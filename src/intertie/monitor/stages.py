"""What is held back before anybody is told: inhibition, silences, mute windows; then groups.

Each stage is a pure function from alerts to those that pass; of each other it says why not.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import ClassVar, Literal
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError
from pydantic import ConfigDict

from intertie.errors import IntertieError
from intertie.monitor.sample import Matcher, Series
from intertie.suite.monitoring import Inhibition, Mute

NAME = "alertname"
SEVERITY = "severity"
TENANT = "tenant"

Stage = Literal["inhibit", "silence", "mute", "flap", "wait", "acknowledge"]


@dataclass(frozen=True, slots=True)
class Alert:
    """Something that is alarming, or was until `ends_at`. The same labels are the same alert."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(ser_json_inf_nan="strings")

    labels: Mapping[str, str]
    """With `alertname` and `severity`."""
    starts_at: datetime
    annotations: Mapping[str, str] = field(default_factory=dict[str, str])
    ends_at: datetime | None = None
    value: float | None = None
    """Of its rule's expression, when it was looked at last."""
    trace: str = ""
    """The look at its rule that made it fire, as a traceparent."""

    fingerprint: str = field(init=False, repr=False, compare=False)
    """The same for the same labels, in any process; an empty label is as none."""

    def __post_init__(self) -> None:
        told = json.dumps(sorted((k, v) for k, v in self.labels.items() if v))
        found = sha256(told.encode()).hexdigest()[:16]
        object.__setattr__(self, "fingerprint", found)  # asked for more often than made

    @property
    def severity(self) -> str:
        """Its label."""
        return self.labels.get(SEVERITY, "")

    def fires(self, now: datetime) -> bool:
        """Whether it has not ended."""
        return self.ends_at is None or self.ends_at > now

    def __str__(self) -> str:
        rest = {name: value for name, value in self.labels.items() if name != NAME}
        return str(Series.of(self.labels.get(NAME, ""), rest))


@dataclass(frozen=True, slots=True)
class Silence:
    """Somebody's word that some alerts are not to be told for a time."""

    id: str
    matchers: tuple[Matcher, ...]
    """All must fit."""
    starts_at: datetime
    ends_at: datetime
    created_by: str
    comment: str
    tenant: str = ""
    """Only alerts with this label `tenant`; empty: of all."""

    def fits(self, alert: Alert) -> bool:
        """Whether the alert is one of those, at any time."""
        if self.tenant and alert.labels.get(TENANT, "") != self.tenant:
            return False
        told = Series.of(alert.labels.get(NAME, ""), alert.labels)
        return all(each.fits(told) for each in self.matchers)


@dataclass(frozen=True, slots=True)
class Held:
    """An alert that is not told now."""

    alert: Alert
    stage: Stage
    why: str
    """For people: `silence 7 by ann until …: disk is being replaced`."""


@dataclass(frozen=True, slots=True)
class Passed:
    """What a stage gives: each alert is in one of the two, in the order they came."""

    alerts: tuple[Alert, ...]
    held: tuple[Held, ...] = ()


@dataclass(frozen=True, slots=True)
class Group:
    """Alerts that are told together."""

    labels: Mapping[str, str]
    """What they share: those grouped by, and the severity."""
    alerts: tuple[Alert, ...]

    @property
    def key(self) -> str:
        """Its name, the same in any process: `{alertname="DiskFull", severity="critical"}`."""
        return key_of(self.labels)


def inhibit(alerts: Sequence[Alert], rules: Sequence[Inhibition], now: datetime) -> Passed:
    """Hold back what another one explains, as Alertmanager does.

    An alert that is both source and target of a rule is not inhibited by others that are both, so
    never by itself. What is held back still inhibits; what has ended does not.
    """
    firing = [each for each in alerts if each.fires(now)]
    tests = [_Inhibitor(rule, firing) for rule in rules]

    def why(alert: Alert) -> str | None:
        found = (test.source_of(alert) for test in tests)
        source = next((each for each in found if each is not None), None)
        return None if source is None else f"{source} fires"

    return _sieve(alerts, "inhibit", why)


def silence(alerts: Sequence[Alert], silences: Sequence[Silence], now: datetime) -> Passed:
    """Hold back what somebody has silenced."""
    standing = [each for each in silences if each.starts_at <= now < each.ends_at]

    def why(alert: Alert) -> str | None:
        fitting = [each for each in standing if each.fits(alert)]
        if not fitting:
            return None
        last = max(fitting, key=lambda each: each.ends_at)
        until = last.ends_at.isoformat(timespec="seconds")
        return f"silence {last.id} by {last.created_by} until {until}: {last.comment}"

    return _sieve(alerts, "silence", why)


def mute(alerts: Sequence[Alert], windows: Mapping[str, Mute], now: datetime) -> Passed:
    """Hold back what a window mutes. Raises IntertieError for a window that cannot be."""
    ends = {name: window_end(each, now) for name, each in windows.items()} if alerts else {}

    def why(alert: Alert) -> str | None:
        for name, end in ends.items():
            if end is not None and _has(alert, windows[name].matchers):
                return f"mute window {name} until {end.isoformat(timespec='seconds')}"
        return None

    return _sieve(alerts, "mute", why)


def window_end(window: Mute, now: datetime) -> datetime | None:
    """When the window that `now` is in ends, in UTC; None outside of windows.

    Windows last `duration` of real time, also over a change of clocks; one whose beginning is
    skipped by such a change begins right after it, one whose beginning repeats begins once.
    Raises IntertieError when the schedule or the time zone cannot be understood.
    """
    span = timedelta(seconds=window.duration)
    after = now.astimezone(UTC) - span
    try:
        starts = CronSim(window.schedule, after.astimezone(ZoneInfo(window.timezone)))
    except (CronSimError, ValueError, OSError, LookupError) as exc:
        raise IntertieError(
            f"cannot use mute window {window.schedule!r} in {window.timezone!r}: {exc}"
        ) from exc
    # In an hour that repeats the first of them can lie before `after`.
    start = next((found for each in starts if (found := each.astimezone(UTC)) > after), None)
    return start + span if start is not None and start <= now else None


def group(alerts: Iterable[Alert], by: Sequence[str]) -> dict[str, Group]:
    """By key. Severities are never mixed: each is told at its own pace."""
    found: dict[str, list[Alert]] = {}
    for each in alerts:
        found.setdefault(key_of(labels_of(each, by)), []).append(each)
    return {key: Group(labels_of(members[0], by), tuple(members)) for key, members in found.items()}


def labels_of(alert: Alert, by: Sequence[str]) -> dict[str, str]:
    """Those its group has; one that is not there is an empty text, and left out."""
    return {name: alert.labels[name] for name in (*by, SEVERITY) if alert.labels.get(name)}


def key_of(labels: Mapping[str, str]) -> str:
    """See Group.key."""
    return str(Series.of("", labels))


class _Inhibitor:
    """One rule over the alerts that fire now; finding a source takes two looks.

    What fires for one tenant hides nothing of another, nor of the suite itself.
    """

    def __init__(self, rule: Inhibition, firing: Sequence[Alert]) -> None:
        self._rule = rule
        sources = [each for each in firing if _has(each, rule.source)]
        self._any = {self._shared(each): each for each in sources}
        self._pure = {self._shared(each): each for each in sources if not _has(each, rule.target)}

    def source_of(self, alert: Alert) -> Alert | None:
        """One that inhibits it."""
        if not _has(alert, self._rule.target):
            return None
        among = self._pure if _has(alert, self._rule.source) else self._any
        tenant, *shared = self._shared(alert)
        return among.get((tenant, *shared)) or among.get(("", *shared))

    def _shared(self, alert: Alert) -> tuple[str, ...]:
        return tuple(alert.labels.get(name, "") for name in (TENANT, *self._rule.equal))


def _has(alert: Alert, labels: Mapping[str, str]) -> bool:
    return all(alert.labels.get(name, "") == value for name, value in labels.items())


def _sieve(alerts: Sequence[Alert], stage: Stage, why: Callable[[Alert], str | None]) -> Passed:
    passed: list[Alert] = []
    held: list[Held] = []
    for each in alerts:
        reason = why(each)
        if reason is None:
            passed.append(each)
        else:
            held.append(Held(each, stage, reason))
    return Passed(tuple(passed), tuple(held))
