from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from intertie.errors import IntertieError
from intertie.monitor.escalation import Ack
from intertie.monitor.flap import Damping
from intertie.monitor.notices import Plan, State, due, pacing_of
from intertie.monitor.sample import Matcher
from intertie.monitor.stages import Alert, Silence, key_of
from intertie.suite.monitoring import Inhibition, Monitoring
from tests.monitor.cases import NOW, alert, minutes, monitoring, silence

STATES = TypeAdapter(State)
NEVER = Damping(high=1000.0)
KEY = '{alertname="DiskFull", severity="critical"}'


@dataclass(frozen=True, slots=True)
class Spell:
    """An alert, and the minutes between which it fires."""

    alert: Alert
    begin: int
    end: int

    def fires(self, now: datetime) -> bool:
        """At that moment."""
        return NOW + minutes(self.begin) <= now < NOW + minutes(self.end)

    def at(self, now: datetime) -> Alert:
        """As the rules tell it then."""
        return replace(self.alert, starts_at=NOW + minutes(self.begin), value=now.timestamp())


@dataclass(frozen=True, slots=True)
class Script:
    """What happens: spells, silences and acknowledgements."""

    spells: Sequence[Spell]
    state: State = field(default_factory=State)
    acks: Sequence[tuple[str, Ack]] = ()
    until: int = 400

    def moments(self) -> set[datetime]:
        """At which something comes or goes."""
        changes = {each for spell in self.spells for each in (spell.begin, spell.end)}
        return {NOW + minutes(each) for each in changes} | {ack.at for _, ack in self.acks}

    def run(
        self, config: Monitoring, *, restarts: bool = False, damping: Damping = NEVER
    ) -> Iterator[tuple[datetime, Plan]]:
        """Plans, in virtual time: at each change, and when the plan before asks for it."""
        now: datetime | None = NOW
        state = self.state
        while now is not None and now <= NOW + minutes(self.until):
            said = {key: ack for key, ack in self.acks if ack.at <= now}
            state = replace(state, acks=said)
            if restarts:
                state = STATES.validate_json(STATES.dump_json(state))
            firing = [each.at(now) for each in self.spells if each.fires(now)]
            plan = due(now, firing, state, config, damping=damping)
            yield now, plan
            state = plan.after
            moments = [*self.moments(), *([plan.next_at] if plan.next_at else [])]
            now = min((at for at in moments if at > now), default=None)


def told(script: Script, config: Monitoring, damping: Damping = NEVER) -> list[tuple[float, str]]:
    """Minute, and kind."""
    return [
        ((now - NOW) / minutes(1), each.kind)
        for now, plan in script.run(config, damping=damping)
        for each in plan.notices
    ]


@st.composite
def spells(draw: st.DrawFn) -> list[Spell]:
    """Of four alerts on two hosts, none at once with itself."""
    found: list[Spell] = []
    for name, severity in (("HostDown", "critical"), ("Slow", "warning")):
        for host in "ab":
            times = sorted(draw(st.sets(st.integers(0, 120), max_size=6)))
            found += [
                Spell(alert(name, severity, host=host), begin, end)
                for begin, end in zip(times[::2], times[1::2], strict=False)
            ]
    return found


@st.composite
def scripts(draw: st.DrawFn) -> Script:
    """Spells, a silence of one host and an acknowledgement."""
    begin, lasts = draw(st.integers(0, 120)), draw(st.integers(1, 60))
    quiet = replace(
        silence(Matcher("host", "=", "a")),
        starts_at=NOW + minutes(begin),
        ends_at=NOW + minutes(begin + lasts),
    )
    at = NOW + minutes(draw(st.integers(0, 120)))
    ack = Ack("ann", at, draw(st.one_of(st.none(), st.just(at + minutes(20)))))
    key = key_of({"alertname": "HostDown", "severity": "critical"})
    return Script(draw(spells()), State(silences=(quiet,)), [(key, ack)])


BUSY = monitoring(
    {
        "inhibit": [
            {
                "source": {"alertname": "HostDown"},
                "target": {"alertname": "Slow"},
                "equal": "host",
            }
        ],
        "mute": {
            "lunch": {"schedule": "30 12 * * *", "duration": "20m", "matchers": {"host": "b"}}
        },
    }
)


def is_held(script: Script, each: Alert, now: datetime) -> bool:
    """What `BUSY` and the script's silence say, in other words."""
    host = each.labels["host"]
    (quiet,) = script.state.silences
    inhibitors = [
        spell
        for spell in script.spells
        if spell.alert.labels["alertname"] == "HostDown" and spell.alert.labels["host"] == host
    ]
    return (
        (host == "a" and quiet.starts_at <= now < quiet.ends_at)
        or (host == "b" and NOW + minutes(30) <= now < NOW + minutes(50))
        or (each.labels["alertname"] == "Slow" and any(spell.fires(now) for spell in inhibitors))
    )


@settings(deadline=None, max_examples=40)
@given(scripts())
def test_nothing_is_told_of_what_is_held_back(script: Script) -> None:
    """Neither that it fires nor that it has ended, while inhibited, silenced or muted."""
    for now, plan in script.run(BUSY):
        for notice in plan.notices:
            assert notice.alerts
            assert not [each for each in notice.alerts if is_held(script, each, now)]


@settings(deadline=None, max_examples=40)
@given(scripts())
def test_what_fires_and_is_not_held_back_is_told(script: Script) -> None:
    """The team heard of it last that it fires; and whatever is not told is explained."""
    heard: dict[str, bool] = {}
    for now, plan in script.run(BUSY):
        for notice in plan.notices:
            if "team" in notice.channels:
                heard |= {each.fingerprint: each.ends_at is None for each in notice.alerts}
        for each in (spell.alert for spell in script.spells if spell.fires(now)):
            if is_held(script, each, now):
                stages = {h.stage for h in plan.held if h.alert.fingerprint == each.fingerprint}
                assert stages & {"inhibit", "silence", "mute"}
            else:
                assert heard[each.fingerprint]


@settings(deadline=None, max_examples=40)
@given(scripts())
def test_an_end_is_told_once_and_only_after_a_beginning(script: Script) -> None:
    """And always: each group's last notice is that it has ended."""
    open_: set[str] = set()
    for _, plan in script.run(BUSY):
        for notice in plan.notices:
            if notice.kind == "resolved":
                assert notice.group in open_
                open_.remove(notice.group)
                assert all(each.ends_at is not None for each in notice.alerts)
            else:
                assert notice.kind == "first" or notice.group in open_
                open_.add(notice.group)
    assert open_ == set()


@settings(deadline=None, max_examples=40)
@given(scripts())
def test_a_restart_at_any_moment_changes_nothing(script: Script) -> None:
    """The state is all there is, and survives as JSON."""
    assert list(script.run(BUSY, damping=Damping())) == list(
        script.run(BUSY, restarts=True, damping=Damping())
    )


@settings(deadline=None, max_examples=40)
@given(scripts())
def test_a_plan_made_twice_is_the_same_and_two_notices_never(script: Script) -> None:
    """By their ids."""
    ids: list[str] = []
    state = script.state
    for now, plan in script.run(BUSY):
        firing = [each.at(now) for each in script.spells if each.fires(now)]
        said = {key: ack for key, ack in script.acks if ack.at <= now}
        again = due(now, firing[::-1], replace(state, acks=said), BUSY, damping=NEVER)
        assert {each.id for each in again.notices} == {each.id for each in plan.notices}
        ids += [each.id for each in plan.notices]
        state = plan.after
    assert len(ids) == len(set(ids))


@settings(deadline=None, max_examples=40)
@given(interval=st.integers(1, 90), begin=st.integers(0, 10))
def test_repeats_are_exact(interval: int, begin: int) -> None:
    """At each multiple of the interval from the first notice on."""
    level = {"notification_interval": interval * 60, "escalation_timeout": "10h"}
    config = monitoring(severity_levels={"critical": level})
    script = Script([Spell(alert(), begin, 300)])

    found = told(script, config)

    multiples = range(begin + interval, 300, interval)
    expected = [(begin, "first"), *((at, "repeat") for at in multiples), (300, "resolved")]
    assert found == expected


def test_others_are_told_when_nobody_acknowledges() -> None:
    """From then on both, also of the end."""
    script = Script([Spell(alert(), 0, 37)])

    found = [
        ((now - NOW) / minutes(1), each.kind, each.channels)
        for now, plan in script.run(monitoring())
        for each in plan.notices
    ]

    assert found[6:] == [
        (30, "repeat", ("team",)),
        (30, "escalation", ("boss",)),
        (35, "repeat", ("team", "boss")),
        (37, "resolved", ("team", "boss")),
    ]


def test_a_group_tells_all_its_alerts() -> None:
    """A new one at once, with those before; one that ended with the next notice, once."""
    one, two = alert(host="a"), alert(host="b")
    script = Script([Spell(one, 0, 6), Spell(two, 3, 20)], until=13)

    found = [
        (
            (now - NOW) / minutes(1),
            each.kind,
            [(a.labels["host"], a.ends_at is not None) for a in each.alerts],
        )
        for now, plan in script.run(monitoring())
        for each in plan.notices
    ]

    assert found == [
        (0, "first", [("a", False)]),
        (3, "first", [("a", False), ("b", False)]),
        (8, "repeat", [("b", False), ("a", True)]),
        (13, "repeat", [("b", False)]),
    ]


def test_an_acknowledged_alert_is_explained() -> None:
    """By whom, until when and why."""
    ack = Ack("ann", NOW + minutes(1), NOW + minutes(20), "on it")
    script = Script([Spell(alert(), 0, 60)], acks=[(KEY, ack)], until=6)

    *_, (_, plan) = script.run(monitoring())

    (held,) = plan.held
    assert held.stage == "acknowledge"
    assert held.why == "acknowledged by ann until 2025-03-05T12:20:00+00:00: on it"
    assert plan.next_at == NOW + minutes(20)


def test_a_new_alert_ends_an_acknowledgement() -> None:
    """Whoever acknowledged had not seen it: the group is told and repeated again."""
    acks = [(KEY, Ack("ann", NOW + minutes(1)))]
    script = Script([Spell(alert(host="a"), 0, 60), Spell(alert(host="b"), 12, 60)], acks=acks)

    assert told(script, monitoring())[:3] == [(0, "first"), (12, "first"), (17, "repeat")]


def test_a_group_waits_for_more() -> None:
    """Its first notice has all that came meanwhile; the wait is explained."""
    script = Script([Spell(alert(host="a"), 0, 9), Spell(alert(host="b"), 1, 9)])
    config = monitoring({"group_wait": "2m"})

    plans = list(script.run(config))

    assert [each.stage for each in plans[0][1].held] == ["wait"]
    first = plans[2][1].notices[0]
    assert (plans[2][0], len(first.alerts)) == (NOW + minutes(2), 2)


def test_what_ends_before_it_was_told_is_not_told() -> None:
    """Neither that it fired, nor that it has ended."""
    script = Script([Spell(alert(), 0, 1)])

    assert told(script, monitoring({"group_wait": "2m"})) == []


def test_an_end_need_not_be_told() -> None:
    """The next beginning is told all the same."""
    script = Script([Spell(alert(), 0, 1), Spell(alert(), 2, 3)])

    assert told(script, monitoring(resolved=False)) == [(0, "first"), (2, "first")]


def test_a_flapping_alert_is_told_once_as_such() -> None:
    """Then not until it is calm; its end is told then."""
    script = Script([Spell(alert(), each, each + 1) for each in range(0, 40, 2)])

    found = told(script, monitoring(), damping=Damping())

    kinds = [kind for _, kind in found]
    assert kinds == ["first", "resolved", "first", "resolved", "first", "flapping", "resolved"]
    assert found[-1][0] > 40


def test_a_flapping_alert_that_stays_is_told_again_when_calm() -> None:
    """It is explained meanwhile."""
    flaps = [Spell(alert(), each, each + 1) for each in range(0, 12, 2)]
    script = Script([*flaps, Spell(alert(), 12, 200)], until=90)
    plans = list(script.run(monitoring(), damping=Damping()))

    after = [
        (now, each.kind) for now, plan in plans for each in plan.notices if now > NOW + minutes(12)
    ]

    assert any(h.stage == "flap" for _, plan in plans for h in plan.held)
    assert after[0][1] == "repeat"
    assert NOW + minutes(20) < after[0][0] < NOW + minutes(43)


def test_alerts_grouped_otherwise_are_told_anew() -> None:
    """Whoever changes the grouping is not told that the old groups have ended."""
    firing = [alert(host="a"), alert(host="b")]
    before = due(NOW, firing, State(), monitoring())

    after = due(NOW, firing, before.after, monitoring({"group_by": ["host"]}))

    assert [(each.kind, each.labels["host"]) for each in after.notices] == [
        ("first", "a"),
        ("first", "b"),
    ]
    assert set(after.after.episodes) == {each.group for each in after.notices}


def test_the_end_of_an_alert_is_as_it_was_told() -> None:
    """Where the rules say when it ended, that is it."""
    before = due(NOW, [alert()], State(), monitoring())
    ended = replace(alert(), ends_at=NOW + minutes(1))

    (notice,) = due(NOW + minutes(2), [ended], before.after, monitoring()).notices

    assert (notice.kind, notice.alerts[0].ends_at) == ("resolved", NOW + minutes(1))


def test_a_severity_without_a_level_is_told_as_it_is_by_default() -> None:
    """One that is no severity as a warning."""
    level = {"notification_interval": 60, "escalation_timeout": 120}
    config = monitoring(severity_levels={"warning": level})

    found = [pacing_of(config, each).interval for each in ("critical", "warning", "page")]

    assert found == [timedelta(minutes=5), timedelta(minutes=1), timedelta(minutes=1)]
    only = monitoring(severity_levels={"critical": level})
    assert pacing_of(only, "page").interval == timedelta(minutes=30)


def test_inhibitions_of_the_rules_hold_too() -> None:
    """Where they are given, they are all there are."""
    rule = Inhibition(source={"alertname": "A"}, target={"alertname": "B"})
    firing = [alert("A"), alert("B")]

    found = due(NOW, firing, State(), monitoring(), inhibitions=[rule])

    assert [each.labels["alertname"] for each in found.notices] == ["A"]


def test_a_window_that_cannot_be_is_an_error() -> None:
    """Not silence."""
    config = monitoring({"mute": {"bad": {"schedule": "x", "duration": 1}}})

    with pytest.raises(IntertieError, match="cannot use mute window"):
        due(NOW, [alert()], State(), config)


def test_the_state_keeps_what_json_cannot() -> None:
    """Infinity, as a value of a rule."""
    endless = replace(alert(), value=float("inf"))
    state = due(NOW, [endless], State(), monitoring()).after

    assert STATES.validate_json(STATES.dump_json(state)) == state


def test_silences_name_when_to_ask_again() -> None:
    """At the end of the one that holds an alert back."""
    quiet: Silence = silence(Matcher("alertname", "=", "DiskFull"))

    found = due(NOW, [alert()], State(silences=(quiet,)), monitoring())

    assert (found.notices, found.next_at) == ((), quiet.ends_at)


def test_alerts_of_two_tenants_are_never_told_together() -> None:
    """Each by its own channels, where it has some; others are told of those that have none."""
    config = Monitoring.model_validate(
        {
            **monitoring().model_dump(exclude_unset=True),
            "tenants": {"acme": {"channels": "boss"}, "globex": {}},
        }
    )
    alerts = [alert(tenant="acme"), alert(tenant="globex"), alert()]

    plan = due(NOW, alerts, State(), config)

    told = {
        each.labels.get("tenant", ""): (each.channels, len(each.alerts)) for each in plan.notices
    }
    assert told == {"acme": (("boss",), 1), "globex": (("team",), 1), "": (("team",), 1)}
