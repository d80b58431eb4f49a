import re
from pathlib import Path

import pytest

from intertie.suite import load
from intertie.suite.reference import insert, render

PAGE = Path(__file__).parent.parent.parent / "docs" / "suite-file.md"
SECTIONS = PAGE.read_text().split("\n## ")
EXAMPLES = {
    section.partition("\n")[0]: re.findall(r"```yaml\n(.*?)```", section, re.DOTALL)
    for section in SECTIONS
}


def test_the_page_has_the_reference_of_the_models() -> None:
    """`make generate` brings it up to date."""
    page = PAGE.read_text()

    assert insert(page) == page


def test_every_table_of_the_file_has_a_section() -> None:
    """With a row for each key."""
    text = render()

    for name in ("The file", "Service", "Healthcheck", "Restart", "Dependency", "Route", "Jwt"):
        assert f"### {name}\n" in text
    assert "| `command` | text or list of text |" in text
    assert "| `path` | text | required |" in text
    assert "| `port` | whole number or `auto` | `8000` |" in text
    assert "Overlay" not in text


@pytest.mark.parametrize("section", [name for name, found in EXAMPLES.items() if found])
@pytest.mark.parametrize("environment", [None, "production"])
def test_every_example_of_the_page_is_valid(
    tmp_path: Path, section: str, environment: str | None
) -> None:
    """Files that an example includes stand before it and name themselves in their first line."""
    for text in EXAMPLES[section]:
        name = re.match(r"# (\S+\.yaml)\n", text)
        path = tmp_path / (name[1] if name else "suite.yaml")
        path.write_text(text)
        if not name:
            chosen = environment if "environments:" in text else None
            assert load(path, env={}, environment=chosen).suite.suite == "shop"
