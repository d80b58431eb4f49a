"""Cookies, as they are set and read."""

import pytest

from intertie.identity.sso.cookies import Cookies


def test_a_cookie_is_removed_as_it_was_set() -> None:
    """With the same name and path, or browsers keep it."""
    cleared = Cookies().clear("step")

    assert cleared.startswith("__Host-intertie-step=; Path=/; Max-Age=0;")


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("__Host-intertie=a", "a"),
        (" __Host-intertie=a ;b=c", "a"),
        ("x__Host-intertie=a", None),
        ("__Host-intertiex=a", None),
        ("__host-intertie=a", None),
        ("__Host-intertie=a b", None),
        ('__Host-intertie="a"', None),
        ("__Host-intertie=a; __Host-intertie=b", None),
        ("a=b;" * 40_000, None),
    ],
)
def test_only_the_one_name_counts(header: str, value: str | None) -> None:
    """Exactly spelt, once, with a value that could be ours."""
    assert Cookies().read(header) == value


def test_those_of_a_kind_are_found() -> None:
    """By the start of their names."""
    header = "__Host-intertie-flow-a=1; __Host-intertie-flow-b=2; __Host-intertie=3; flow-c=4"

    assert Cookies().with_prefix(header, "flow-") == {"flow-a": "1", "flow-b": "2"}
