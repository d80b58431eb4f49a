"""`extends`: a service that starts from another one, of the same file or of another."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

from intertie.errors import Fault
from intertie.suite.interpolate import Sources, expand
from intertie.suite.merge import overlay, sweep
from intertie.suite.nearest import did_you_mean
from intertie.suite.tree import Entry, Keys, Place, Scalar, Table

_Spot: TypeAlias = tuple[Path, str]
"""A file with all it includes, and a service there."""


class Extender:
    """Follows every chain of `extends`; each service is worked out once."""

    def __init__(
        self,
        root: Path,
        services: Table,
        *,
        open_file: Callable[[Path], Table | None],
        sources: Sources,
        faults: list[Fault],
    ) -> None:
        self._root = root.resolve()
        self._files: dict[Path, Table | None] = {self._root: services}
        self._open_file = open_file
        self._sources = sources
        self._faults = faults
        self._done: dict[_Spot, Table] = {}

    def extended(self, services: Table) -> Table:
        """The same services, each with all it starts from, none of which extends any more."""
        entries = dict(services.entries)
        for name, entry in entries.items():
            if isinstance(entry.node, Table):
                whole = sweep(self._service((self._root, name), entry.node))
                entries[name] = Entry(entry.place, whole)
        return Table(entries, services.place)

    def _service(self, spot: _Spot, own: Table) -> Table:
        chain: dict[_Spot, Table] = {}
        link: tuple[_Spot, Table] | None = (spot, own)
        base: Table | None = None
        while link is not None:
            spot, own = link
            if spot in self._done:
                base = self._done[spot]
                break
            if spot in chain:
                self._cycle([*chain][[*chain].index(spot) :], chain[spot])
                break
            chain[spot] = own
            link = self._base(spot, own)
        for at, table in reversed(chain.items()):
            rest = table.without("extends")
            base = self._done[at] = overlay(base, rest) if base is not None else rest
        return self._done[next(iter(chain))] if chain else self._done[spot]

    def _base(self, spot: _Spot, own: Table) -> tuple[_Spot, Table] | None:
        """What a service extends; None when nothing, or after the fault is noted."""
        entry = own.entries.get("extends")
        if entry is None or (isinstance(entry.node, Scalar) and entry.node.value is None):
            return None
        keys = ("services", spot[1], "extends")
        name = self._text(entry, "service", keys)
        path = self._path(entry, keys, spot[0])
        if name is None or path is None:
            return None
        file = path.resolve()
        services = self._services(path, entry.place, keys)
        if services is None:
            return None
        node = services.get(name)
        if isinstance(node, Table):
            return (file, name), node
        if node is None:
            hint = did_you_mean(name, services.entries)
            self._faults.append(entry.place.fault(keys, f"no service is called {name!r}", hint))
        return None

    def _text(self, entry: Entry, key: str, keys: Keys) -> str | None:
        node = entry.node
        if not isinstance(node, Table) or set(node.entries) - {"service", "file"}:
            why = "expected a service's name, or `service` and `file`"
            self._faults.append(entry.place.fault(keys, why))
            return None
        value = node.get(key)
        if isinstance(value, Scalar) and isinstance(value.value, str):
            return value.value
        self._faults.append(entry.place.fault((*keys, key), "expected text"))
        return None

    def _path(self, entry: Entry, keys: Keys, here: Path) -> Path | None:
        if not isinstance(entry.node, Table) or "file" not in entry.node.entries:
            return here
        name = self._text(entry, "file", keys)
        if name is None:
            return None
        name = expand(name, (*keys, "file"), entry.place, self._sources, self._faults)
        return entry.place.file.parent / name

    def _services(self, path: Path, place: Place, keys: Keys) -> Table | None:
        """The services of a file; None, once noted, when it cannot be read."""
        file = path.resolve()
        if file not in self._files:
            there = path.is_file()
            if not there:
                why = f"cannot read {path}: there is no such file"
                self._faults.append(place.fault((*keys, "file"), why))
            tree = self._open_file(path) if there else None
            self._files[file] = tree.table("services") if tree else None
        return self._files[file]

    def _cycle(self, ring: list[_Spot], first: Table) -> None:
        place = first.entries["extends"].place
        names = [name if file == self._root else f"{file.name}:{name}" for file, name in ring]
        way = " → ".join((*names, names[0]))
        keys = ("services", ring[0][1], "extends")
        self._faults.append(place.fault(keys, f"services extend each other: {way}"))
