"""Registry: the plugins of a process, loaded again where their files changed."""

import logging
from collections.abc import Mapping

from intertie.plugins.calls import Announce
from intertie.plugins.fault import PluginFault
from intertie.plugins.load import Loaded, Reading, read
from intertie.plugins.select import select
from intertie.plugins.settings import PluginSettings
from intertie.plugins.source import Source, sources

log = logging.getLogger(__name__)


class Registry:
    """What is loaded and what is not, and why."""

    def __init__(self, settings: PluginSettings, announce: Announce | None = None) -> None:
        self._settings = settings
        self._announce = announce
        self._readings: dict[str, Reading] = {}
        self.plugins: tuple[Loaded, ...] = ()
        """In the order of calling."""
        self.unwanted: tuple[Loaded, ...] = ()
        """Those that the settings leave out."""
        self.faults: tuple[PluginFault, ...] = ()

    def load(self, without: Mapping[str, str]) -> None:
        """Read what is new or changed, and choose anew; all faults are logged at once.

        `without` are origins that are not touched, and why.
        """
        found = sources(self._settings)
        self._readings = {each.origin: self._read(each, without) for each in found}
        chosen, unwanted, faults = select(self._readings, self._settings)
        self.plugins, self.unwanted, self.faults = tuple(chosen), tuple(unwanted), tuple(faults)
        if faults:
            log.error("plugins not loaded:\n%s", "\n".join(map(str, faults)))

    def _read(self, source: Source, without: Mapping[str, str]) -> Reading:
        before = self._readings.get(source.origin)
        if before is not None and before.stamp == source.stamp():
            return before
        if source.origin in without:
            fault = PluginFault(source.origin, 0, without[source.origin])
            return Reading(source.stamp(), (), (fault,))
        if self._announce is not None:
            self._announce(source.origin)
        now = read(source, self._settings.config)
        if not now.faults or before is None or not before.plugins:
            return now
        kept = {each.info.name for each in now.plugins}
        earlier = (each for each in before.plugins if each.info.name not in kept)
        return Reading(now.stamp, (*now.plugins, *earlier), now.faults)
