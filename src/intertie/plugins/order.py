"""In which order plugins are called: what they require and come after is called first."""

import heapq
from collections.abc import Mapping, Sequence

from intertie.plugins.base import PluginInfo
from intertie.plugins.fault import did_you_mean


def order(
    infos: Mapping[str, PluginInfo], found: Sequence[str] = ()
) -> tuple[list[str], dict[str, tuple[str, str]]]:
    """The names in order, ties by name; and for those left out the message and a hint.

    `found` are the names that are there but not among `infos`, because they are faulty or disabled.
    """
    left = dict(infos)
    faults: dict[str, tuple[str, str]] = {}
    while True:
        faults |= _drop_unmet(left, found)
        cycle = _cycle(_before(left))
        if not cycle:
            return _sorted(_before(left)), faults
        shown = " → ".join((*cycle, cycle[0]))
        for name in cycle:
            faults[name] = (f"cannot order plugins: cycle {shown}", "")
            del left[name]


def _drop_unmet(left: dict[str, PluginInfo], found: Sequence[str]) -> dict[str, tuple[str, str]]:
    faults: dict[str, tuple[str, str]] = {}
    known = {*left, *found}
    while True:
        unmet = {
            name: missing
            for name, info in left.items()
            if (missing := next((each for each in info.requires if each not in left), None))
        }
        if not unmet:
            return faults
        for name, missing in unmet.items():
            hint = "it is there, see why it is not loaded" if missing in known else ""
            hint = hint or did_you_mean(missing, known - {name})
            faults[name] = (f"requires `{missing}`, which is not loaded", hint)
            del left[name]


def _before(infos: Mapping[str, PluginInfo]) -> dict[str, set[str]]:
    """For each name those that come before it."""
    earlier = {
        name: {each for each in (*info.requires, *info.after) if each in infos}
        for name, info in infos.items()
    }
    for name, info in infos.items():
        for later in info.before:
            if later in earlier:
                earlier[later].add(name)
    return earlier


def _cycle(earlier: Mapping[str, set[str]]) -> list[str]:
    """One cycle, in the order of calling, from its least name on; empty when there is none."""
    rest = {name: set(names) for name, names in earlier.items()}
    while free := [name for name, names in rest.items() if not names]:
        for name in free:
            del rest[name]
        for names in rest.values():
            names.difference_update(free)
    if not rest:
        return []
    path = [min(rest)]
    while path.count(path[-1]) == 1:
        path.append(min(rest[path[-1]]))
    cycle = path[path.index(path[-1]) + 1 :][::-1]
    start = cycle.index(min(cycle))
    return cycle[start:] + cycle[:start]


def _sorted(earlier: Mapping[str, set[str]]) -> list[str]:
    rest = {name: set(names) for name, names in earlier.items()}
    ready = [name for name, names in rest.items() if not names]
    heapq.heapify(ready)
    names: list[str] = []
    while ready:
        name = heapq.heappop(ready)
        names.append(name)
        del rest[name]
        for other, needed in rest.items():
            if name in needed:
                needed.remove(name)
                if not needed:
                    heapq.heappush(ready, other)
    return names
