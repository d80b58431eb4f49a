"""A replay as it is told."""

from math import inf

from intertie.control.replay_views import SHOWN, moment, replay_view
from intertie.monitor.replay import Fired, Replayed
from intertie.monitor.replay_rules import Past, Span
from intertie.monitor.replay_told import Telling, Tellings
from intertie.monitor.rules import AlertRule


def test_each_firing_is_told_with_its_notices() -> None:
    """The newest hundred of a rule; of rules that were asked for only."""
    fired = tuple(Fired((), n * 1000, n * 1000 + 500, inf) for n in range(SHOWN + 50))
    rules = (
        (AlertRule("Other", "b", "b"), Replayed((Fired((), 0, None, 1.0),), {})),
        (AlertRule("Full", "a", "a"), Replayed(fired, {}, looks=9, blind=2)),
    )
    telling = Telling(moment(0), "first", ("ops",))
    told = Tellings(
        ((), *((telling,) for _ in fired)), ((), *((("mute", "night"),) for _ in fired)), 150, False
    )
    past = Past(Span(0, 1_000_000, 1000), rules, is_cut=False)

    found = replay_view(past, told, names=["Full"], which="running", cut="")

    [rule] = found.rules
    assert (rule.name, rule.fired, rule.lasted_s, rule.looks, rule.blind) == (
        "Full",
        150,
        75.0,
        9,
        2,
    )
    assert len(rule.firings) == SHOWN
    assert rule.firings[-1].since == moment(149_000)
    assert rule.firings[0].value is None
    assert rule.firings[0].told[0].channels == ("ops",)
    assert rule.firings[0].held[0].why == "night"
    assert found.notices == 150
