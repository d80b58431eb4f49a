"""Which notices are due: alerts and what is known of them in, a plan out. Nothing is done here.

A plan holds the state after it: kept together with its notices, neither can be without the other.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from hashlib import sha256

from intertie.monitor import escalation, flap, stages
from intertie.monitor.escalation import Ack, Due, Kind, Pace, Pacing
from intertie.monitor.flap import Damping, Flap
from intertie.monitor.rota import reached
from intertie.monitor.stages import Alert, Held, Passed, Silence
from intertie.suite.monitoring import AlertIntegration, Inhibition, Monitoring, SeverityLevel

_DEFAULT_LEVELS = AlertIntegration().severity_levels


@dataclass(frozen=True, slots=True)
class Episode:
    """A group, from its first alert that may be told until it was told that all have ended."""

    labels: Mapping[str, str]
    pace: Pace
    waiting: tuple[str, ...] = ()
    """Fingerprints of alerts that are there and not told yet."""
    told: tuple[Alert, ...] = ()
    """Those that fire still."""
    ended: tuple[Alert, ...] = ()
    """Those that have ended since the last notice."""
    reached: tuple[str, ...] = ()
    """Channels that were told of it."""


@dataclass(frozen=True, slots=True)
class State:
    """What is known between two plans."""

    version: int = 0
    """Of episodes and flaps: a plan replaces only those it was made from."""
    episodes: Mapping[str, Episode] = field(default_factory=dict[str, Episode])
    """By group key."""
    flaps: Mapping[str, Flap] = field(default_factory=dict[str, Flap])
    """By fingerprint."""
    silences: tuple[Silence, ...] = ()
    acks: Mapping[str, Ack] = field(default_factory=dict[str, Ack])
    """The newest of each group, by key."""


@dataclass(frozen=True, slots=True)
class Notice:
    """Something people are to be told."""

    id: str
    """The same when the same plan is made again; never that of another notice."""
    kind: Kind
    group: str
    """Key of the group."""
    labels: Mapping[str, str]
    """Of the group."""
    alerts: tuple[Alert, ...]
    """Those that fire, then those that have ended since the notice before."""
    channels: tuple[str, ...]
    severity: str
    due_at: datetime


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be told now, what is not and why, and what is known after that."""

    notices: tuple[Notice, ...]
    held: tuple[Held, ...]
    after: State
    next_at: datetime | None
    """When to ask again at the latest, if nothing comes or goes before."""


def due(
    now: datetime,
    alerts: Sequence[Alert],
    state: State,
    config: Monitoring,
    *,
    inhibitions: Sequence[Inhibition] | None = None,
    damping: Damping | None = None,
) -> Plan:
    """The plan at that moment. `alerts`: those that fire; such as have ended may be among them.

    `inhibitions` are all that hold, None: those of the suite file. Raises IntertieError when a mute
    window cannot be understood.
    """
    rules = config.alerts.inhibit if inhibitions is None else inhibitions
    round_ = _Round(now, state, config, rules=rules, damping=damping or Damping())
    return round_.plan(alerts)


def pacing_of(config: Monitoring, severity: str) -> Pacing:
    """How alerts of the severity are told; one that has no level of its own is a warning."""
    told = config.alert_integration
    level: SeverityLevel | None = None
    for levels in (told.severity_levels, _DEFAULT_LEVELS):
        level = level or next((each for name, each in levels.items() if name == severity), None)
    return Pacing.of(
        level or told.severity_levels.get("warning") or _DEFAULT_LEVELS["warning"],
        wait_s=config.alerts.group_wait,
        escalates=bool(told.escalate_to),
    )


def told_of(config: Monitoring, tenant: str) -> AlertIntegration:
    """Who is told of alerts of a tenant: by its own channels, if it has some."""
    own = config.tenants[tenant].channels if tenant in config.tenants else ()
    told = config.alert_integration
    return told.model_copy(update={"channels": own}) if own else told


def whom(kind: Kind, told: AlertIntegration, *, escalated: bool) -> tuple[str, ...]:
    """Channels and rotas that a notice is for; `escalated`: others were told before."""
    if kind == "escalation":
        return told.escalate_to
    if escalated:
        return tuple(dict.fromkeys((*told.channels, *told.escalate_to)))
    return told.channels


@dataclass(frozen=True, slots=True)
class _Seen:
    """The alerts of one round, by fingerprint and by group."""

    firing: Mapping[str, Alert]
    over: Mapping[str, Alert]
    passed: Mapping[str, stages.Group]
    """Those that fire and may be told."""
    flapping: Mapping[str, tuple[Alert, ...]]
    """By group, those that flap, which was not told yet."""
    free: frozenset[str]
    """Those that no stage holds back, also of the ended ones."""


class _Round:
    """One plan in the making."""

    def __init__(
        self,
        now: datetime,
        state: State,
        config: Monitoring,
        *,
        rules: Sequence[Inhibition],
        damping: Damping,
    ) -> None:
        self._now = now
        self._config = config
        self._told = config.alert_integration
        # Those of two tenants are never told together.
        self._by = (*config.alerts.group_by, stages.TENANT)
        self._rules = rules
        self._damping = damping
        self._silences = state.silences
        self._acks = {key: ack for key, ack in state.acks.items() if ack.at <= now}
        self._episodes = {
            key: each for key, each in state.episodes.items() if self._is_current(key, each)
        }
        self._flaps = dict(state.flaps)
        self._held: list[Held] = []
        self._notices: list[Notice] = []
        self._moments: list[datetime | None] = []
        self._state = state

    def plan(self, alerts: Sequence[Alert]) -> Plan:
        """Of this round."""
        seen = self._see(alerts)
        after: dict[str, Episode] = {}
        for key in sorted({*self._episodes, *seen.passed, *seen.flapping}):
            episode = self._step(key, seen)
            if episode is not None:
                after[key] = episode
        state = replace(self._state, episodes=after, flaps=self._flaps)
        moments = [*self._moments, *self._ends_of_silence()]
        next_at = min((at for at in moments if at is not None and at > self._now), default=None)
        return Plan(tuple(self._notices), tuple(self._held), state, next_at)

    def _is_current(self, key: str, episode: Episode) -> bool:
        """Not once alerts are grouped otherwise: they are told anew, in their new groups."""
        members = (*episode.told, *episode.ended)
        return all(stages.key_of(stages.labels_of(each, self._by)) == key for each in members)

    def _see(self, alerts: Sequence[Alert]) -> _Seen:
        now = self._now
        firing = {each.fingerprint: each for each in alerts if each.fires(now)}
        over = self._over(alerts, firing)
        self._flaps = flap.observe_all(self._flaps, firing, now, damping=self._damping)
        self._moments += [flap.calm_at(each, self._damping) for each in self._flaps.values()]
        found = self._sift((*firing.values(), *over.values()))
        free = frozenset(each.fingerprint for each in found.alerts)
        tellable = [each for each in found.alerts if each.fires(now)]
        steady = [each for each in tellable if not self._damps(each)]
        fresh = [each for each in tellable if self._begins_to_flap(each)]
        flapping = stages.group(fresh, self._by)
        return _Seen(
            firing=firing,
            over=over,
            passed=stages.group(steady, self._by),
            flapping={key: each.alerts for key, each in flapping.items()},
            free=free,
        )

    def _sift(self, alerts: Sequence[Alert]) -> Passed:
        windows = self._config.alerts.mute
        first = stages.inhibit(alerts, self._rules, self._now)
        second = stages.silence(first.alerts, self._silences, self._now)
        third = stages.mute(second.alerts, windows, self._now)
        held = (*first.held, *second.held, *third.held)
        self._held += [each for each in held if each.alert.fires(self._now)]
        if third.held:
            self._moments += [stages.window_end(each, self._now) for each in windows.values()]
        return Passed(third.alerts, held)

    def _over(self, alerts: Sequence[Alert], firing: Mapping[str, Alert]) -> dict[str, Alert]:
        """Alerts that were told and do not fire any more."""
        ends = {each.fingerprint: each.ends_at for each in alerts}
        found: dict[str, Alert] = {}
        for episode in self._episodes.values():
            for each in (*episode.ended, *episode.told):
                name = each.fingerprint
                if name not in firing:
                    end = ends.get(name) or each.ends_at or self._now
                    found[name] = replace(each, ends_at=min(end, self._now))
        return found

    def _damps(self, alert: Alert) -> bool:
        found = self._flaps[alert.fingerprint]
        if found.flaps:
            level = flap.score(found.changes, self._now, self._damping)
            why = f"it comes and goes: {level:.0f} %, told again below {self._damping.low:.0f} %"
            self._held.append(Held(alert, "flap", why))
        return found.flaps

    def _begins_to_flap(self, alert: Alert) -> bool:
        found = self._flaps[alert.fingerprint]
        if not found.flaps or found.told:
            return False
        self._flaps[alert.fingerprint] = replace(found, told=True)
        return True

    def _step(self, key: str, seen: _Seen) -> Episode | None:
        """What becomes of one group; None: it is over."""
        passed = seen.passed[key].alerts if key in seen.passed else ()
        flapping = seen.flapping.get(key, ())
        episode = self._episodes.get(key)
        if episode is None:
            labels = stages.labels_of((*passed, *flapping)[0], self._by)
            episode = Episode(labels, escalation.begin(self._now))
        episode = self._settle(episode, seen)
        if flapping:
            episode = self._tell_flapping(key, episode, flapping)
        if passed or episode.told:
            return self._go_on(key, episode, passed, seen.free)
        return self._end(key, episode, seen)

    def _settle(self, episode: Episode, seen: _Seen) -> Episode:
        """With those that ended apart.

        One that flaps has not ended when it is away; one that fires again before anybody was told
        of its end is as if it had gone on.
        """
        told: list[Alert] = []
        ended: list[Alert] = []
        for each in (*episode.told, *episode.ended):
            name = each.fingerprint
            known = self._flaps.get(name)
            if name in seen.firing:
                told.append(seen.firing[name] if each.ends_at else each)
            elif each.ends_at is None and known is not None and known.flaps:
                told.append(each)
            else:
                ended.append(seen.over[name])
        return replace(episode, told=_sorted(told), ended=_sorted(ended))

    def _go_on(
        self, key: str, episode: Episode, passed: tuple[Alert, ...], free: frozenset[str]
    ) -> Episode:
        known = {each.fingerprint for each in episode.told}
        new = tuple(name for each in passed if (name := each.fingerprint) not in known)
        pace = escalation.see(
            episode.pace,
            self._now,
            has_come=not set(new) <= set(episode.waiting),
            has_new=bool(new),
            is_held=not passed,
        )
        pacing, ack = self._pacing(episode), self._acks.get(key)
        dues, after = escalation.due(pace, pacing, self._now, ack=ack)
        self._explain(passed, pace, after, ack)
        episode = replace(episode, pace=pace, waiting=new)
        shown, hidden = _split(episode.ended, free)
        for number, each in enumerate(dues):
            one = replace(episode, pace=_at(pace, number), ended=shown)
            episode = replace(episode, reached=self._add(key, one, each, passed))
        self._moments.append(escalation.wake(after, pacing, self._now, ack=ack))
        if not dues:
            return episode
        told = {each.fingerprint: each for each in episode.told}
        if any(each.kind == "first" for each in dues):
            told |= {each.fingerprint: each for each in passed}
            episode = replace(episode, waiting=())
        return replace(episode, pace=after, told=_sorted(told.values()), ended=hidden)

    def _explain(self, passed: Iterable[Alert], pace: Pace, after: Pace, ack: Ack | None) -> None:
        if after.count > pace.count:
            return
        if pace.new_since is not None:
            why = f"its group waits for more since {pace.new_since.isoformat(timespec='seconds')}"
            self._held += [Held(each, "wait", why) for each in passed]
        elif ack is not None and escalation.is_acknowledged(pace, ack, self._now):
            until = f" until {ack.until.isoformat(timespec='seconds')}" if ack.until else ""
            why = f"acknowledged by {ack.who}{until}: {ack.comment}"
            self._held += [Held(each, "acknowledge", why) for each in passed]

    def _tell_flapping(self, key: str, episode: Episode, flapping: tuple[Alert, ...]) -> Episode:
        notice = Due("flapping", self._now)
        reached = self._add(key, replace(episode, ended=()), notice, flapping)
        told = {each.fingerprint: each for each in (*episode.told, *flapping)}
        pace = escalation.told(episode.pace, notice)
        return replace(episode, pace=pace, told=_sorted(told.values()), reached=reached)

    def _end(self, key: str, episode: Episode, seen: _Seen) -> Episode | None:
        """None of its alerts fires. Nobody is told of an end who was not told of a beginning."""
        if not episode.ended:
            return None
        shown, _ = _split(episode.ended, seen.free)
        if not shown:
            return replace(episode, waiting=(), pace=replace(episode.pace, is_held=True))
        if self._told.resolved:
            self._add(key, replace(episode, ended=shown), Due("resolved", self._now), ())
        return None

    def _add(
        self, key: str, episode: Episode, what: Due, alerts: tuple[Alert, ...]
    ) -> tuple[str, ...]:
        """All channels that are told of the episode with this notice."""
        pace = episode.pace
        channels = self._channels(episode, what.kind)
        self._notices.append(
            Notice(
                id=_id(key, what.kind, pace),
                kind=what.kind,
                group=key,
                labels=episode.labels,
                alerts=(*alerts, *episode.ended),
                channels=channels,
                severity=episode.labels.get(stages.SEVERITY, ""),
                due_at=what.at,
            )
        )
        return tuple(dict.fromkeys((*episode.reached, *channels)))

    def _channels(self, episode: Episode, kind: Kind) -> tuple[str, ...]:
        """Whoever is on call now; of an end, each who was told of the beginning."""
        told = [each for each in episode.reached if each in self._config.channels]
        if kind == "resolved" and told and self._config.on_call:
            return tuple(told)
        whose = told_of(self._config, episode.labels.get(stages.TENANT, ""))
        names = whom(kind, whose, escalated=episode.pace.escalated_at is not None)
        return reached(names, self._config.on_call, self._now)

    def _pacing(self, episode: Episode) -> Pacing:
        return pacing_of(self._config, episode.labels.get(stages.SEVERITY, ""))

    def _ends_of_silence(self) -> list[datetime]:
        """When one begins or ends, others may be told."""
        return [at for each in self._silences for at in (each.starts_at, each.ends_at)]


def _at(pace: Pace, number: int) -> Pace:
    """With the ordinal of one of several notices that are due at once."""
    return replace(pace, count=pace.count + number)


def _split(
    alerts: Iterable[Alert], free: frozenset[str]
) -> tuple[tuple[Alert, ...], tuple[Alert, ...]]:
    """Those that no stage holds back, and the others."""
    found: tuple[list[Alert], list[Alert]] = ([], [])
    for each in alerts:
        found[each.fingerprint not in free].append(each)
    return tuple(found[0]), tuple(found[1])


def _id(key: str, kind: Kind, pace: Pace) -> str:
    told = f"{key}\n{pace.since.isoformat()}\n{pace.count}\n{kind}"
    return sha256(told.encode()).hexdigest()[:32]


def _sorted(alerts: Iterable[Alert]) -> tuple[Alert, ...]:
    return tuple(sorted(alerts, key=lambda each: each.fingerprint))
