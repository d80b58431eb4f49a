"""How trees become one: overlays and `extends` put one over another, `include` beside another."""

from intertie.errors import Fault
from intertie.suite.parse import MAX_DEPTH
from intertie.suite.tree import Entry, Items, Keys, Node, Place, Scalar, Table

_TAKEN_AWAY = "\0"
"""Text no file can hold. It marks a key taken away, so that no later merge brings it back."""


def overlay(base: Table, over: Table) -> Table:
    """`base` changed by `over`: tables key by key, all else replaced; null takes a key away.

    What is taken away leaves a mark until `sweep`: an overlay can so take away what a service has
    from the one it extends, which is merged later.
    """
    entries = dict(base.entries)
    for key, entry in over.entries.items():
        old = entries.get(key)
        if isinstance(entry.node, Scalar) and entry.node.value is None:
            entries[key] = Entry(entry.place, Scalar(None, _TAKEN_AWAY, entry.place))
        elif isinstance(entry.node, Table):
            below = old.node if old and isinstance(old.node, Table) else None
            place = old.place if old and below else entry.place
            empty = Table({}, entry.node.place)
            entries[key] = Entry(place, overlay(below or empty, entry.node))
        else:
            entries[key] = entry
    return Table(entries, base.place)


def sweep(table: Table, *, levels: int = MAX_DEPTH) -> Table:
    """The table without marks, down to some level."""
    kept: dict[str, Entry] = {}
    for key, entry in table.entries.items():
        if isinstance(entry.node, Table) and levels > 1:
            kept[key] = Entry(entry.place, sweep(entry.node, levels=levels - 1))
        elif not (isinstance(entry.node, Scalar) and entry.node.text == _TAKEN_AWAY):
            kept[key] = entry
    return Table(kept, table.place)


def join(one: Table, other: Table, faults: list[Fault]) -> Table:
    """Both trees side by side: lists follow each other; a key given by both is a fault."""
    return _join(one, other, (), faults)


def _join(one: Table, other: Table, keys: Keys, faults: list[Fault]) -> Table:
    entries = dict(one.entries)
    for key, entry in other.entries.items():
        way = (*keys, key)
        old = entries.get(key)
        # Two services of one name are two different programs, never halves of one.
        whole = len(way) == 2 and way[0] == "services"  # noqa: PLR2004
        if old is None:
            entries[key] = entry
        elif isinstance(old.node, Table) and isinstance(entry.node, Table) and not whole:
            entries[key] = Entry(old.place, _join(old.node, entry.node, way, faults))
        elif isinstance(old.node, Items) and isinstance(entry.node, Items):
            items = Items(old.node.items + entry.node.items, old.node.place)
            entries[key] = Entry(old.place, items)
        else:
            faults.append(_conflict(way, entry.place, old.place))
    return Table(entries, one.place)


def _conflict(keys: Keys, place: Place, first: Place) -> Fault:
    why = f"given twice: {place} and {first}"
    return place.fault(keys, why, "an include adds, it does not change; use `environments`")


def longhand(tree: Table) -> Table:
    """Every short spelling of a service written out, so that maps meet maps in a merge."""
    tree = _longhand_services(tree)
    overlays = tree.get("environments")
    if not isinstance(overlays, Table):
        return tree
    for name, entry in overlays.entries.items():
        if isinstance(entry.node, Table):
            overlays = overlays.replace(name, _longhand_services(entry.node))
    return tree.replace("environments", overlays)


def _longhand_services(tree: Table) -> Table:
    services = tree.get("services")
    if not isinstance(services, Table):
        return tree
    for name, entry in services.entries.items():
        if isinstance(entry.node, Table):
            services = services.replace(name, _longhand_service(entry.node))
    return tree.replace("services", services)


def _longhand_service(service: Table) -> Table:
    for key, write_out in _SPELLINGS.items():
        node = service.get(key)
        if node is not None:
            service = service.replace(key, write_out(node))
    return service


def _environment(node: Node) -> Node:
    """`NAME=value` items as a map, values as they are written; a bare NAME is passed on."""
    if isinstance(node, Table):
        entries = {key: Entry(e.place, _written(e.node)) for key, e in node.entries.items()}
        return Table(entries, node.place)
    items = _texts(node)
    if items is None:
        return node
    pairs: dict[str, Entry] = {}
    for item in items:
        name, equals, text = item.text.partition("=")
        text = text if equals else f"${{env:{name}}}"
        pairs[name] = Entry(item.place, Scalar(text, text, item.place))
    return Table(pairs, node.place)


def _written(node: Node) -> Node:
    if isinstance(node, Scalar) and node.value is not None:
        return Scalar(node.text, node.text, node.place)
    return node


def _dependencies(node: Node) -> Node:
    """A list of names as a map; a name with nothing after it as one with all defaults."""
    if isinstance(node, Table):
        return _tables(node)
    items = _texts(node)
    if items is None:
        return node
    tables = {item.text: Entry(item.place, Table({}, item.place)) for item in items}
    return Table(tables, node.place)


def _tables(node: Table) -> Table:
    for key, entry in node.entries.items():
        if isinstance(entry.node, Scalar) and entry.node.value is None:
            node = node.replace(key, Table({}, entry.node.place))
    return node


def _policy(node: Node) -> Node:
    """`on-failure:3` as a policy and its attempts."""
    if not (isinstance(node, Scalar) and isinstance(node.value, str)):
        return node
    policy, colon, attempts = node.text.partition(":")
    words = {"policy": policy, "max_attempts": attempts} if colon else {"policy": policy}
    entries = {key: Scalar(word, word, node.place) for key, word in words.items()}
    return Table({key: Entry(node.place, word) for key, word in entries.items()}, node.place)


def _extended(node: Node) -> Node:
    if isinstance(node, Scalar) and isinstance(node.value, str):
        return Table({"service": Entry(node.place, node)}, node.place)
    return node


def _texts(node: Node) -> list[Scalar] | None:
    """The items of a list of plain text; None for anything else."""
    if not isinstance(node, Items):
        return None
    scalars = [item for item in node.items if isinstance(item, Scalar)]
    whole = len(scalars) == len(node.items) and all(isinstance(s.value, str) for s in scalars)
    return scalars if whole else None


_SPELLINGS = {
    "environment": _environment,
    "depends_on": _dependencies,
    "restart": _policy,
    "extends": _extended,
}
