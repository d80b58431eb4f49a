"""Breakers and evidence, as the states that they are."""

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from intertie.integrations.breaker import Breaker, Evidence


class Breaking(RuleBasedStateMachine):
    """Whatever happens in whatever order."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 1000.0
        self.breaker = Breaker(3, 10.0)
        self.since: float | None = None
        """When it was last closed by failures."""
        self.tries = 0

    @rule(seconds=st.floats(0, 15))
    def wait(self, seconds: float) -> None:
        """Time passes."""
        self.now += seconds

    @rule(is_refused=st.booleans())
    def fail(self, is_refused: bool) -> None:
        """A call ends badly."""
        self.breaker.failed(self.now, is_refused=is_refused)
        self.tries = 0
        self.since = self.now if self.breaker.is_open else None
        assert self.breaker.is_refused is is_refused

    @rule()
    def work(self) -> None:
        """A call ends well."""
        self.breaker.worked()
        self.tries, self.since = 0, None
        assert self.breaker.wait_s(self.now) == 0

    @rule()
    def leave(self) -> None:
        """A call ends somehow."""
        self.breaker.left()
        self.tries = 0

    @rule()
    def ask(self) -> None:
        """May a call go out?"""
        wait_s = self.breaker.wait_s(self.now)
        if self.since is None:
            assert wait_s == 0
        elif self.now < self.since + 10.0:
            assert 0 < wait_s <= 10.0 + 1e-6
        else:
            self.tries += wait_s == 0
            assert self.tries == 1

    @invariant()
    def is_open_by_its_failures(self) -> None:
        """And by nothing else."""
        assert self.breaker.is_open is (self.since is not None)


TestBreaking = Breaking.TestCase


def down(recovery_s: float = 30.0) -> Evidence:
    """Three tenants saw it fail at 0."""
    evidence = Evidence(recovery_s)
    for tenant in "abc":
        evidence.failed(tenant, 0)
    return evidence


@given(st.lists(st.sampled_from(["a", "b"]), max_size=50))
def test_two_tenants_never_shut_out_a_third(tenants: list[str]) -> None:
    """However often they fail."""
    evidence = Evidence()
    for each in tenants:
        evidence.failed(each, 0)

    assert evidence.wait_s("c", 0) == 0
    assert not evidence.is_down


def test_one_tenant_tries_for_all() -> None:
    """All others wait until it has an answer."""
    evidence = down()

    assert evidence.wait_s("d", 29) == 1
    assert evidence.wait_s("d", 30) == 0
    assert evidence.wait_s("e", 30) == 30
    evidence.worked()
    assert evidence.wait_s("e", 30) == 0


def test_a_try_that_was_left_is_the_next_ones() -> None:
    """But only by the one whose it was."""
    evidence = down()
    assert evidence.wait_s("d", 30) == 0

    evidence.left("e")
    assert evidence.wait_s("e", 30) == 30
    evidence.left("d")
    assert evidence.wait_s("e", 30) == 0


def test_a_try_that_fails_begins_anew() -> None:
    """For everybody."""
    evidence = down()
    evidence.wait_s("d", 30)
    evidence.failed("d", 31)

    assert evidence.wait_s("e", 32) == 29
    assert evidence.is_down
