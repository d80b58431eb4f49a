from pathlib import Path

from intertie.plugins.registry import Registry
from tests.plugins.written import settings, write


def names(registry: Registry) -> list[str]:
    """Name and version of what is loaded."""
    return [f"{each.info.name} {each.info.version}" for each in registry.plugins]


def test_only_what_changed_is_loaded_again(tmp_path: Path) -> None:
    """The others stay the objects they were."""
    write(tmp_path, "a")
    write(tmp_path, "b")
    registry = Registry(settings(tmp_path))
    registry.load({})
    kept = registry.plugins[1]

    write(tmp_path, "a", version="2.0")
    write(tmp_path, "c")
    registry.load({})

    assert names(registry) == ["a 2.0", "b 1", "c 1"]
    assert registry.plugins[1] is kept


def test_a_file_that_became_faulty_keeps_the_old_version(tmp_path: Path) -> None:
    """And its fault is told; once mended, the new one is loaded."""
    file = write(tmp_path, "a")
    registry = Registry(settings(tmp_path))
    registry.load({})

    file.write_text("broken = = 1")
    registry.load({})
    assert names(registry) == ["a 1"]
    assert [fault.line for fault in registry.faults] == [1]

    registry.load({})
    assert names(registry) == ["a 1"]
    assert len(registry.faults) == 1

    write(tmp_path, "a", version="3.0.0")
    registry.load({})
    assert names(registry) == ["a 3.0.0"]
    assert not registry.faults


def test_a_file_that_is_gone_takes_its_plugin_along(tmp_path: Path) -> None:
    """Nothing of it is called any more."""
    file = write(tmp_path, "a")
    registry = Registry(settings(tmp_path))
    registry.load({})

    file.unlink()
    registry.load({})

    assert not registry.plugins


def test_an_origin_left_out_is_not_touched(tmp_path: Path) -> None:
    """It is a fault with the reason given."""
    marker = tmp_path / "ran"
    file = write(tmp_path / "p", "a")
    file.write_text(f"open({str(marker)!r}, 'w')")
    registry = Registry(settings(tmp_path / "p"))

    registry.load({str(file): "it bites"})

    assert [fault.message for fault in registry.faults] == ["it bites"]
    assert not marker.exists()
