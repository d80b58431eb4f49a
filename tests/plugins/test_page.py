"""The examples of docs/plugins.md work as they are printed there."""

import re
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from intertie.plugins import PluginManager
from intertie.plugins.hooks import HOOKS
from intertie.plugins.settings import settings_from
from intertie.suite.plugins import Plugins

PAGE = (Path(__file__).parent.parent.parent / "docs" / "plugins.md").read_text()
PYTHON = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
FILES = {found[1]: text for text in PYTHON if (found := re.match(r"# plugins/(\w+\.py)\n", text))}


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with the page's plugins."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "plugins").mkdir()
    for name, text in FILES.items():
        (tmp_path / "plugins" / name).write_text(text)
    return tmp_path


def test_its_plugins_are_loaded_and_called(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """In the order that they ask for."""
    with PluginManager() as manager:
        manager.load_plugins()
        manager.check()
        assert [each.info.name for each in manager.plugins] == ["audit", "greeter", "report"]
        manager.service_start("api", 7)
        manager.service_stop("api", 7)
        manager.shutdown()

    assert capsys.readouterr().out.splitlines() == [
        "api runs as 7",
        "hello, api",
        "api (7) has ended",
        "sent",
    ]


def test_its_settings_are_a_section_of_the_suite_file(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """And the plugins take them."""
    (text,) = re.findall(r"```yaml\n(plugins:.*?)```", PAGE, re.DOTALL)
    section = Plugins.model_validate(YAML(typ="safe").load(text)["plugins"])

    with PluginManager(settings_from(section, here)) as manager:
        manager.load_plugins()
        manager.check()
        assert [each.info.name for each in manager.plugins] == ["audit", "greeter"]
        manager.service_start("api", 7)

    assert "good morning, api" in capsys.readouterr().out


def test_its_own_process_runs(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Every block of Python that is no plugin's file."""
    (block,) = [text for text in PYTHON if not text.startswith("# plugins/")]

    exec(compile(block, "docs/plugins.md", "exec"), {})  # noqa: S102 — what is tested

    assert capsys.readouterr().out.splitlines()[-2:] == ["{'colour': 'blue'}", "1"]


def test_it_names_every_hook() -> None:
    """With its parameters."""
    for name, parameters in HOOKS.items():
        assert f"`{name}({', '.join(parameters)})`" in PAGE
