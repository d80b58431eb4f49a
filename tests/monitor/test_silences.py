from dataclasses import replace

import pytest

from intertie.errors import IntertieError
from intertie.monitor.sample import Matcher
from intertie.monitor.silences import LONGEST, check
from intertie.monitor.stages import Silence
from tests.monitor.cases import NOW, minutes, silence

GOOD = silence(Matcher("host", "=", "a"), Matcher("zone", "!=", "b"))


def test_a_silence_of_a_year_can_be() -> None:
    """One matcher must ask for a label, the others need not."""
    check(GOOD)
    check(replace(GOOD, ends_at=NOW + LONGEST))


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        (replace(GOOD, created_by=" "), "an owner is needed"),
        (replace(GOOD, comment=""), "a comment is needed"),
        (replace(GOOD, comment="x" * 2001), "more than 2000 characters"),
        (replace(GOOD, ends_at=NOW), "it ends before it begins"),
        (replace(GOOD, ends_at=NOW + LONGEST + minutes(1)), "longer than 365 days"),
        (replace(GOOD, matchers=GOOD.matchers * 26), "more than 50 matchers"),
        (replace(GOOD, matchers=()), "name one that must be there"),
        (replace(GOOD, matchers=(Matcher("host", "=~", ".*"),)), "name one that must be there"),
        (replace(GOOD, matchers=(Matcher("host", "!=", "a"),)), "name one that must be there"),
        (replace(GOOD, matchers=(Matcher("host", "=~", "("),)), "matcher of host is no regular"),
        (replace(GOOD, matchers=(Matcher("host", "=", "x" * 2001),)), "matcher of host has more"),
        (
            replace(GOOD, tenant="t", matchers=(Matcher("tenant", "=", "t"),)),
            "name one that must be there",
        ),
    ],
)
def test_one_that_cannot_be_is_refused(bad: Silence, why: str) -> None:
    """With the reason."""
    with pytest.raises(IntertieError, match=why):
        check(bad)


def test_all_that_is_wrong_is_told_at_once() -> None:
    """Not one after the other."""
    with pytest.raises(IntertieError, match="owner is needed; a comment is needed; it ends"):
        check(replace(GOOD, created_by="", comment="", ends_at=NOW))
