"""The examples of the documentation are suite files that load."""

import re
from pathlib import Path

import pytest

from intertie.suite import load

DOCS = Path(__file__).parent.parent.parent / "docs"
PAGES = ("services.md", "integration-points.md", "recovery.md", "logs.md")
EXAMPLES = [
    (page, number, text)
    for page in PAGES
    for number, text in enumerate(
        re.findall(r"```yaml\n(suite:.*?)```", (DOCS / page).read_text(), re.DOTALL), start=1
    )
]


@pytest.mark.parametrize(("page", "number", "text"), EXAMPLES, ids=lambda value: str(value)[:20])
def test_every_example_loads(tmp_path: Path, page: str, number: int, text: str) -> None:
    """With the programs it names beside it."""
    for program in re.findall(r"\./([a-z-]+)", text):
        file = tmp_path / program
        file.write_text("#!/bin/sh\n")
        file.chmod(0o755)
    (tmp_path / "suite.yaml").write_text(text)

    assert load(tmp_path / "suite.yaml", env={}).suite.suite == "shop"
