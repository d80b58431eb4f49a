"""All parts of an expression."""

from collections.abc import Iterator

from intertie.monitor.promql.tree import Aggregate, Binary, Call, Negate, Node, Range, Subquery


def nodes(node: Node) -> Iterator[Node]:
    """Itself, and everything within it."""
    yield node
    for part in parts(node):
        yield from nodes(part)


def parts(node: Node) -> tuple[Node, ...]:
    """Those right below it."""
    match node:
        case Range(selector, _):
            return (selector,)
        case Subquery(inner) | Negate(inner):
            return (inner,)
        case Aggregate():
            return (node.inner,) if node.parameter is None else (node.inner, node.parameter)
        case Binary():
            return (node.left, node.right)
        case Call():
            return node.arguments
        case _:
            return ()
