import logging
from pathlib import Path

import pytest

from intertie.plugins.load import read
from intertie.plugins.source import FileSource
from tests.plugins.written import on_start, write


def test_a_broken_file_is_a_fault_with_its_line(tmp_path: Path) -> None:
    """Whatever it raises, and where: in the file, in the constructor, in get_info."""
    file = tmp_path / "bad.py"
    cases = {
        "x = 1\ny = = 2": 2,
        "\n\nimport no_such_module": 3,
        "def f():\n    1 / 0\nf()": 2,
        "import sys\nsys.exit(3)": 2,
        _plugin(init="raise ValueError('no')"): 5,
        _plugin(info="1 / 0"): 7,
    }

    for text, line in cases.items():
        file.write_text(text)
        (fault,) = read(FileSource(file), {}).faults
        assert (fault.origin, fault.line) == (str(file), line), text


def test_a_file_without_a_plugin_is_a_fault(tmp_path: Path) -> None:
    """It lies in the folder for a reason."""
    (tmp_path / "empty.py").write_text("x = 1")

    assert "no plugin" in str(read(FileSource(tmp_path / "empty.py"), {}).faults[0])


@pytest.mark.parametrize(
    "info",
    [
        "return {'name': 'x'}",
        "return PluginInfo('a b', '1', '')",
        "return PluginInfo('a', 1, '')",
        "return PluginInfo('a', '1', '', hooks='service_start')",
        "return PluginInfo('a', '1', '', after=[1])",
    ],
)
def test_what_a_plugin_says_of_itself_is_checked(tmp_path: Path, info: str) -> None:
    """A wrong type is told, not stumbled over later."""
    (tmp_path / "bad.py").write_text(_plugin(info=info))

    assert len(read(FileSource(tmp_path / "bad.py"), {}).faults) == 1


_MODEL = """
from pydantic import BaseModel
class Settings(BaseModel):
    channel: str
    limit: int = 3
"""


def test_settings_are_checked_by_the_plugins_own_model(tmp_path: Path) -> None:
    """Each fault names plugin and key and hides the value."""
    file = write(tmp_path, "one", "config_model = Settings")
    file.write_text(_MODEL + file.read_text())

    good = read(FileSource(file), {"one": {"channel": "#ops"}})
    bad = read(FileSource(file), {"one": {"limit": "hush"}})

    assert good.plugins[0].plugin.config.limit == 3
    assert [fault.message.split(":")[0] for fault in bad.faults] == [
        "config.channel",
        "config.limit",
    ]
    assert {fault.plugin for fault in bad.faults} == {"one"}
    assert "hush" not in "".join(map(str, bad.faults))


def test_settings_without_a_model_are_a_dict(tmp_path: Path) -> None:
    """Empty when the suite file has none."""
    file = write(tmp_path, "one")

    assert read(FileSource(file), {"one": {"a": 1}}).plugins[0].plugin.config == {"a": 1}
    assert read(FileSource(file), {}).plugins[0].plugin.config == {}


def test_a_hook_that_is_not_called_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Its name is missing in `hooks`; the plugin is loaded all the same."""
    file = write(tmp_path, "one", on_start("pass"), more="hooks=['shutdown']")
    file.write_text(file.read_text() + "    def on_shutdown(self): pass\n")

    with caplog.at_level(logging.WARNING):
        assert len(read(FileSource(file), {}).plugins) == 1
    assert "not called" in caplog.text


def _plugin(init: str = "pass", info: str = "return PluginInfo('a', '1', '')") -> str:
    return (
        "from intertie.plugins import PluginBase, PluginInfo\n"
        "class P(PluginBase):\n"
        "    def __init__(self):\n"
        "        super().__init__()\n"
        f"        {init}\n"
        "    def get_info(self):\n"
        f"        {info}\n"
    )
