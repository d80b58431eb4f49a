"""Files made from the code must be what the code makes."""

from pathlib import Path

import pytest

from tools.generate import GENERATED, MODULES, SCHEMAS


@pytest.mark.parametrize("file", sorted(GENERATED), ids=lambda file: file.name)
def test_generated_file_is_current(file: Path) -> None:
    """A schema in the repository equals what the code renders."""
    assert file.read_bytes() == GENERATED[file](), "run `make generate` and commit the result"


def test_every_schema_is_generated() -> None:
    """No file lies among the generated ones that nothing keeps current."""
    folders = (SCHEMAS, MODULES)
    found = {path for folder in folders for path in folder.iterdir() if path.is_file()}
    wanted = {path for path in GENERATED if path.parent in folders}

    assert found - {MODULES / "__init__.py"} == wanted
