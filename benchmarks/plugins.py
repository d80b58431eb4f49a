"""What a hook of twenty plugins costs, beside bare pluggy: `python -m benchmarks.plugins`.

Both call the same function with the same arguments. Rounds of the two alternate, so that a busy
machine slows both; the figures are medians. Ours also keeps a time, a count and an error fence.
"""

import statistics
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from time import perf_counter

import pluggy

from intertie.plugins import PluginManager, PluginSettings

PLUGINS = 20
CALLS = 20_000
ROUNDS = 9
BAR = 2.0

_SOURCE = """
from intertie.plugins import PluginBase, PluginInfo

class Plugin(PluginBase):
    def get_info(self):
        return PluginInfo(name="p{number}", version="1", description="", hooks=["service_start"])

    def on_service_start(self, service_name, pid):
        return None
"""
_spec = pluggy.HookspecMarker("bench")
_impl = pluggy.HookimplMarker("bench")


class _Spec:
    @_spec
    def on_service_start(self, service_name: str, pid: int) -> None:
        """A service started."""


class _Plugin:
    @_impl
    def on_service_start(self, service_name: str, pid: int) -> None:
        return None


def ours(folder: Path) -> PluginManager:
    """A manager with the plugins of `folder`, which are written there."""
    for number in range(PLUGINS):
        (folder / f"p{number}.py").write_text(_SOURCE.format(number=number))
    manager = PluginManager(PluginSettings(paths=(folder,), group=None))
    assert len(manager.load_plugins()) == PLUGINS  # noqa: S101 — else nothing is measured
    return manager


def theirs() -> pluggy.PluginManager:
    """A bare pluggy manager with as many plugins."""
    manager = pluggy.PluginManager("bench")
    manager.add_hookspecs(_Spec)
    for _ in range(PLUGINS):
        manager.register(_Plugin())
    return manager


def measure(calls: int = CALLS, rounds: int = ROUNDS) -> tuple[float, float]:
    """Median seconds of one call over all plugins: ours, pluggy's."""
    with tempfile.TemporaryDirectory() as folder:
        own = ours(Path(folder))
        hook = theirs().hook.on_service_start
        times: tuple[list[float], list[float]] = [], []
        for _ in range(rounds):
            times[0].append(_timed(lambda: own.service_start("api", 4711), calls))
            times[1].append(_timed(lambda: hook(service_name="api", pid=4711), calls))
    return statistics.median(times[0]), statistics.median(times[1])


def _timed(call: Callable[[], object], calls: int) -> float:
    began = perf_counter()
    for _ in range(calls):
        call()
    return (perf_counter() - began) / calls


def main() -> None:
    """Print both figures and the ratio; ends with 1 when it is over the bar."""
    own, bare = measure()
    print(f"one sync hook over {PLUGINS} plugins, median of {ROUNDS} rounds of {CALLS} calls")
    print(f"intertie  {own * 1e6:8.2f} us")
    print(f"pluggy    {bare * 1e6:8.2f} us  ({pluggy.__version__})")
    print(f"ratio     {own / bare:8.2f}     (bar {BAR:g})")
    sys.exit(own / bare > BAR)


if __name__ == "__main__":
    main()
