"""How much work schemas can make of one value. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import cast

from intertie.gateway.openapi.source import Json

MAX_WORK = 1_000_000
"""Looks at one value and at those inside of it, one within the other."""
MAX_TOLD = 2_000
"""With more, a wrong value is refused without saying where it is wrong."""

MAX_CHAIN = 2_000

_SAME = ("if", "then", "else", "not")
_SAME_LISTS = ("allOf", "anyOf", "oneOf")
_INSIDE = ("additionalProperties", "contains", "items", "propertyNames", "unevaluatedProperties")


class CostError(ValueError):
    """A schema that can make too much work; the text says why."""


@dataclass(frozen=True)
class Costs:
    """Of schemas that refer to `found` as `place` and a name."""

    found: Json
    place: str

    def check(self, schema: object) -> bool:
        """Whether a wrong value's faults can be told one by one. Raises CostError.

        Of a schema that leads into itself and forks on the way, each way would be told.
        """
        if self._fault:
            raise CostError(self._fault)
        work = self._cost(schema, self._works)
        if work > MAX_WORK:
            raise CostError("expected schemas that unfold to less: one value fits in too many ways")
        reached = self._reached(schema)
        forks = _forks(schema) or any(_forks(self.found.get(name)) for name in reached)
        return work <= MAX_TOLD and not (forks and reached & self._looping)

    @cached_property
    def _fault(self) -> str:
        """What is wrong with the schemas as a whole; empty for nothing."""
        for group in _groups(self._same_edges):
            if len(group) > 1 or group[0] in self._same_edges.get(group[0], ()):
                return "expected schemas that say something, got one that is only itself"
        if max(self._chains.values(), default=0) > MAX_CHAIN:
            return f"expected at most {MAX_CHAIN} schemas, each of which leads to the next"
        return ""

    @cached_property
    def _chains(self) -> dict[str, int]:
        """How many names each leads to, one after the other."""
        known: dict[str, int] = {}
        for group in self._grouped:
            below = (known.get(each, 0) for name in group for each in self._edges.get(name, ()))
            known |= dict.fromkeys(group, len(group) + max(below, default=0))
        return known

    @cached_property
    def _same_edges(self) -> dict[str, list[str]]:
        """Names that each name leads to, for the same value."""
        return {name: list(self._refs(each, inside=False)) for name, each in self.found.items()}

    @cached_property
    def _edges(self) -> dict[str, list[str]]:
        """Names that each name leads to."""
        return {name: list(self._refs(each, inside=True)) for name, each in self.found.items()}

    @cached_property
    def _grouped(self) -> list[list[str]]:
        """Names that lead to each other, those that they lead to first."""
        return _groups(self._edges)

    @cached_property
    def _looping(self) -> frozenset[str]:
        """Names that lead to themselves."""
        several = (group for group in self._grouped if len(group) > 1)
        alone = {name for name, edges in self._edges.items() if name in edges}
        return frozenset(alone.union(*several))

    @cached_property
    def _works(self) -> dict[str, int]:
        """Of each name. What leads back is looked at once: its result is remembered."""
        known: dict[str, int] = {}
        for group in self._grouped:
            # Those of one group are not known to each other: each counts as one look.
            known |= {name: self._cost(self.found.get(name), known) for name in group}
        return known

    def _cost(self, schema: object, works: Mapping[str, int]) -> int:
        if not isinstance(schema, dict):
            return 1
        table = cast("Json", schema)
        same = sum(self._cost(each, works) for each in _same(table))
        below = max((self._cost(each, works) for each in _below(table)), default=0)
        name = self._ref(table)
        work = 1 + same + below + (works.get(name, 1) if name else 0)
        return min(work, MAX_WORK + 1)

    def _ref(self, table: Json) -> str:
        ref = table.get("$ref")
        return ref.removeprefix(self.place) if isinstance(ref, str) else ""

    def _refs(self, schema: object, *, inside: bool) -> Iterator[str]:
        """Names that a schema leads to, for the same value or also those inside of it."""
        if not isinstance(schema, dict):
            return
        table = cast("Json", schema)
        if name := self._ref(table):
            yield name
        for each in _same(table):
            yield from self._refs(each, inside=inside)
        for each in _below(table) if inside else ():
            yield from self._refs(each, inside=True)

    def _reached(self, schema: object) -> set[str]:
        todo = list(self._refs(schema, inside=True))
        reached: set[str] = set()
        while todo:
            name = todo.pop()
            if name not in reached:
                reached.add(name)
                todo += self._edges.get(name, ())
        return reached


def _forks(schema: object) -> bool:
    """Whether one value is looked at by several parts."""
    if not isinstance(schema, dict):
        return False
    table = cast("Json", schema)
    same = [*_same(table), *(("$ref",) if "$ref" in table else ())]
    return len(same) > 1 or any(map(_forks, same)) or any(map(_forks, _below(table)))


def _same(table: Json) -> Iterator[object]:
    """What looks at the same value."""
    for word in _SAME:
        if word in table:
            yield table[word]
    for word in _SAME_LISTS:
        yield from _list(table.get(word))
    yield from _table(table.get("dependentSchemas")).values()


def _below(table: Json) -> Iterator[object]:
    """What looks at a value inside."""
    for word in _INSIDE:
        if isinstance(table.get(word), dict):
            yield table[word]
    yield from _table(table.get("properties")).values()
    yield from _list(table.get("prefixItems"))
    # All patterns that match look at the same value.
    if patterns := _table(table.get("patternProperties")):
        yield {"allOf": list(patterns.values())}


def _table(value: object) -> Json:
    return cast("Json", value) if isinstance(value, dict) else {}


def _list(value: object) -> list[object]:
    return cast("list[object]", value) if isinstance(value, list) else []


def _groups(edges: Mapping[str, Sequence[str]]) -> list[list[str]]:
    """Strongly connected components, each after those that it leads to (Tarjan, 1972).

    Without recursion: a document can have chains of any length.
    """
    order: dict[str, int] = {}
    low: dict[str, int] = {}
    path: list[str] = []
    waiting: set[str] = set()
    groups: list[list[str]] = []
    for start in edges:
        work = [(start, iter(edges.get(start, ())))] if start not in order else []
        while work:
            name, rest = work[-1]
            if name not in order:
                order[name] = low[name] = len(order)
                path.append(name)
                waiting.add(name)
            below = next((each for each in rest if each not in order or each in waiting), None)
            if below is None:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[name])
                if low[name] == order[name]:
                    groups.append(_cut(path, name, waiting))
            elif below in order:
                low[name] = min(low[name], order[below])
            else:
                work.append((below, iter(edges.get(below, ()))))
    return groups


def _cut(path: list[str], name: str, waiting: set[str]) -> list[str]:
    """A whole group, taken off the path."""
    group: list[str] = []
    while not group or group[-1] != name:
        group.append(path.pop())
    waiting.difference_update(group)
    return group
