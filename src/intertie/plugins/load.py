"""From a source to plugins that may be called: made, asked who they are, checked, configured."""

import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from time import perf_counter

from pydantic import ValidationError

from intertie.plugins.base import PluginBase, PluginInfo
from intertie.plugins.fault import FaultyError, PluginFault, line_in, told
from intertie.plugins.hooks import Hook, hooks_of, unused_hooks
from intertie.plugins.source import Source

log = logging.getLogger(__name__)

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}")
_LISTS = ("hooks", "after", "before", "requires")
_NO_CLASS = FaultyError(
    "defines no plugin", hint="a plugin is a class that derives from PluginBase and has get_info"
)


@dataclass(frozen=True, slots=True)
class Loaded:
    """A plugin that may be called."""

    plugin: PluginBase
    info: PluginInfo
    hooks: Mapping[str, Hook]
    origin: str
    stamp: str
    took_s: float
    """To load it, its module included."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What a source gave, at the state of the file that `stamp` tells."""

    stamp: str
    plugins: tuple[Loaded, ...]
    faults: tuple[PluginFault, ...]


def read(source: Source, config: Mapping[str, Mapping[str, object]]) -> Reading:
    """Load all plugins of a source; what goes wrong is a fault, never an exception."""
    stamp = source.stamp()
    began = perf_counter()
    faults: list[PluginFault] = []
    plugins: list[Loaded] = []
    try:
        kinds = source.classes()
        if not kinds:
            raise _NO_CLASS
    except (Exception, SystemExit) as exc:  # the plugin fence
        return Reading(stamp, (), (_fault(source, exc),))
    for kind in kinds:
        info: PluginInfo | None = None
        try:
            plugin = kind()
            info = _info(plugin)
            hooks = hooks_of(plugin, info.hooks)
        except (Exception, SystemExit) as exc:  # the plugin fence
            faults.append(_fault(source, exc, info))
            continue
        wrong = _configure(plugin, config.get(info.name, {}))
        faults += (PluginFault(source.origin, 0, each, plugin=info.name) for each in wrong)
        if not wrong:
            _warn_of_unused(source, plugin, info)
            took = perf_counter() - began
            plugins.append(Loaded(plugin, info, hooks, source.origin, stamp, took))
    return Reading(stamp, tuple(plugins), tuple(faults))


def _fault(source: Source, exc: BaseException, info: PluginInfo | None = None) -> PluginFault:
    name = info.name if info else None
    if isinstance(exc, FaultyError):
        return PluginFault(source.origin, exc.line, str(exc), exc.hint, name)
    return PluginFault(source.origin, line_in(exc, source.origin), told(exc), plugin=name)


def _info(plugin: PluginBase) -> PluginInfo:
    info: PluginInfo = plugin.get_info()
    _check_types(info)
    return info


def _check_types(info: object) -> None:
    if not isinstance(info, PluginInfo):
        raise FaultyError(f"get_info must return a PluginInfo, got {type(info).__name__}")
    if not _NAME.fullmatch(str(info.name)):
        raise FaultyError(f"{info.name!r} is no name; expected letters, digits, `_`, `-` and `.`")
    for each in fields(info):
        value: object = getattr(info, each.name)
        if each.name not in _LISTS:
            if not isinstance(value, str):
                raise FaultyError(f"PluginInfo.{each.name} must be text, got {value!r}")
        elif isinstance(value, str) or not _is_texts(value):
            raise FaultyError(f"PluginInfo.{each.name} must be a list of text, got {value!r}")


def _is_texts(value: object) -> bool:
    return isinstance(value, list | tuple | set | frozenset) and all(
        isinstance(each, str) for each in value
    )


def _configure(plugin: PluginBase, given: Mapping[str, object]) -> list[str]:
    """Hand the plugin its settings; what is wrong with them, without the values."""
    model = plugin.config_model
    if model is None:
        plugin.config = dict(given)
        return []
    try:
        plugin.config = model.model_validate(given)
    except ValidationError as exc:
        found = exc.errors(include_url=False, include_input=False, include_context=False)
        return [f"config.{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in found]
    return []


def _warn_of_unused(source: Source, plugin: PluginBase, info: PluginInfo) -> None:
    for name in sorted(unused_hooks(plugin, info.hooks)):
        detail = {"plugin": info.name, "origin": source.origin, "hook": name}
        log.warning("hook is not called: PluginInfo.hooks does not name it", extra=detail)
