"""Keys of the suite file that have another name as well."""

from intertie.errors import Fault
from intertie.suite.tree import Table

OTHER_NAMES = {"api_gateway": "gateway", "service_mesh": "mesh"}
"""At the top of the file; what they are in the end is the second."""


def in_our_words(tree: Table, faults: list[Fault]) -> Table:
    """The file with our names; both names of one thing are a fault."""
    entries = dict(tree.entries)
    for other, own in OTHER_NAMES.items():
        entry = entries.pop(other, None)
        if entry is None:
            continue
        if own in entries:
            why = f"`{own}` says it already ({entries[own].place})"
            faults.append(entry.place.fault((other,), why, "keep one of the two"))
        else:
            entries[own] = entry
    return Table(entries, tree.place)
