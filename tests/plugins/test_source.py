import os
from pathlib import Path

import pytest

from intertie.plugins import PluginSettings
from intertie.plugins.fault import FaultyError
from intertie.plugins.source import EntrySource, FileSource, sources
from tests.plugins.written import write


def test_files_with_an_underscore_and_other_files_are_no_plugins(tmp_path: Path) -> None:
    """The rest comes in the order of its names; a path may be a file."""
    for name in ("b.py", "a.py", "_helper.py", "notes.txt", ".hidden.py"):
        (tmp_path / name).write_text("")
    single = tmp_path / "_helper.py"

    found = sources(PluginSettings(paths=(tmp_path, single), group=None))

    assert [Path(each.origin).name for each in found] == ["a.py", "b.py", "_helper.py"]


def test_a_folder_that_is_not_there_has_no_plugins(tmp_path: Path) -> None:
    """It may come later."""
    assert sources(PluginSettings(paths=(tmp_path / "no",), group=None)) == []


def test_only_classes_of_the_file_itself_are_its_plugins(tmp_path: Path) -> None:
    """Not the base it imports, not abstract ones, not those of another module."""
    file = write(tmp_path, "one")
    text = file.read_text()
    file.write_text(f"{text}\nfrom tests.plugins.test_hooks import Good\nclass A(PluginBase): pass")

    assert [kind.__name__ for kind in FileSource(file).classes()] == ["Plugin"]


def test_a_change_within_the_same_second_is_seen(tmp_path: Path) -> None:
    """Of the same length, too: no cached code is taken."""
    file = write(tmp_path, "one", version="1")
    before, old = FileSource(file).stamp(), FileSource(file).classes()[0]()
    write(tmp_path, "one", version="2")
    os.utime(file, ns=(1, 1))

    assert FileSource(file).stamp() != before
    assert FileSource(file).classes()[0]().get_info().version == "2"
    assert old.get_info().version == "1"


def test_an_entry_point_of_an_installed_package_is_a_plugin(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its origin names the package."""
    installed(tmp_path, "shop_plugin", "shop_plugin:Plugin")
    monkeypatch.syspath_prepend(tmp_path)

    (found,) = sources(PluginSettings(paths=()))

    assert isinstance(found, EntrySource)
    assert found.origin == "entry point shop = shop_plugin:Plugin of shop-plugin"
    assert found.stamp() == "1.2"
    assert found.classes()[0]().get_info().name == "shop_plugin"


def test_an_entry_point_to_something_else_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only classes that derive from PluginBase are plugins."""
    installed(tmp_path, "odd_plugin", "os:getcwd")
    monkeypatch.syspath_prepend(tmp_path)

    (found,) = sources(PluginSettings(paths=()))

    with pytest.raises(FaultyError, match="PluginBase"):
        found.classes()


def installed(folder: Path, module: str, target: str) -> None:
    """A package as an installer leaves it, with an entry point `shop`."""
    write(folder, module)
    info = folder / f"{module}-1.2.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: shop-plugin\nVersion: 1.2\n")
    (info / "entry_points.txt").write_text(f"[intertie.plugins]\nshop = {target}\n")
