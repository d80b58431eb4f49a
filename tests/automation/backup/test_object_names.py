"""Keys as paths."""

from pathlib import PurePosixPath

from hypothesis import example, given
from hypothesis import strategies as st

from intertie.automation.backup.object_names import path_of

KEY = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=300)


@given(KEY, KEY)
@example("a", "a/")
@example("a/b", "a%2Fb")
@example("a/%", "a/")
@example("x" * 300, "x" * 301)
@example(".", "%2E")
def test_different_keys_have_different_paths(one: str, other: str) -> None:
    """None is a folder where another is a file; none leaves the folder or is too long."""
    if one == other:
        return
    first, second = path_of(one), path_of(other)

    assert first != second
    assert first not in second.parents
    for part in (*first.parts, *second.parts):
        assert part not in {"", ".", "..", "/"}
        assert len(part.encode()) <= 255


def test_a_usual_key_can_be_read() -> None:
    """Its parts are folders, each with its slash."""
    assert path_of("tenants/acme/a b.txt") == PurePosixPath("tenants%2F/acme%2F/a b.txt")
