"""What a provider says of somebody."""

import pytest

from intertie.identity.sso import LoginRefusedError
from intertie.identity.sso.people import Person, check_hosted_domain, names, text


@pytest.mark.parametrize("value", [None, 7, ["a"], "a\nb", "a\x00", "a" * 300, "a\u202eb"])
def test_what_is_not_a_line_is_nothing(value: object) -> None:
    """Whatever the provider sent."""
    assert text(value) == ""


def test_groups_are_sorted_names() -> None:
    """One or many; what is no name is left out; nothing said is not the same as none."""
    assert names(["b", "a", "a", 7, "x\ny", ""]) == ("a", "b")
    assert names("one") == ("one",)
    assert names([]) == ()
    assert names(None) is None
    assert names({"a": 1}) is None


def test_the_organisation_counts() -> None:
    """Where the provider names it and the suite names domains."""
    inside = Person("google", "1", hosted_domain="Example.com")
    outside = Person("google", "1", hosted_domain="evil.test")

    check_hosted_domain(inside, ["example.com"])
    check_hosted_domain(outside, [])
    check_hosted_domain(Person("google", "1"), ["example.com"])
    with pytest.raises(LoginRefusedError, match=r"evil\.test"):
        check_hosted_domain(outside, ["example.com"])
