"""The seven hooks: their names, their parameters, and the check of a plugin's own ones."""

import inspect
from collections.abc import Callable, Mapping, Sequence

from intertie.plugins.base import PluginBase
from intertie.plugins.fault import FaultyError, did_you_mean

Hook = Callable[..., object]

HOOKS: Mapping[str, tuple[str, ...]] = {
    "on_service_start": ("service_name", "pid"),
    "on_service_stop": ("service_name", "pid"),
    "on_service_error": ("service_name", "error"),
    "on_health_check": ("health_data",),
    "on_metrics_collect": ("metrics",),
    "on_config_load": ("config",),
    "on_shutdown": (),
}
_GIVEN = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


class ServiceError(Exception):
    """What `on_service_error` gets across a process border: the text of the error.

    `kind` is the name of the original exception's class.
    """

    def __init__(self, message: str, *, kind: str = "ServiceError") -> None:
        self.kind = kind
        super().__init__(message)


def full_name(hook: str) -> str:
    """`service_start` is `on_service_start`."""
    return hook if hook.startswith("on_") else f"on_{hook}"


def hooks_of(plugin: PluginBase, named: Sequence[str]) -> dict[str, Hook]:
    """The plugin's hooks by full name, in the order of HOOKS.

    Raises FaultyError for a name that is no hook, is not defined, or has other parameters.
    """
    wanted = {full_name(name) for name in named} or _defined(plugin)
    for name in wanted - HOOKS.keys():
        raise FaultyError(f"hooks: `{name}` is no hook", hint=did_you_mean(name, HOOKS))
    return {name: _checked(plugin, name) for name in HOOKS if name in wanted}


def unused_hooks(plugin: PluginBase, named: Sequence[str]) -> set[str]:
    """Hooks that the class defines and `hooks` does not name: they are not called."""
    return _defined(plugin) - {full_name(name) for name in named} if named else set()


def _defined(plugin: PluginBase) -> set[str]:
    return {name for name in HOOKS if getattr(plugin, name, None) is not None}


def _checked(plugin: PluginBase, name: str) -> Hook:
    found: object = getattr(plugin, name, None)
    if not callable(found):
        line = inspect.getsourcelines(type(plugin))[1] if _has_source(type(plugin)) else 0
        raise FaultyError(f"hooks names `{name}`, which the class does not define", line=line)
    fault = _parameter_fault(inspect.signature(found), HOOKS[name])
    if fault:
        line = getattr(getattr(found, "__code__", None), "co_firstlineno", 0)
        expected = ", ".join(("self", *HOOKS[name]))
        raise FaultyError(f"{name}: {fault}", line=line, hint=f"expected {name}({expected})")
    return found


def _has_source(kind: type) -> bool:
    try:
        inspect.getsourcelines(kind)
    except (OSError, TypeError):
        return False
    return True


def _parameter_fault(signature: inspect.Signature, expected: Sequence[str]) -> str:
    """What is wrong with the parameters; a leading `_`, for one that is not used, is not."""
    parameters = list(signature.parameters.values())
    takes_rest = any(each.kind is inspect.Parameter.VAR_POSITIONAL for each in parameters)
    given = [each for each in parameters if each.kind in _GIVEN]
    for own, wanted in zip(given, expected, strict=False):
        if own.name.lstrip("_") != wanted:
            return f"parameter `{own.name}` should be `{wanted}`"
    if len(given) < len(expected) and not takes_rest:
        return f"parameter `{expected[len(given)]}` is missing"
    only_named = [each for each in parameters if each.kind is inspect.Parameter.KEYWORD_ONLY]
    for extra in (*given[len(expected) :], *only_named):
        if extra.default is inspect.Parameter.empty:
            return f"nothing is given for parameter `{extra.name}`"
    return ""
