"""Which samples an expression needs, found out before any is read."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from intertie.monitor.promql.frame import Options
from intertie.monitor.promql.tree import (
    Aggregate,
    Binary,
    Call,
    Moment,
    Negate,
    Node,
    Number,
    Range,
    Selector,
    Subquery,
    Text,
)
from intertie.monitor.sample import Matcher


@dataclass(frozen=True, slots=True)
class Read:
    """Samples with `start_ms` < time <= `end_ms` of all series that fit."""

    matchers: tuple[Matcher, ...]
    start_ms: int
    end_ms: int


@dataclass(frozen=True, slots=True)
class _Span:
    """First and last moment of evaluation, of a part and of the whole."""

    first_ms: int
    last_ms: int
    start_ms: int
    end_ms: int

    def looked_at(self, moment: Moment) -> "_Span":
        fixed = moment.fixed_ms(self.start_ms, self.end_ms)
        first, last = (self.first_ms, self.last_ms) if fixed is None else (fixed, fixed)
        return replace(self, first_ms=first - moment.offset_ms, last_ms=last - moment.offset_ms)


def needed(node: Node, start_ms: int, end_ms: int, options: Options) -> Sequence[Read]:
    """What to read for moments from `start_ms` to `end_ms`.

    The same selector is read once for times that touch each other.
    """
    by_matchers: dict[tuple[Matcher, ...], list[Read]] = {}
    for read in _walk(node, _Span(start_ms, end_ms, start_ms, end_ms), options):
        by_matchers.setdefault(read.matchers, []).append(read)
    return [read for reads in by_matchers.values() for read in _merged(reads)]


def has_subquery(node: Node) -> bool:
    """Whether a part of it is evaluated at many moments, whatever is asked for."""
    match node:
        case Subquery():
            return True
        case Negate(inner):
            return has_subquery(inner)
        case Aggregate() | Binary() | Call():
            return any(has_subquery(part) for part in _parts(node))
        case _:
            return False


def _merged(reads: Sequence[Read]) -> Sequence[Read]:
    merged: list[Read] = []
    for read in sorted(reads, key=lambda read: read.start_ms):
        if merged and read.start_ms <= merged[-1].end_ms:
            merged[-1] = replace(merged[-1], end_ms=max(merged[-1].end_ms, read.end_ms))
        else:
            merged.append(read)
    return merged


def _walk(node: Node, span: _Span, options: Options) -> Iterator[Read]:
    match node:
        case Number() | Text():
            return
        case Selector():
            yield _read(node, span, options.lookback_ms, options)
        case Range(selector, length_ms):
            yield _read(selector, span, length_ms, options)
        case Subquery():
            at = span.looked_at(node.moment)
            inside = replace(at, first_ms=at.first_ms - node.length_ms)
            yield from _walk(node.inner, inside, options)
        case Negate(inner):
            yield from _walk(inner, span, options)
        case Aggregate() | Binary() | Call():
            for part in _parts(node):
                yield from _walk(part, span, options)


def _parts(node: Aggregate | Binary | Call) -> Sequence[Node]:
    match node:
        case Aggregate():
            return (node.inner,) if node.parameter is None else (node.inner, node.parameter)
        case Binary():
            return (node.left, node.right)
        case Call():
            return node.arguments


def _read(selector: Selector, span: _Span, length_ms: int, options: Options) -> Read:
    at = span.looked_at(selector.moment)
    start = at.first_ms - length_ms - (1 if options.closed else 0)
    return Read(selector.matchers, start, at.last_ms)
