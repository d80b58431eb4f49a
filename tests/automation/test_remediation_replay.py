"""Past alerts against the rules of now."""

from intertie.automation.remediation_replay import Past, alerts_of, replay
from intertie.event import AlertFiring, AlertResolved, Event, Payload
from tests.automation.alarm import SITE, at, config, firing


def event(payload: Payload, second: float) -> Event:
    """As the journal has it."""
    return Event(
        id=f"{second:g}",
        source="intertie/test",
        type=payload.type,
        subject="Down",
        time=at(second),
        data=payload.model_dump(mode="json"),
    )


def fired(second: float, service: str = "web") -> Event:
    """`Down` began."""
    labels = dict(firing(service).labels)
    told = AlertFiring(alert="Down", severity="x", labels=labels, annotations={}, value="1")
    return event(told, second)


def resolved(second: float, service: str = "web") -> Event:
    """It was over."""
    labels = dict(firing(service).labels)
    return event(AlertResolved(alert="Down", severity="x", labels=labels), second)


def test_alerts_are_found_in_the_journal() -> None:
    """Those that had ended before are left out; one may go on."""
    events = [resolved(50), fired(40), fired(5, "db"), fired(1), resolved(3), resolved(99)]

    found = alerts_of(events, at(20))

    assert [(e.alert.labels["service"], e.alert.since, e.until) for e in found] == [
        ("db", at(5), None),
        ("web", at(40), at(50)),
    ]


def test_an_alert_that_ended_soon_is_answered_once() -> None:
    """What was done first is taken to have waited for that end."""
    found = replay(config(), [Past(firing(since=0), at(7))], SITE, at(1000))

    [only] = found.entries
    assert (only.at, only.status, only.ended_at) == (at(0), "recovered", at(7))
    assert not found.cut


def test_an_alert_that_goes_on_is_answered_until_it_is_given_up() -> None:
    """At the moments at which the running suite would have done so."""
    rules = config(budget={"per_service": 9})

    found = replay(rules, [Past(firing(since=0), None)], SITE, at(1000))

    assert [(each.at, each.status) for each in found.entries] == [
        (at(0), "not_recovered"),
        (at(30), "not_recovered"),
        (at(60), "not_recovered"),
        (at(80), "given_up"),
    ]


def test_what_would_have_been_refused_is_told_with_the_reason() -> None:
    """And done later, where the budget had room again."""
    past = [Past(firing("db", since=0), at(15)), Past(firing("web", since=5), at(60))]

    found = replay(config(budget={"blast_radius": 100}), past, SITE, at(100))

    told = [(e.at, e.service, e.status, e.code) for e in found.entries]
    assert told[:3] == [
        (at(0), "db", "recovered", ""),
        (at(5), "web", "refused", "neighbour"),
        (at(15), "web", "not_recovered", ""),
    ]


def test_rules_act_in_a_replay_whatever_their_mode_and_it_is_told() -> None:
    """Shadow and approval are taken for granted."""
    found = replay(config(mode="shadow"), [Past(firing(), at(5))], SITE, at(10))

    assert [(each.status, each.mode) for each in found.entries] == [("recovered", "shadow")]


def test_alerts_that_no_rule_answers_are_counted() -> None:
    """By name."""
    past = [Past(firing(alertname="Odd", since=each), at(5)) for each in (0, 1)]

    found = replay(config(), past, SITE, at(10))

    assert (found.alerts, found.unanswered, found.entries) == (2, {"Odd": 2}, ())
