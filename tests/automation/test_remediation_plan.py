"""What is to be done about alerts."""

from dataclasses import replace

import pytest

from intertie.automation.remediation_plan import approve, decline, relevant, wake_at
from intertie.errors import ConflictError, NotFoundError
from tests.automation.alarm import SITE, Story, at, config, entry, firing


def test_an_alert_is_answered_once_and_has_recovered_when_it_is_over() -> None:
    """While it is waited for, nothing more is done."""
    story = Story(config())

    assert story.look(0, firing()) == ["doing"]
    assert story.look(5, firing()) == []
    assert story.look(6) == ["recovered"]
    assert story.entries[0].resolved_at == at(6)


def test_an_alert_that_is_over_has_not_recovered_before_the_service_is_up() -> None:
    """Figures may be missing because nothing is there to give them."""
    story = Story(config(), replace(SITE, unwell=frozenset({"web"})))
    story.look(0, firing())

    assert story.look(5) == ["waiting"]  # it is noted that the alert is over
    assert story.look(20) == ["not_recovered"]
    assert story.entries[0].why == "web is not UP"


def test_a_service_that_was_to_be_stopped_need_not_be_up() -> None:
    """That is what a stop is for."""
    story = Story(config({"action": "stop"}, budget={"blast_radius": 100}))
    story.look(0, firing())
    story.site = replace(SITE, unwell=frozenset({"web"}))

    assert story.look(5) == ["recovered"]


def test_it_is_given_up_after_three_attempts_with_a_rest_between_them() -> None:
    """And then nothing is done while the alert goes on."""
    story = Story(config(budget={"per_service": 9}))

    seen = {second: found for second in range(200) if (found := story.look(second, firing()))}

    assert seen == {
        0: ["doing"],
        20: ["not_recovered"],
        30: ["doing"],
        50: ["not_recovered"],
        60: ["doing"],
        80: ["not_recovered", "given_up"],
    }
    assert [each.attempt for each in story.entries] == [1, 2, 3, 3]


def test_an_alert_that_fires_anew_begins_with_the_first_attempt() -> None:
    """After it was given up, too."""
    story = Story(config({"max_attempts": 1}, budget={"per_service": 9}))
    story.look(0, firing())
    story.look(20, firing())
    story.look(40)

    assert story.look(100, firing(since=100)) == ["doing"]
    assert story.entries[-1].attempt == 1


def test_what_a_dead_daemon_was_doing_counts_as_an_attempt() -> None:
    """It may have been what killed it."""
    story = Story(config({"max_attempts": 1}))
    story.entries = [replace(entry("interrupted"), ended_at=at(1))]

    assert story.look(30, firing()) == ["given_up"]


def test_a_refusal_is_told_once_and_the_action_follows_when_it_may() -> None:
    """For the same reason, while the alert goes on."""
    story = Story(config(budget={"per_service": 1, "window": 100}))
    story.look(0, firing())
    story.look(5)

    assert story.look(20, firing(since=20)) == ["refused"]
    assert story.look(50, firing(since=20)) == []
    assert story.look(100, firing(since=20)) == ["doing"]
    assert story.entries[1].code == "rate"


def test_two_that_depend_on_each_other_are_not_remedied_at_once() -> None:
    """Also where they came to it in the same moment: the older alert is first."""
    story = Story(config(budget={"blast_radius": 100}))

    assert story.look(5, firing("web", since=1), firing("db", since=0)) == ["doing", "refused"]
    assert [each.service for each in story.entries] == ["db", "web"]
    assert story.look(6, firing("web", since=1)) == ["recovered", "doing"]


def test_two_rules_do_not_act_on_one_service_at_once() -> None:
    """The second waits until the first has come to its end."""
    rules = {
        "one": {"alerts": "Down", "action": "restart"},
        "two": {"alerts": "Slow", "action": "restart"},
    }
    story = Story(config(rules=rules))
    slow = firing(alertname="Slow")

    assert story.look(0, firing(), slow) == ["doing"]
    assert story.look(5, firing(), slow) == []


def test_an_alert_without_a_fitting_rule_is_not_answered() -> None:
    """By name, severity and labels."""
    rules = config({"severity": "critical", "labels": {"zone": "a|b"}})

    assert Story(rules).look(0, firing(zone="a")) == ["doing"]
    assert Story(rules).look(0, firing(zone="ab")) == []
    assert Story(rules).look(0, firing(zone="a", severity="warning")) == []
    assert Story(rules).look(0, firing(zone="a", alertname="Slow")) == []


def test_several_alerts_of_a_service_are_answered_once() -> None:
    """One of each replica may fire."""
    story = Story(config())

    assert story.look(0, firing(replica="0"), firing(replica="1")) == ["doing"]


def test_shadow_writes_down_what_would_have_been_done() -> None:
    """As often as it would have been, and what was refused, and that it was given up."""
    story = Story(config({"max_attempts": 2}, mode="shadow"))

    for second in range(100):
        story.look(second, firing())

    assert story.statuses() == ["shadow", "shadow", "given_up"]
    assert [each.ended_at for each in story.entries] == [at(20), at(50), at(50)]


def test_shadow_does_not_hold_up_what_is_really_done() -> None:
    """Neither by its budget nor by its place."""
    story = Story(config(budget={"per_service": 1}))
    story.entries = [replace(entry("shadow"), mode="shadow", rule="other")]

    assert story.look(1, firing()) == ["doing"]


def test_a_proposal_waits_for_a_person_and_expires() -> None:
    """And is not made again while the alert goes on."""
    story = Story(config(mode="approve", approval=60))

    assert story.look(0, firing()) == ["proposed"]
    assert story.look(59, firing()) == []
    assert story.look(60, firing()) == ["expired"]
    assert story.look(300, firing()) == []


def test_a_proposal_is_withdrawn_when_its_alert_is_over() -> None:
    """Nothing is left to do."""
    story = Story(config(mode="approve"))
    story.look(0, firing())

    assert story.look(5) == ["withdrawn"]


def test_who_approves_is_written_down_and_it_is_done() -> None:
    """The first time; not a second time."""
    story = Story(config(mode="approve"))
    story.look(0, firing())

    done = approve(story.world(5, [firing()]), 1, "ada")
    story.entries[0] = done

    assert (done.status, done.by) == ("doing", "ada")
    with pytest.raises(ConflictError, match="it is doing"):
        approve(story.world(6, [firing()]), 1, "bob")
    with pytest.raises(NotFoundError, match="no such remediation"):
        approve(story.world(6, [firing()]), 7, "bob")


def test_an_approval_may_come_too_late_or_not_be_in_the_budget() -> None:
    """It is judged by what is so at that moment."""
    story = Story(config(mode="approve", approval=60))
    story.look(0, firing())

    with pytest.raises(ConflictError, match="it is expired"):
        approve(story.world(60, [firing()]), 1, "ada")
    story.site = replace(SITE, busy={"web": "apply (by bob)"})
    with pytest.raises(ConflictError, match="somebody changes web"):
        approve(story.world(5, [firing()]), 1, "ada")
    story.rules = config(rules={"else": {"alerts": "Slow", "action": "stop"}})
    with pytest.raises(ConflictError, match="not in the suite any more"):
        approve(story.world(5, [firing()]), 1, "ada")


def test_what_was_declined_is_not_proposed_again_while_the_alert_goes_on() -> None:
    """But when it fires anew."""
    story = Story(config(mode="approve"))
    story.look(0, firing())
    story.entries[0] = decline(story.world(5, [firing()]), 1, "ada")

    assert story.look(100, firing()) == []
    story.look(101)
    assert story.look(200, firing(since=200)) == ["proposed"]


def test_time_alone_matters_at_ends_of_waits_rests_and_windows() -> None:
    """And at no other moment."""
    story = Story(config(budget={"window": 100}))
    story.look(0, firing())

    assert wake_at(story.world(1, [])) == at(20)
    story.look(20, firing())
    assert wake_at(story.world(20, [])) == at(30)
    assert wake_at(story.world(30, [])) == at(100)
    assert wake_at(story.world(100, [])) is None


def test_what_is_long_over_matters_no_more() -> None:
    """What goes on, and what is told of an alert that goes on, does."""
    story = Story(config({"timeout": 1}, budget={"window": 100}))
    over = replace(entry("recovered"), ended_at=at(5), resolved_at=at(5))
    story.entries = [over, replace(over, id=2, resolved_at=None), entry("proposed", id=3)]

    assert [each.id for each in relevant(story.world(100, []))] == [1, 2, 3]
    assert [each.id for each in relevant(story.world(1000, []))] == [2, 3]
