from datetime import datetime

from hypothesis import given, settings
from hypothesis import strategies as st

from intertie.monitor.flap import Damping, Flap, calm_at, observe, observe_all, score
from tests.monitor.cases import NOW, minutes

DAMPING = Damping()


def seen(times: list[float], *, until: float, every: float = 0.5) -> list[tuple[datetime, bool]]:
    """Of an alert that changes at these minutes: when it flaps, looked at that often."""
    flap, found = Flap(), []
    for step in range(int(until / every) + 1):
        at = step * every
        fires = sum(time <= at for time in times) % 2 == 1
        flap = observe(flap, fires, NOW + minutes(at), damping=DAMPING)
        found.append((NOW + minutes(at), flap.flaps))
    return found


def test_newer_changes_weigh_more() -> None:
    """One just now is 6 percent of the 20 that are 100, one at the window's edge 4, older none."""
    assert score([NOW], NOW, DAMPING) == 6.0
    assert score([NOW], NOW + minutes(15), DAMPING) == 5.0
    assert score([NOW], NOW + minutes(30), DAMPING) == 0.0
    assert score([NOW] * 100, NOW, DAMPING) == 100.0


def test_an_alert_that_fires_once_does_not_flap() -> None:
    """Nor one that fires thrice in half an hour."""
    assert not any(flaps for _, flaps in seen([1, 3, 11, 13, 21], until=60))


def test_what_comes_and_goes_each_minute_flaps_until_it_is_calm() -> None:
    """It begins at 30 percent and ends below 20: in between it stays as it is."""
    found = seen([float(each) for each in range(1, 11)], until=60)

    flapping = [at for at, flaps in found if flaps]
    assert flapping[0] == NOW + minutes(6)
    assert NOW + minutes(20) < flapping[-1] < NOW + minutes(40)
    assert len(flapping) == (flapping[-1] - flapping[0]) / minutes(0.5) + 1


def test_between_both_thresholds_it_stays_as_it_is() -> None:
    """25 percent are flapping for one that flapped, and not for another."""
    changes = (NOW,) * 4
    later = NOW + minutes(1)

    calm = observe(Flap(changes=changes), False, later, damping=DAMPING)
    flapping = observe(Flap(changes=changes, flaps=True, told=True), False, later, damping=DAMPING)

    assert not calm.flaps
    assert flapping.flaps
    assert flapping.told


def test_flapping_is_told_again_when_it_begins_again() -> None:
    """What was calm in between is forgotten."""
    flap = Flap(changes=(NOW,) * 9, flaps=True, told=True)

    calm = observe(flap, False, NOW + minutes(31), damping=DAMPING)

    assert calm == Flap()


def test_what_is_quiet_is_forgotten() -> None:
    """What fires is not, nor what changed within the window."""
    flaps = {"old": Flap(changes=(NOW - minutes(31),)), "gone": Flap(fires=True)}

    found = observe_all(flaps, {"on"}, NOW, damping=DAMPING)

    assert found == {"gone": Flap(changes=(NOW,)), "on": Flap(fires=True, changes=(NOW,))}
    assert observe_all(found, {"on"}, NOW + minutes(99), damping=DAMPING) == {
        "on": Flap(fires=True)
    }


def test_it_is_looked_at_again_when_its_oldest_change_is_out_of_the_window() -> None:
    """What does not flap needs no such look."""
    assert calm_at(Flap(changes=(NOW,), flaps=True), DAMPING) == NOW + minutes(30)
    assert calm_at(Flap(changes=(NOW,)), DAMPING) is None


@settings(deadline=None, max_examples=50)
@given(st.lists(st.booleans(), max_size=200))
def test_it_always_calms_down(fires: list[bool]) -> None:
    """A window after the last change at the latest; what is kept is bounded."""
    flap = Flap()
    for second, each in enumerate(fires):
        flap = observe(flap, each, NOW + minutes(second / 60), damping=DAMPING)
        assert len(flap.changes) <= 40

    last = NOW + minutes(len(fires) / 60 + 30)
    assert not observe(flap, flap.fires, last, damping=DAMPING).flaps
