from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intertie.automation.ladder import (
    Abort,
    Alert,
    Command,
    Condition,
    Ended,
    Input,
    Ladder,
    Phase,
    Recovered,
    Released,
    Seen,
    Taken,
    Tick,
    Try,
)
from intertie.suite.recovery import AutomaticRecovery

FAILED = Seen(Condition.FAILED, "it broke")
DOWN = Seen(Condition.DOWN, "no answer")
WELL = Seen(Condition.WELL)
COMING = Seen(Condition.COMING)
STOPPED = Seen(Condition.STOPPED)
LOOPING = Seen(Condition.LOOPING)


def ladder(**keys: object) -> Ladder:
    """Cooldown 5 s, grace 10 s, stable after 20 s."""
    return Ladder(AutomaticRecovery.model_validate({"stable_for": "20s", **keys}))


def steps(commands: Sequence[Command]) -> list[object]:
    """Which steps are to be done."""
    return [command.step for command in commands if isinstance(command, Try)]


def climb(one: Ladder, seen: Seen, since: float = 0.0) -> list[Command]:
    """Everything it wants while no step helps, until time alone changes nothing."""
    now, found = since, one.feed(seen, since)
    while one.phase is Phase.DOING or one.wake_at is not None:
        if one.phase is Phase.DOING:
            found += one.feed(Ended(), now)
        elif one.wake_at is not None:
            now = one.wake_at
            found += one.feed(Tick(), now)
    return found


def test_steps_are_taken_in_their_order_and_then_a_person_is_told_once() -> None:
    """A dependency is restarted where one is not well."""
    found = climb(ladder(), Seen(Condition.FAILED, "it broke", sick="db"))

    assert found == [
        Try("retry", 1, "it broke", None),
        Try("restart", 2, "it broke", None),
        Try("restart_dependency", 3, "it broke", "db"),
        Alert("it broke", 3),
    ]


def test_where_all_dependencies_are_well_none_is_restarted() -> None:
    """The step is passed over and costs no attempt."""
    found = climb(ladder(), FAILED)

    assert steps(found) == ["retry", "restart"]
    assert found[-1] == Alert("it broke", 2)


def test_without_alert_the_last_step_is_repeated_until_the_attempts_are_used_up() -> None:
    """And the alert comes all the same."""
    found = climb(ladder(steps=["restart"], max_attempts=4), FAILED)

    assert steps(found) == ["restart"] * 4
    assert found[-1] == Alert("it broke", 4)


def test_a_failed_service_is_helped_at_once_and_then_ever_later() -> None:
    """The wait doubles."""
    one = ladder(steps=["restart"])
    assert steps(one.feed(FAILED, 100)) == ["restart"]

    assert one.feed(Ended(), 101) == []
    assert one.wake_at == 106
    assert steps(one.feed(Tick(), 106)) == ["restart"]
    assert one.feed(Ended(), 107) == []
    assert one.wake_at == 117


def test_a_failing_health_check_must_last() -> None:
    """One that recovers by itself within the grace period is no case."""
    one = ladder()
    assert one.feed(DOWN, 0) == []
    assert one.wake_at == 10
    assert one.feed(WELL, 9) == []
    assert one.feed(DOWN, 9.5) == []

    assert one.feed(Tick(), 10) == []
    assert steps(one.feed(Tick(), 19.5)) == ["retry"]


def test_what_the_restart_policy_deals_with_is_left_to_it() -> None:
    """Only its giving up is a case."""
    one = ladder()

    assert one.feed(LOOPING, 0) == []
    assert one.wake_at is None
    assert steps(one.feed(FAILED, 1)) == ["retry"]


def test_a_service_that_stays_well_has_recovered() -> None:
    """The next time, the ladder begins at its first step."""
    one = ladder()
    one.feed(FAILED, 0)
    one.feed(WELL, 1)
    assert one.feed(Ended(), 1) == []
    assert one.wake_at == 21

    assert one.feed(Tick(), 21) == [Recovered(1)]
    assert steps(one.feed(FAILED, 22)) == ["retry"]


def test_a_service_that_fails_again_at_once_has_not_recovered() -> None:
    """The next step follows."""
    one = ladder()
    one.feed(FAILED, 0)
    one.feed(WELL, 1)
    one.feed(Ended(), 1)

    assert one.feed(FAILED, 3) == []
    assert steps(one.feed(Tick(), 6)) == ["restart"]


def test_steps_count_within_the_window_also_after_a_recovery() -> None:
    """Else a service that fails every minute would be restarted for ever."""
    one = ladder(max_attempts=1, window="10m")
    one.feed(FAILED, 0)
    one.feed(WELL, 1)
    one.feed(Ended(), 1)
    assert one.feed(Tick(), 21) == [Recovered(1)]

    assert one.feed(FAILED, 60) == [Alert("it broke", 0)]
    assert one.feed(WELL, 61) == []
    assert one.feed(Tick(), 81) == [Recovered(0)]
    assert steps(one.feed(FAILED, 601)) == ["retry"]


def test_a_service_that_is_on_its_way_is_waited_for() -> None:
    """Also when the next step is due."""
    one = ladder()
    one.feed(FAILED, 0)
    one.feed(Ended(), 1)
    one.feed(COMING, 2)

    assert one.feed(Tick(), 7) == []
    assert one.wake_at is None
    assert steps(one.feed(FAILED, 8)) == ["restart"]


def test_a_person_s_change_ends_the_ladder() -> None:
    """What fails after it is a new case with all attempts."""
    one = ladder(max_attempts=1)
    one.feed(FAILED, 0)

    assert one.feed(Taken(), 1) == [Abort()]
    assert one.feed(FAILED, 2) == []
    assert one.feed(Ended(), 2) == []
    one.feed(Released(), 3)
    assert steps(one.feed(FAILED, 3)) == ["retry"]


def test_who_aborts_a_step_wants_no_other() -> None:
    """Nor an alert: that person knows."""
    one = ladder()
    one.feed(FAILED, 0)

    assert one.feed(Ended(by_person=True), 1) == []
    assert one.feed(FAILED, 100) == []
    assert one.phase is Phase.GIVEN_UP


def test_a_stopped_service_is_not_recovered() -> None:
    """Whatever the ladder was about to do."""
    one = ladder()
    one.feed(FAILED, 0)
    one.feed(Ended(), 1)

    assert one.feed(STOPPED, 2) == []
    assert one.wake_at is None
    assert one.feed(Tick(), 100) == []


@dataclass
class Watched:
    """A ladder, what it wanted, and whether it may want it."""

    one: Ladder
    now: float = 0.0
    tries: list[float] = field(default_factory=list[float])
    last_episode: list[float] = field(default_factory=list[float])
    seen: Condition = Condition.COMING
    is_held: bool = False
    is_given_up: bool = False

    def feed(self, event: Input) -> None:
        """Feed it, and check what comes of it."""
        if isinstance(event, Seen):
            self.seen = event.condition
        self.note(event)
        was_doing = self.one.phase is Phase.DOING
        for command in self.one.feed(event, self.now):
            self.check(command, was_doing=was_doing)
        assert self.one.wake_at is None or self.one.wake_at > self.now

    def note(self, event: Input) -> None:
        """What persons do frees the ladder of its past."""
        if isinstance(event, Taken):
            self.is_held, self.is_given_up = True, False
            self.tries, self.last_episode = [], []
        elif isinstance(event, Released):
            self.is_held = False

    def check(self, command: Command, *, was_doing: bool) -> None:
        """The promises of the ladder."""
        match command:
            case Try():
                assert self.seen in {Condition.FAILED, Condition.DOWN, Condition.LOOPING}
                assert not self.is_held
                assert not self.is_given_up
                self.check_budget()
            case Alert():
                assert not self.is_given_up, "told twice"
                self.is_given_up = True
            case Recovered():
                assert self.seen is Condition.WELL
                self.is_given_up, self.last_episode = False, []
            case Abort():
                assert was_doing

    def check_budget(self) -> None:
        """No more steps than allowed, and with ever longer waits."""
        rule = self.one.rule
        within = [at for at in self.tries if at > self.now - rule.window]
        assert len(within) < rule.max_attempts
        if self.last_episode:
            doubled = rule.cooldown * 2 ** (len(self.last_episode) - 1)
            assert self.now >= self.last_episode[-1] + min(doubled, rule.window)
        self.tries.append(self.now)
        self.last_episode.append(self.now)


EVENTS: st.SearchStrategy[Input] = st.one_of(
    st.sampled_from(list(Condition)).map(Seen),
    st.sampled_from([FAILED, DOWN, WELL]),
    st.just(Seen(Condition.FAILED, "it broke", "db")),
    st.just(Ended()),
    st.just(Tick()),
    st.sampled_from([Taken(), Released()]),
)


@given(
    st.lists(st.tuples(st.sampled_from([0.0, 0.5, 5.0, 10.0, 20.0, 90.0]), EVENTS), max_size=60),
    st.integers(1, 4),
    st.sampled_from([["restart"], ["retry", "restart_dependency"], ["retry", "restart", "alert"]]),
)
def test_whatever_happens_the_ladder_keeps_its_promises(
    history: list[tuple[float, Input]], max_attempts: int, rungs: list[str]
) -> None:
    """The budget, the waits, one alert, and precedence of persons."""
    watched = Watched(ladder(steps=rungs, max_attempts=max_attempts, window="60s"))

    for wait_s, event in history:
        watched.now += wait_s
        if isinstance(event, Seen) and event.condition is Condition.STOPPED:
            watched.is_given_up, watched.last_episode = False, []
        watched.feed(event)


@given(st.lists(st.sampled_from([FAILED, DOWN, LOOPING, WELL, COMING]), max_size=30))
def test_after_whatever_happened_a_service_that_stays_failed_ends_in_an_alert(
    history: list[Seen],
) -> None:
    """No history leaves the ladder stuck."""
    one = ladder(window="60s")
    for second, seen in enumerate(history):
        one.feed(seen, second)
        one.feed(Ended(), second)
    if one.phase is Phase.GIVEN_UP:
        return

    found = climb(one, FAILED, len(history))

    assert isinstance(found[-1], Alert)


@pytest.mark.parametrize("condition", [Condition.WELL, Condition.COMING, Condition.LOOPING])
def test_nothing_is_done_for_a_service_without_trouble(condition: Condition) -> None:
    """Time alone changes nothing then."""
    one = ladder()

    assert one.feed(Seen(condition), 0) == []
    assert one.wake_at is None
    assert not one.is_open
