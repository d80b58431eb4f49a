from pathlib import Path

from intertie.plugins.settings import PluginSettings, settings_from
from intertie.suite.plugins import Plugins


def test_paths_of_the_suite_file_start_at_its_folder(tmp_path: Path) -> None:
    """And everything else of the section is taken over."""
    section = Plugins.model_validate(
        {
            "paths": ["a", "/b"],
            "enabled": ["x"],
            "disabled": ["y"],
            "config": {"x": {"k": 1}},
            "hook_timeout": "2s",
            "memory_limit": "256MB",
            "max_failures": 5,
            "watch": False,
        }
    )

    assert settings_from(section, tmp_path) == PluginSettings(
        paths=(tmp_path / "a", Path("/b")),
        enabled=("x",),
        disabled=("y",),
        config={"x": {"k": 1}},
        hook_timeout_s=2.0,
        memory_limit_bytes=256 * 1024**2,
        max_failures=5,
        watch=False,
    )


def test_the_defaults_of_both_are_the_same(tmp_path: Path) -> None:
    """A suite without the section is as one that does not name its keys."""
    assert settings_from(Plugins(), Path()) == PluginSettings()


def test_what_plugins_are_told_is_not_shown() -> None:
    """It may hold secrets."""
    assert "hush" not in repr(PluginSettings(config={"x": {"token": "hush"}}))
