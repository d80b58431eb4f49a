"""The suite's plugins: where they are, what they are told, and what they may take."""

from typing import Annotated

from pydantic import BeforeValidator, Field

from intertie.suite.values import Count, Flag, Model, Period, Size, one_or_more

_MIN_MEMORY = 128 * 1024**2

PluginName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$")]
_Names = BeforeValidator(one_or_more, json_schema_input_type=str | list[str])


def _all_is_none(value: object) -> object:
    return None if value == "all" else one_or_more(value)


class Plugins(Model):
    """Python code of yours that is called at moments of the suite's life."""

    paths: Annotated[tuple[Annotated[str, Field(min_length=1)], ...], _Names] = ("plugins/",)
    """Folders, or single files. In a folder, each `*.py` whose name does not begin with `_`."""
    enabled: Annotated[
        tuple[PluginName, ...] | None,
        BeforeValidator(_all_is_none, json_schema_input_type=str | list[str] | None),
    ] = None
    """Names of the plugins to load; `all`, or not given, means all that are found."""
    disabled: Annotated[tuple[PluginName, ...], _Names] = ()
    """Names of plugins not to load."""
    config: dict[PluginName, dict[str, object]] = Field(default={}, repr=False)
    """What each plugin gets as `self.config`, by its name; checked by the plugin's own model."""
    hook_timeout: Period = 5.0
    """How long one hook of one plugin may take."""
    memory_limit: Annotated[Size, Field(ge=_MIN_MEMORY)] = 512 * 1024**2
    """Address space of the one process that all plugins run in; at least 128MB."""
    max_failures: Count = 3
    """Failures of one hook in a row; then its plugin is disabled until its file changes."""
    watch: Flag = True
    """Load plugins again when their files change."""
