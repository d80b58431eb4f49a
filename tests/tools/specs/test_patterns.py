"""Which patterns JavaScript takes, JavaScript says."""

from tools.specs.patterns import refused


def test_the_unicode_flag_is_strict() -> None:
    """Needless escapes are faults under it."""
    assert refused(["^a$", r"^\-$", "[", r"\p{L}"]) == {r"^\-$", "["}


def test_nothing_to_try_runs_nothing() -> None:
    """Most slices have no pattern."""
    assert refused([]) == frozenset()
