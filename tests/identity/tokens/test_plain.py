"""Names in headers."""

import pytest

from intertie.identity.tokens.plain import header_text, roles_text, subject_text


@pytest.mark.parametrize("name", ["user:ada", "user:ada@example.com", "key:k_1.x-y~z", "a+b", "3"])
def test_ordinary_names_stay_as_they_are(name: str) -> None:
    """So that they are what everybody else knows them by."""
    assert header_text(name) == name


@pytest.mark.parametrize("name", ["a\r\nb: c", "a,admin", "a b", "ü", "a%2cb", "a\0", "\x7f", '"'])
def test_nothing_breaks_out_of_a_header(name: str) -> None:
    """Line breaks, commas, spaces and other scripts are encoded; no two names become one."""
    told = header_text(name)

    assert told.isascii()
    assert told.isprintable()
    assert not set(told) & set(' ,"')
    assert header_text(told) != told


def test_a_whole_role_can_be_looked_for() -> None:
    """A role that looks like two is one."""
    assert roles_text(("admin", "user")) == ",admin,user,"
    assert roles_text(()) == ""
    assert ",admin," not in roles_text(("a,admin", "superadmin"))


def test_subjects_of_tenants_are_apart() -> None:
    """Whatever their names are."""
    assert subject_text("a", "user:b") != subject_text("a,user:b", "")
    assert subject_text("a", "user:b") != subject_text("b", "user:a")
