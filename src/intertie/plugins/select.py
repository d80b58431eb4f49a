"""Which of the plugins that were read are used, and in which order."""

from collections.abc import Mapping, Sequence

from intertie.plugins.fault import PluginFault, did_you_mean
from intertie.plugins.load import Loaded, Reading
from intertie.plugins.order import order
from intertie.plugins.settings import PluginSettings


def select(
    readings: Mapping[str, Reading], settings: PluginSettings
) -> tuple[list[Loaded], list[Loaded], list[PluginFault]]:
    """The plugins to call, in order; those not wanted; all faults: of reading, names, order."""
    faults = [fault for reading in readings.values() for fault in reading.faults]
    named = _by_name(readings, faults)
    used = {name: each for name, each in named.items() if _wanted(name, settings)}
    known = {*named, *(fault.plugin for fault in faults if fault.plugin)}
    if all(fault.plugin for fault in faults):  # else the name may be one that could not be read
        faults += _unknown(settings, known)
    names, left_out = order({name: each.info for name, each in used.items()}, sorted(known))
    for name, (message, hint) in left_out.items():
        faults.append(PluginFault(used[name].origin, 0, f"{name}: {message}", hint, name))
    unwanted = [each for name, each in named.items() if name not in used]
    return [used[name] for name in names], unwanted, faults


def _by_name(readings: Mapping[str, Reading], faults: list[PluginFault]) -> dict[str, Loaded]:
    named: dict[str, Loaded] = {}
    for each in (plugin for reading in readings.values() for plugin in reading.plugins):
        name = each.info.name
        if name in named:
            message = f"the name `{name}` is taken by {named[name].origin}"
            faults.append(PluginFault(each.origin, 0, message))
        else:
            named[name] = each
    return named


def _wanted(name: str, settings: PluginSettings) -> bool:
    if name in settings.disabled:
        return False
    return settings.enabled is None or name in settings.enabled


def _unknown(settings: PluginSettings, known: set[str]) -> list[PluginFault]:
    """Names in the settings that no plugin carries; a typo there would go unseen."""
    places: Sequence[tuple[str, Sequence[str]]] = (
        ("enabled", settings.enabled or ()),
        ("disabled", settings.disabled),
        ("config", tuple(settings.config)),
    )
    return [
        PluginFault("plugins", 0, f"{key}: no plugin `{name}`", did_you_mean(name, known))
        for key, names in places
        for name in names
        if name not in known
    ]
