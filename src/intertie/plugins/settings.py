"""Where plugins are looked for and what they may take."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

GROUP = "intertie.plugins"


@dataclass(frozen=True, slots=True)
class PluginSettings:
    """What a manager or a host goes by."""

    paths: tuple[Path, ...] = (Path("plugins/"),)
    """Folders, or single files; relative ones start at the working directory."""
    group: str | None = GROUP
    """The entry points to load; None loads none."""
    enabled: tuple[str, ...] | None = None
    """Names to load; None means all that are found."""
    disabled: tuple[str, ...] = ()
    config: Mapping[str, Mapping[str, object]] = field(default_factory=dict, repr=False)
    """By the plugin's name. Not shown: it may hold secrets."""
    hook_timeout_s: float = 5.0
    memory_limit_bytes: int = 512 * 1024**2
    """Address space of the process that a host runs the plugins in."""
    max_failures: int = 3
    """Failures of one hook in a row; then its plugin is disabled. 0 never disables."""
    watch: bool = True
    """Load again what changed in the folders; of a host."""


class Section(Protocol):
    """The suite file's `plugins` section."""

    @property
    def paths(self) -> tuple[str, ...]: ...  # noqa: D102 — the suite's model documents each
    @property
    def enabled(self) -> tuple[str, ...] | None: ...  # noqa: D102
    @property
    def disabled(self) -> tuple[str, ...]: ...  # noqa: D102
    @property
    def config(self) -> dict[str, dict[str, object]]: ...  # noqa: D102
    @property
    def hook_timeout(self) -> float: ...  # noqa: D102
    @property
    def memory_limit(self) -> int: ...  # noqa: D102
    @property
    def max_failures(self) -> int: ...  # noqa: D102
    @property
    def watch(self) -> bool: ...  # noqa: D102


def settings_from(section: Section, folder: Path) -> PluginSettings:
    """The section as settings; its relative paths start at the suite's `folder`."""
    return PluginSettings(
        paths=tuple(folder / path for path in section.paths),
        enabled=section.enabled,
        disabled=section.disabled,
        config=section.config,
        hook_timeout_s=section.hook_timeout,
        memory_limit_bytes=section.memory_limit,
        max_failures=section.max_failures,
        watch=section.watch,
    )
