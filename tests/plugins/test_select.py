from pathlib import Path

from tests.plugins.written import managed, write


def names(folder: Path, **more: object) -> list[str]:
    """What is called, in order."""
    return [each.info.name for each in managed(folder, **more).plugins]


def test_enabled_and_disabled_choose(tmp_path: Path) -> None:
    """Those left out are not called, but known."""
    for name in ("a", "b", "c"):
        write(tmp_path, name)

    assert names(tmp_path, enabled=("a", "b"), disabled=("b",)) == ["a"]
    assert [each.info.name for each in managed(tmp_path, disabled=("b",)).unwanted] == ["b"]


def test_names_in_the_settings_that_no_plugin_has_are_faults(tmp_path: Path) -> None:
    """With the key and the nearest name."""
    write(tmp_path, "slack")

    faults = managed(tmp_path, disabled=("slak",), config={"zz": {}}).faults

    assert [str(each) for each in faults] == [
        "plugins: disabled: no plugin `slak` (did you mean `slack`?)",
        "plugins: config: no plugin `zz`",
    ]


def test_a_name_is_carried_by_one_plugin_only(tmp_path: Path) -> None:
    """The second one is a fault that names the first."""
    first = write(tmp_path, "a")
    second = tmp_path / "b.py"
    second.write_text(first.read_text())

    manager = managed(tmp_path)

    assert [each.origin for each in manager.plugins] == [str(first)]
    assert str(manager.faults[0]) == f"{second}: the name `a` is taken by {first}"


def test_plugins_are_ordered_by_what_they_say(tmp_path: Path) -> None:
    """And a cycle is a fault of each in it."""
    write(tmp_path, "a", more="after=['z']")
    write(tmp_path, "z")
    write(tmp_path, "x", more="requires=['y']")
    write(tmp_path, "y", more="requires=['x']")

    manager = managed(tmp_path)

    assert [each.info.name for each in manager.plugins] == ["z", "a"]
    assert [each.message for each in manager.faults] == [
        "x: cannot order plugins: cycle x → y → x",
        "y: cannot order plugins: cycle x → y → x",
    ]
