import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from intertie.cli.plugin import plugins
from intertie.errors import PluginError
from tests.plugins.written import on_start, write

pytestmark = pytest.mark.slow


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments: str) -> Result:
    """A command, its errors raised; the exit code is what it returned."""
    return CliRunner().invoke(plugins, arguments, standalone_mode=False)


def test_new_writes_a_plugin_that_check_finds_valid(here: Path) -> None:
    """And that list shows; it is not overwritten."""
    assert run("new", "hello").exit_code == 0

    assert run("check").output.strip() == "valid: hello"
    assert "hello" in run("list").output
    assert isinstance(run("new", "hello").exception, PluginError)


def test_check_prints_every_fault_and_ends_with_2(here: Path) -> None:
    """Also of a file that ends the process it is loaded in."""
    (here / "plugins").mkdir()
    (here / "plugins" / "a.py").write_text("x = = 1")
    (here / "plugins" / "b.py").write_text("import os; os._exit(1)")
    write(here / "plugins", "c", "def on_service_start(self, name, pid): pass")
    write(here / "plugins", "d", on_start("pass"))

    done = run("check")

    assert done.return_value == 2
    assert "a.py:1: SyntaxError" in done.output
    assert "b.py: not loaded: its process ended with exit code 1" in done.output
    assert "c.py:10: on_service_start: parameter `name` should be `service_name`" in done.output
    assert "3 faults found" in done.output


def test_list_tells_state_version_and_hooks(here: Path) -> None:
    """In the order of calling; `--path` takes the place of the folder here."""
    write(here / "mine", "a", on_start("pass"), version="2.1", more="after=['b']")
    write(here / "mine", "b")
    (here / "mine" / "c.py").write_text("")

    found = json.loads(run("list", "--json", "--path", "mine").output)

    assert [(each["name"], each["state"]) for each in found] == [
        ("b", "loaded"),
        ("a", "loaded"),
        ("c", "faulty"),
    ]
    assert (found[1]["version"], found[1]["hooks"]) == ("2.1", ["on_service_start"])
    assert found[1]["origin"] == str(here / "mine" / "a.py")


def test_without_plugins_there_is_nothing_to_find_fault_with(here: Path) -> None:
    """Exit code 0."""
    done = run("check", "--json")

    assert json.loads(done.output) == {"valid": True, "plugins": [], "faults": []}
    assert done.return_value == 0
