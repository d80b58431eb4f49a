"""A hook of one plugin as something to call, and what became of a call."""

import copy
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from intertie.plugins.fault import told
from intertie.plugins.hooks import Hook
from intertie.plugins.load import Loaded
from intertie.plugins.loop import HookLoop
from intertie.plugins.metrics import Sample, samples

COPIED = frozenset({"on_health_check", "on_metrics_collect", "on_config_load"})
"""Their argument is a dict: each plugin gets one of its own."""

Announce = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Cost:
    """What one hook of one plugin has taken so far."""

    count: int = 0
    seconds: float = 0.0
    errors: int = 0


@dataclass(frozen=True, slots=True)
class Outcome:
    """One call of one plugin's hook. `error` is None when it went well."""

    plugin: str
    result: object
    error: str | None
    seconds: float


class Call:
    """A hook of one plugin. The counters are plain: they are written at each call."""

    __slots__ = ("count", "errors", "function", "hook", "plugin", "row", "seconds")

    def __init__(self, plugin: str, hook: str, function: Hook) -> None:
        self.plugin = plugin
        self.hook = hook
        self.function = function
        self.count = 0
        self.seconds = 0.0
        self.errors = 0
        self.row = 0
        """Failures since the last success."""

    def go_on_from(self, earlier: "Call | None") -> None:
        """Take over the counters, not the failures in a row: this is another code."""
        if earlier is not None:
            self.count, self.seconds = earlier.count, earlier.seconds
            self.errors = earlier.errors


def calls_of(
    loaded: Loaded, loop: HookLoop, *, timeout_s: float, announce: Announce | None
) -> dict[str, Call]:
    """A plugin's hooks, async ones made sync, each telling `announce` that it is entered."""
    made: dict[str, Call] = {}
    for hook, function in loaded.hooks.items():
        is_async = inspect.iscoroutinefunction(function)
        sync = _on_loop(function, loop, timeout_s) if is_async else function
        called = _announced(sync, announce, loaded.info.name) if announce else sync
        made[hook] = Call(loaded.info.name, hook, called)
    return made


def own_copy(hook: str, args: tuple[object, ...]) -> tuple[object, ...]:
    """The arguments, such that what a plugin does to them reaches nobody else."""
    return copy.deepcopy(args) if hook in COPIED else args


def judged(call: Call, result: object, args: tuple[object, ...]) -> tuple[object, tuple[str, ...]]:
    """What is passed on of a result, and what of it is refused; raises TypeError if all is."""
    if result is None or call.hook not in {"on_config_load", "on_metrics_collect"}:
        return result, ()
    if not isinstance(result, dict):
        raise TypeError(f"{call.hook} must return a dict, got {type(result).__name__}")
    if call.hook == "on_config_load":
        return result, ()
    given = args[0] if args and isinstance(args[0], Mapping) else {}
    found: list[Sample]
    found, refused = samples(call.plugin, result, given)
    return found, tuple(refused)


def failure(exc: BaseException) -> str:
    """The error in one line, with the line of the plugin's file where it came from."""
    trace = exc.__traceback__
    last = None
    while trace is not None:
        last = (trace.tb_frame.f_code.co_filename, trace.tb_lineno)
        trace = trace.tb_next
    return f"{told(exc)} at {last[0]}:{last[1]}" if last else told(exc)


def _on_loop(function: Hook, loop: HookLoop, timeout_s: float) -> Hook:
    def run(*args: object) -> object:
        return loop.run(function, args, timeout_s)  # type: ignore[arg-type] # iscoroutinefunction

    return run


def _announced(function: Hook, announce: Announce, plugin: str) -> Hook:
    def run(*args: object) -> object:
        announce(plugin)
        return function(*args)

    return run
