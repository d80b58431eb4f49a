"""Files made from the code must be what the code makes."""

import pytest

from tools.generate import GENERATED, SCHEMAS


@pytest.mark.parametrize("name", sorted(GENERATED))
def test_generated_file_is_current(name: str) -> None:
    """A schema in the repository equals what the code renders."""
    stored = (SCHEMAS / name).read_text(encoding="utf-8")

    assert stored == GENERATED[name](), "run `make generate` and commit the result"


def test_every_schema_is_generated() -> None:
    """No file lies in schemas/ that nothing keeps current."""
    assert {path.name for path in SCHEMAS.iterdir()} == set(GENERATED)
