from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from intertie.errors import IntertieError
from intertie.suite import secret


def put(folder: Path, name: str, content: bytes, mode: int = 0o600) -> Path:
    """Write a file with a mode."""
    path = folder / name
    path.write_bytes(content)
    path.chmod(mode)
    return path


def test_a_secret_comes_from_the_environment_first(tmp_path: Path) -> None:
    """INTERTIE_SECRET_<NAME> wins over the file."""
    put(tmp_path, "db-main", b"from file")
    find = secret.lookup({"INTERTIE_SECRET_DB_MAIN": "from env"}, tmp_path)

    assert find("db-main").get_secret_value() == "from env"


def test_a_secret_comes_from_its_file_less_the_newline(tmp_path: Path) -> None:
    """Editors end files with a newline that is no part of the secret."""
    put(tmp_path, "db", b"s3cret \n")

    assert secret.lookup({}, tmp_path)("db").get_secret_value() == "s3cret "


def test_a_found_secret_does_not_show_itself(tmp_path: Path) -> None:
    """Neither repr nor str nor format tell it."""
    found = secret.lookup({"INTERTIE_SECRET_DB": "hush"}, tmp_path)("db")

    assert "hush" not in f"{found} {found!r}"


@pytest.mark.parametrize(
    ("content", "mode", "why"),
    [
        (b"x", 0o640, "others may read .*; run: chmod 600"),
        (b"\xff\xfe", 0o600, "is not UTF-8 text"),
        (b"x" * (secret.MAX_SECRET_BYTES + 1), 0o600, "is larger than 64 KiB"),
    ],
)
def test_a_file_unfit_for_a_secret_is_refused(
    tmp_path: Path, content: bytes, mode: int, why: str
) -> None:
    """The reason and the remedy are told, never the content."""
    put(tmp_path, "db", content, mode)

    with pytest.raises(IntertieError, match=why) as caught:
        secret.lookup({}, tmp_path)("db")

    assert caught.value.__cause__ is None


def test_a_missing_secret_is_told_with_both_places(tmp_path: Path) -> None:
    """Variable and file are named."""
    with pytest.raises(IntertieError, match=r"set INTERTIE_SECRET_DB or write it to .*/db, mode"):
        secret.lookup({}, tmp_path)("db")


def test_a_folder_is_no_secret(tmp_path: Path) -> None:
    """What the system refuses to read is told in its words."""
    (tmp_path / "db").mkdir()

    with pytest.raises(IntertieError, match="Is a directory"):
        secret.lookup({}, tmp_path)("db")


def find(name: str) -> SecretStr:
    """A secret that tells its name."""
    return SecretStr(f"<{name}>")


def test_references_are_replaced_and_the_rest_left_alone() -> None:
    """Only `${secret:name}` means something at this point."""
    text = "a ${secret:x}:${secret:y} ${env:Z} ${secret:} $${secret:x}"

    assert secret.resolve(text, find) == "a <x>:<y> ${env:Z} ${secret:} ${secret:x}"
    assert secret.names(text) == ("x", "y")


PARTS = st.lists(
    st.tuples(st.booleans(), st.text(alphabet="${}secrt:x")) | st.just((True, "x")), max_size=6
)


@given(PARTS)
def test_literal_text_survives_between_references(parts: list[tuple[bool, str]]) -> None:
    """Whatever text surrounds a reference, it comes out as it went in."""
    spelt, expected, pending = "", "", ""
    for is_secret, text in parts:
        if is_secret:
            spelt += secret.literal(pending)
            spelt += secret.reference("x", after=spelt)
            expected += pending + "<x>"
            pending = ""
        else:
            pending += text

    spelt += secret.literal(pending)

    assert secret.resolve(spelt, find) == expected + pending
