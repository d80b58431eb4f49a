"""How each plugin stands with its host: what it cost, how often it failed, whether it is called."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from intertie.plugins.calls import Cost
from intertie.plugins.wire import Message

log = logging.getLogger(__name__)

State = Literal["loaded", "disabled", "faulty"]
OnDisabled = Callable[[str, str], None]


@dataclass(frozen=True, slots=True)
class PluginStatus:
    """A plugin as it is told of. Of a faulty one only `name`, `origin` and `last_error` are known.

    One that is loaded may have a `last_error` too: of a hook, or of a newer version of its file.
    """

    name: str
    state: State
    origin: str
    version: str = ""
    description: str = ""
    author: str = ""
    hooks: tuple[str, ...] = ()
    strikes: int = 0
    """Failures in a row of the hook that has most."""
    costs: dict[str, Cost] = field(default_factory=dict)
    """By hook."""
    load_s: float = 0.0
    last_error: str | None = None


@dataclass(slots=True)
class _Record:
    told: Message
    costs: dict[str, Cost] = field(default_factory=dict)
    rows: dict[str, int] = field(default_factory=dict)
    last_error: str | None = None
    disabled: bool = False


class Standings:
    """Outlives the children: a plugin that ended one keeps its strikes in the next."""

    def __init__(self, max_failures: int, on_disabled: OnDisabled) -> None:
        self._max_failures = max_failures
        self._on_disabled = on_disabled
        self._records: dict[str, _Record] = {}
        self._faults: list[Message] = []

    def loaded(self, answer: Message) -> None:
        """Take what a child loaded. A plugin whose file changed begins anew, but for its costs."""
        earlier, self._records = self._records, {}
        for told in answer["plugins"]:
            record = earlier.get(told["name"])
            if record is None or record.told["stamp"] != told["stamp"]:
                record = _Record(told, record.costs if record else {})
            record.told = told
            self._records[told["name"]] = record
        self._faults = answer["faults"]

    @property
    def disabled(self) -> set[str]:
        """Those that are not called."""
        return {name for name, record in self._records.items() if record.disabled}

    @property
    def faults(self) -> tuple[str, ...]:
        """Why some are not loaded: a line each."""
        return tuple(_fault_line(fault) for fault in self._faults)

    def took(self, plugin: str, hook: str, seconds: float, error: str | None) -> None:
        """A hook was called; `error` says why it failed."""
        record = self._records.get(plugin)
        if record is None:
            return
        cost = record.costs.get(hook, Cost())
        failed = int(error is not None)
        record.costs[hook] = Cost(cost.count + 1, cost.seconds + seconds, cost.errors + failed)
        record.rows[hook] = record.rows.get(hook, 0) + 1 if failed else 0
        if error is None:
            return
        record.last_error = f"{hook}: {error}"
        log.warning("plugin hook failed: %s.%s: %s", plugin, hook, error, extra={"plugin": plugin})
        if self._max_failures and record.rows[hook] >= self._max_failures and not record.disabled:
            record.disabled = True
            reason = f"{hook} failed {record.rows[hook]} times in a row: {error}"
            log.error("plugin disabled: %s: %s", plugin, reason, extra={"plugin": plugin})
            self._on_disabled(plugin, reason)

    def status(self) -> tuple[PluginStatus, ...]:
        """All of them, those that are called in their order, faulty ones last."""
        newer = {fault["origin"]: _fault_line(fault) for fault in self._faults}
        found = [self._status(record, newer) for record in self._records.values()]
        origins = {each.origin for each in found}
        faulty: dict[str, PluginStatus] = {}
        for fault in self._faults:
            name = fault["plugin"] or Path(fault["origin"]).stem
            if fault["origin"] not in origins or fault["plugin"] not in {None, *self._records}:
                line = _fault_line(fault)
                faulty[name] = PluginStatus(name, "faulty", fault["origin"], last_error=line)
        return (*found, *faulty.values())

    def _status(self, record: _Record, newer: dict[str, str]) -> PluginStatus:
        told = record.told
        return PluginStatus(
            name=told["name"],
            state="disabled" if record.disabled or not told["wanted"] else "loaded",
            origin=told["origin"],
            version=told["version"],
            description=told["description"],
            author=told["author"],
            hooks=tuple(told["hooks"]),
            strikes=max(record.rows.values(), default=0),
            costs=dict(record.costs),
            load_s=told["load_s"],
            last_error=newer.get(told["origin"], record.last_error),
        )


def _fault_line(fault: Message) -> str:
    place = f"{fault['origin']}:{fault['line']}" if fault["line"] else fault["origin"]
    hint = f" ({fault['hint']})" if fault["hint"] else ""
    return f"{place}: {fault['message']}{hint}"
