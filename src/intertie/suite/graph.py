"""Cycles and layers of a "needs" relation between names. Deterministic: names are taken sorted."""

from collections.abc import Iterable, Mapping


def cycles(needs: Mapping[str, Iterable[str]]) -> list[tuple[str, ...]]:
    """Ways that lead back to where they began, `("a", "b", "a")`; every cycle holds one of them.

    Names that are needed but have no entry are passed over.
    """
    left = {name: sorted(set(needed) & set(needs)) for name, needed in sorted(needs.items())}
    found: list[tuple[str, ...]] = []
    while (cycle := _one_cycle(left)) is not None:
        found.append(cycle)
        left[cycle[-2]].remove(cycle[-1])
    return found


def _one_cycle(needs: Mapping[str, list[str]]) -> tuple[str, ...] | None:
    done: set[str] = set()
    for start in needs:
        # Depth first by hand: a chain of services may be longer than Python's stack.
        way = [start]
        on_way = {start}
        branches = [iter(needs[start])]
        while way:
            name = next((n for n in branches[-1] if n not in done), None)
            if name is None:
                on_way.discard(way[-1])
                done.add(way.pop())
                branches.pop()
            elif name in on_way:
                return _rotated(way[way.index(name) :])
            else:
                way.append(name)
                on_way.add(name)
                branches.append(iter(needs[name]))
    return None


def _rotated(ring: list[str]) -> tuple[str, ...]:
    """The ring written from its first name by alphabet, closed."""
    at = ring.index(min(ring))
    return (*ring[at:], *ring[:at], ring[at])


def layers(needs: Mapping[str, Iterable[str]]) -> tuple[tuple[str, ...], ...]:
    """Names in groups: each needs only names of the groups before. Raises ValueError on a cycle."""
    left = {name: set(needed) & set(needs) for name, needed in needs.items()}
    done: set[str] = set()
    result: list[tuple[str, ...]] = []
    while left:
        ready = tuple(sorted(name for name, needed in left.items() if needed <= done))
        if not ready:
            raise ValueError("a dependency cycle has no order")
        result.append(ready)
        done.update(ready)
        left = {name: needed for name, needed in left.items() if name not in done}
    return tuple(result)
