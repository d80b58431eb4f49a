"""What the commands about users, keys and tenants share."""

from pathlib import Path

import pytest

from intertie.cli.identity import moment, new_password, path, plain, words
from intertie.errors import IntertieError


def test_names_are_parts_of_addresses_whatever_is_in_them() -> None:
    """A slash or a question mark leads nowhere else."""
    assert path("groups", "a/b?c#d") == "/api/groups/a%2Fb%3Fc%23d"
    assert path("users", "..") == "/api/users/.."


def test_nobodys_name_steers_the_terminal() -> None:
    """Escapes are shown as text."""
    assert plain("a\x1b[2Jb") == "a\\x1b[2Jb"
    assert (words(["a", "b\n"]), words([]), words(None)) == ("a, b\\n", "-", "-")


def test_a_moment_is_short() -> None:
    """To the minute; never is a dash."""
    assert (moment("2026-01-02T03:04:05.678Z"), moment(None)) == ("2026-01-02 03:04", "-")


def test_a_password_file_holds_one_line(tmp_path: Path) -> None:
    """Its line break is not part of the password; what is no text is refused."""
    file = tmp_path / "word"
    file.write_bytes(b"correct horse battery\r\n")

    assert new_password(str(file)) == "correct horse battery"
    file.write_bytes(b"\xff\xff")
    with pytest.raises(IntertieError, match="cannot read the password"):
        new_password(str(file))
