"""How much one GraphQL operation may ask for: depth, aliases and cost, known before it runs."""

from dataclasses import dataclass
from typing import Final

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    IntValueNode,
    OperationDefinitionNode,
    SelectionSetNode,
    ValidationContext,
    ValidationRule,
    VisitorAction,
)

MAX_TOKENS: Final = 2_000
MAX_DEPTH: Final = 16
"""The usual introspection query is 15 deep."""
MAX_ALIASES: Final = 30
MAX_COST: Final = 20_000

_BY_COUNT = frozenset({"limit", "tail"})
_DEFAULT_COUNT = 100
_LISTS = frozenset({"replicas", "steps", "services", "dependencies", "plugins", "groups", "topics"})
_LIST_COST = 10


@dataclass(frozen=True, slots=True)
class _Size:
    """Of a selection."""

    depth: int = 0
    aliases: int = 0
    cost: int = 0


class Limits(ValidationRule):
    """Refuses an operation that is too deep, has too many aliases, or may cost too much.

    A field costs 1; what is below it counts as often as its `limit` or `tail` says, or ten times
    for a list without one. What introspection asks for costs nothing: it is limited in depth, and
    by a rule of its own that lists lead into each other.
    """

    def __init__(self, context: ValidationContext) -> None:
        super().__init__(context)
        self._known: dict[str, _Size] = {}
        self._open: set[str] = set()

    def enter_operation_definition(
        self, node: OperationDefinitionNode, *_: object
    ) -> VisitorAction:
        """Measure it whole, fragments included."""
        size = self._selection(node.selection_set)
        for what, found, most in (
            ("is {} deep", size.depth, MAX_DEPTH),
            ("has {} aliases", size.aliases, MAX_ALIASES),
            ("may cost {}", size.cost, MAX_COST),
        ):
            if found > most:
                why = f"it {what.format(found)}, at most {most} is answered; ask for less at once"
                self.report_error(GraphQLError(f"cannot run this operation: {why}", node))
        return None

    def _selection(self, selection: SelectionSetNode | None) -> _Size:
        depth = aliases = cost = 0
        for node in selection.selections if selection else ():
            if isinstance(node, FieldNode):
                size = self._field(node)
            elif isinstance(node, FragmentSpreadNode):
                size = self._fragment(node.name.value)
            else:
                inner: SelectionSetNode | None = getattr(node, "selection_set", None)
                size = self._selection(inner)
            depth = max(depth, size.depth)
            aliases = min(aliases + size.aliases, MAX_ALIASES + 1)
            cost = min(cost + size.cost, MAX_COST + 1)
        return _Size(depth, aliases, cost)

    def _field(self, node: FieldNode) -> _Size:
        below = self._selection(node.selection_set)
        free = node.name.value.startswith("__")
        return _Size(
            depth=below.depth + 1,
            aliases=below.aliases + (node.alias is not None),
            cost=0 if free else 1 + _times(node) * below.cost,
        )

    def _fragment(self, name: str) -> _Size:
        """Measured once, however often it is spread. One within itself is refused elsewhere."""
        if name in self._open:
            return _Size()
        if name not in self._known:
            self._open.add(name)
            self._known[name] = self._selection(_fragment(self.context.document, name))
            self._open.discard(name)
        return self._known[name]


def _fragment(document: DocumentNode, name: str) -> SelectionSetNode | None:
    for node in document.definitions:
        if isinstance(node, FragmentDefinitionNode) and node.name.value == name:
            return node.selection_set
    return None


def _times(node: FieldNode) -> int:
    for argument in node.arguments or ():
        if argument.name.value in _BY_COUNT:
            given = argument.value
            return int(given.value) if isinstance(given, IntValueNode) else _DEFAULT_COUNT
    return _LIST_COST if node.name.value in _LISTS else 1
