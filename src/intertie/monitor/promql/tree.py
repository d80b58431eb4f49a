"""An expression taken apart: what `parse` makes and `evaluate` walks."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from intertie.errors import RequestError
from intertie.monitor.sample import Matcher


class QueryError(RequestError):
    """An expression cannot be used, or its answer cannot be given."""


class Kind(StrEnum):
    """What an expression gives; the values are Prometheus' words for it."""

    SCALAR = "scalar"
    VECTOR = "vector"
    MATRIX = "matrix"
    STRING = "string"


@dataclass(frozen=True, slots=True)
class Moment:
    """Which time is looked at, where it is not the time of evaluation itself."""

    offset_ms: int = 0
    """How much earlier; negative looks ahead."""
    at: int | Literal["start", "end"] | None = None
    """Milliseconds since 1970, or an edge of the whole query; set by `@`."""

    def fixed_ms(self, start_ms: int, end_ms: int) -> int | None:
        """The time that `@` sets in a query from `start_ms` to `end_ms`; None without it."""
        if self.at == "start":
            return start_ms
        return end_ms if self.at == "end" else self.at


@dataclass(frozen=True, slots=True)
class Number:
    """A number as written."""

    value: float


@dataclass(frozen=True, slots=True)
class Text:
    """A text as written."""

    value: str


@dataclass(frozen=True, slots=True)
class Selector:
    """The newest value of each series that fits."""

    matchers: tuple[Matcher, ...]
    moment: Moment


@dataclass(frozen=True, slots=True)
class Range:
    """The samples of each series that fits, over a length of time."""

    selector: Selector
    length_ms: int


@dataclass(frozen=True, slots=True)
class Subquery:
    """The values of an expression at many moments, over a length of time."""

    inner: "Node"
    length_ms: int
    step_ms: int | None
    """Without: the default of the options."""
    moment: Moment


@dataclass(frozen=True, slots=True)
class Call:
    """A function and its arguments."""

    function: str
    arguments: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Aggregate:
    """Many series made one for each group."""

    operator: str
    inner: "Node"
    parameter: "Node | None"
    labels: tuple[str, ...]
    without: bool
    """Whether `labels` are those that do not make the groups."""


@dataclass(frozen=True, slots=True)
class Matching:
    """How series of two sides find each other."""

    labels: tuple[str, ...] = ()
    on: bool = False
    """Only `labels` count; otherwise all but them, and never the name."""
    many: Literal["left", "right"] | None = None
    """The side of which several series may meet one of the other: `group_left`, `group_right`."""
    include: tuple[str, ...] = ()
    """Labels taken over from the other side."""


@dataclass(frozen=True, slots=True)
class Binary:
    """Two expressions with an operator between them."""

    operator: str
    left: "Node"
    right: "Node"
    matching: Matching
    as_bool: bool
    """A comparison gives 0 or 1 instead of leaving out."""


@dataclass(frozen=True, slots=True)
class Negate:
    """A minus before an expression."""

    inner: "Node"


Node = Number | Text | Selector | Range | Subquery | Call | Aggregate | Binary | Negate


def kind(node: Node) -> Kind:  # noqa: PLR0911 -- one line for each kind of node
    """What the expression gives."""
    match node:
        case Number():
            return Kind.SCALAR
        case Text():
            return Kind.STRING
        case Range() | Subquery():
            return Kind.MATRIX
        case Selector() | Aggregate():
            return Kind.VECTOR
        case Call(function):
            return Kind.SCALAR if function in {"scalar", "time"} else Kind.VECTOR
        case Negate(inner):
            return kind(inner)
        case Binary(_, left, right):
            scalar = kind(left) is Kind.SCALAR and kind(right) is Kind.SCALAR
            return Kind.SCALAR if scalar else Kind.VECTOR
