"""Roles from groups."""

import pytest

from intertie.errors import IntertieError
from intertie.identity.roles import check_roles, roles_of
from tests.identity.house import MAPPING


def test_roles_are_those_of_all_groups_and_its_own() -> None:
    """Sorted, each once; a group that the suite does not name gives none."""
    assert roles_of(["users", "admins", "nosuch"], MAPPING, direct=["user", "billing"]) == (
        "admin",
        "billing",
        "readonly",
        "superuser",
        "user",
    )
    assert roles_of([], MAPPING) == ()


@pytest.mark.parametrize("role", ["", "a,admin", "a b", "é", "-a", "a" * 64, "a\nb"])
def test_what_would_be_read_as_two_roles_is_refused(role: str) -> None:
    """Roles travel in a list with commas."""
    with pytest.raises(IntertieError, match="cannot use role"):
        check_roles([role])

    assert check_roles(["user", "admin", "user"]) == ("admin", "user")
