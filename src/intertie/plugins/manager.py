"""PluginManager: loads plugins and calls their hooks in this process.

A plugin that raises harms nobody; one that hangs or eats memory does. Where that matters, run them
in a process of their own: `intertie.plugins.host`.
"""

import copy
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from time import perf_counter
from types import TracebackType
from typing import Self

from anyio import CapacityLimiter, to_thread

from intertie.errors import PluginError
from intertie.plugins.calls import (
    COPIED,
    Announce,
    Call,
    Cost,
    Outcome,
    calls_of,
    failure,
    judged,
    own_copy,
)
from intertie.plugins.fault import PluginFault, did_you_mean
from intertie.plugins.hooks import HOOKS, full_name
from intertie.plugins.load import Loaded
from intertie.plugins.loop import HookLoop
from intertie.plugins.metrics import Refusals, Sample
from intertie.plugins.registry import Registry
from intertie.plugins.settings import PluginSettings

log = logging.getLogger(__name__)

OnDisabled = Callable[[str, str], None]


class PluginManager:
    """Plugins of the folder `plugins/` and of installed packages, unless `settings` say otherwise.

    Hooks are called one after the other; call them from one thread at a time.
    """

    def __init__(
        self,
        settings: PluginSettings | None = None,
        *,
        on_disabled: OnDisabled | None = None,
        announce: Announce | None = None,
    ) -> None:
        """`on_disabled` gets the plugin and the reason; `announce` what is entered next."""
        self._settings = settings or PluginSettings()
        self._on_disabled = on_disabled
        self._announce = announce
        self._loop = HookLoop()
        self._one = CapacityLimiter(1)
        self._registry = Registry(self._settings, announce)
        self._adopted: dict[str, Loaded] = {}
        self._calls: dict[str, dict[str, Call]] = {}
        self._table: dict[str, list[Call]] = {}
        self._disabled: dict[str, str] = {}
        self._refusals = Refusals()
        self._fill_table()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the loop of async hooks; nothing of the plugins is called."""
        self._loop.close()

    def load_plugins(self, *, without: Mapping[str, str] | None = None) -> tuple[Loaded, ...]:
        """Load what is new or changed; all plugins that are loaded now, in the order of calling.

        Those that cannot be loaded stop no other; `faults` tells all of them. A version loaded
        before goes on in place of one that has become faulty. `without` are origins not to be
        touched, and why.
        """
        self._registry.load(without or {})
        for each in self._registry.plugins:
            self._adopt(each)
        self._adopted = {each.info.name: each for each in self._registry.plugins}
        self._fill_table()
        return self.plugins

    def check(self) -> None:
        """Raise one PluginError that tells all faults of the last loading, if there are any."""
        if self.faults:
            told = "\n".join(map(str, self.faults))
            raise PluginError(f"cannot load all plugins:\n{told}")

    @property
    def plugins(self) -> tuple[Loaded, ...]:
        """Those that are loaded, in the order of calling; disabled ones too."""
        return self._registry.plugins

    @property
    def unwanted(self) -> tuple[Loaded, ...]:
        """Those that the settings leave out: they were read, and are not called."""
        return self._registry.unwanted

    @property
    def faults(self) -> tuple[PluginFault, ...]:
        """Why some are not loaded, or not in their newest version."""
        return self._registry.faults

    @property
    def disabled(self) -> Mapping[str, str]:
        """Those that failed too often, and the last failure."""
        return dict(self._disabled)

    def call(self, hook: str, *args: object) -> list[object]:
        """Call a hook of every plugin; what they returned, without None, in their order.

        Nothing a plugin raises comes out of here. `hook` is with or without `on_`.
        """
        calls = self._table.get(hook)
        if calls is None:
            hint = did_you_mean(full_name(hook), HOOKS)
            raise PluginError(f"cannot call hook {hook!r}: there is none ({hint})")
        if not calls:
            return []
        if calls[0].hook in COPIED:
            found = (each.result for each in self.outcomes(hook, args))
            return [each for each in found if each is not None]
        return self._call_all(calls, args)

    async def call_async(self, hook: str, *args: object) -> list[object]:
        """The same from a coroutine: the hooks run in a worker thread."""
        return await to_thread.run_sync(lambda: self.call(hook, *args), limiter=self._one)

    def service_start(self, service_name: str, pid: int) -> None:
        """Call on_service_start."""
        self.call("on_service_start", service_name, pid)

    def service_stop(self, service_name: str, pid: int) -> None:
        """Call on_service_stop."""
        self.call("on_service_stop", service_name, pid)

    def service_error(self, service_name: str, error: Exception) -> None:
        """Call on_service_error."""
        self.call("on_service_error", service_name, error)

    def health_check(self, health_data: dict[str, object]) -> None:
        """Call on_health_check."""
        self.call("on_health_check", health_data)

    def metrics_collect(self, metrics: dict[str, object]) -> list[Sample]:
        """What the plugins add to `metrics`."""
        found = self.call("on_metrics_collect", metrics)
        return [each for some in found if isinstance(some, list) for each in some]

    def config_load(self, config: dict[str, object]) -> dict[str, object]:
        """The configuration after all plugins: each gets what the one before it made of it."""
        made = [each for each in self.call("on_config_load", config) if isinstance(each, dict)]
        return made[-1] if made else config

    def shutdown(self) -> None:
        """Call on_shutdown."""
        self.call("on_shutdown")

    def outcomes(
        self, hook: str, args: tuple[object, ...], skip: Sequence[str] = ()
    ) -> Iterator[Outcome]:
        """Call a hook plugin by plugin, those to `skip` left out; what became of each call."""
        for call in self._table[hook]:
            if call.plugin in skip:
                continue
            outcome = self._outcome(call, args)
            if call.hook == "on_config_load" and isinstance(outcome.result, dict):
                args = (copy.deepcopy(outcome.result),)
            yield outcome

    def costs(self) -> dict[str, dict[str, Cost]]:
        """By plugin and hook, since it was first loaded."""
        return {
            plugin: {hook: Cost(c.count, c.seconds, c.errors) for hook, c in calls.items()}
            for plugin, calls in self._calls.items()
        }

    def _adopt(self, loaded: Loaded) -> None:
        """Take a plugin's hooks; a changed one gets a new chance, and its costs go on."""
        name = loaded.info.name
        same = self._adopted.get(name) is loaded
        if same:
            return
        self._disabled.pop(name, None)
        calls = calls_of(
            loaded,
            self._loop,
            timeout_s=self._settings.hook_timeout_s,
            announce=self._announce,
        )
        for hook, call in calls.items():
            call.go_on_from(self._calls.get(name, {}).get(hook))
        self._calls[name] = calls

    def _fill_table(self) -> None:
        table: dict[str, list[Call]] = {hook: [] for hook in HOOKS}
        for name in self._adopted:
            for hook, call in self._calls[name].items():
                if name not in self._disabled:
                    table[hook].append(call)
        short = {hook.removeprefix("on_"): calls for hook, calls in table.items()}
        self._table = table | short

    def _call_all(self, calls: list[Call], args: tuple[object, ...]) -> list[object]:
        """The common case, kept as short as can be: see benchmarks/plugins.py."""
        results: list[object] = []
        limit = self._settings.hook_timeout_s
        at = perf_counter()
        for call in calls:
            try:
                result = call.function(*args)
            except (Exception, SystemExit) as exc:  # the plugin fence
                call.count += 1
                call.seconds += perf_counter() - at
                self._failed(call, failure(exc))
                at = perf_counter()
                continue
            now = perf_counter()
            took = now - at
            at = now
            call.count += 1
            call.seconds += took
            if took > limit:
                self._late(call, took)
            elif call.row:
                call.row = 0
            if result is not None:
                results.append(result)
        return results

    def _outcome(self, call: Call, args: tuple[object, ...]) -> Outcome:
        began = perf_counter()
        result: object = None
        error: str | None = None
        refused: tuple[str, ...] = ()
        try:
            result, refused = judged(call, call.function(*own_copy(call.hook, args)), args)
        except (Exception, SystemExit) as exc:  # the plugin fence
            error = failure(exc)
        took = perf_counter() - began
        call.count += 1
        call.seconds += took
        if error is not None:
            self._failed(call, error)
        elif took > self._settings.hook_timeout_s:
            error = self._late(call, took)
        else:
            call.row = 0
        self._refusals.tell(call.plugin, refused)
        return Outcome(call.plugin, result, error, took)

    def _late(self, call: Call, took: float) -> str:
        error = f"took {took:.1f} s; it has {self._settings.hook_timeout_s:g} s"
        self._failed(call, error)
        return error

    def _failed(self, call: Call, error: str) -> None:
        call.errors += 1
        call.row += 1
        detail = {"plugin": call.plugin, "hook": call.hook, "error": error}
        log.warning("plugin hook failed: %s.%s: %s", call.plugin, call.hook, error, extra=detail)
        if self._settings.max_failures and call.row >= self._settings.max_failures:
            self._disable(call.plugin, f"{call.hook} failed {call.row} times in a row: {error}")

    def _disable(self, plugin: str, reason: str) -> None:
        if plugin in self._disabled:
            return
        self._disabled[plugin] = reason
        self._fill_table()
        log.error("plugin disabled: %s: %s", plugin, reason, extra={"plugin": plugin})
        if self._on_disabled is not None:
            self._on_disabled(plugin, reason)
