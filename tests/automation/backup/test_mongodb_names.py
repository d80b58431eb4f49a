"""Names of files."""

from hypothesis import given
from hypothesis import strategies as st

from intertie.automation.backup.mongodb_names import file_name

NAME = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)


@given(NAME, NAME)
def test_each_name_has_a_file_of_its_own(one: str, other: str) -> None:
    """Without dots and slashes, so that the ending is the only one."""
    first, second = file_name(one, ".bson"), file_name(other, ".bson")

    assert (first == second) == (one == other)
    assert first.count(".") == 1
    assert "/" not in first
