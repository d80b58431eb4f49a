"""Expressions worked out over samples already found; pure."""

from collections.abc import Sequence

import numpy as np

from intertie.monitor.promql import (
    aggregate,
    binary,
    labelling,
    maths,
    others,
    over_time,
    windows,
)
from intertie.monitor.promql.frame import Frame
from intertie.monitor.promql.parse import pattern
from intertie.monitor.promql.rows import Flags, Floats, Row, any_there, constant, joined
from intertie.monitor.promql.signatures import CALENDAR, MATHS, OVER_TIME, SETS
from intertie.monitor.promql.tree import (
    Aggregate,
    Binary,
    Call,
    Kind,
    Negate,
    Node,
    Number,
    Range,
    Selector,
    Subquery,
    Text,
    kind,
)
from intertie.monitor.promql.windows import Windows


def vector(node: Node, frame: Frame) -> list[Row]:
    """Series at each moment, no two with the same labels at once.

    Raises QueryError where series cannot be matched, or become the same.
    """
    match node:
        case Selector():
            return windows.newest(node, frame)
        case Negate(inner):
            return joined(row.with_values(-row.values) for row in vector(inner, frame))
        case Binary():
            return joined(_binary(node, frame))
        case Aggregate():
            return joined(_aggregate(node, frame))
        case Call():
            return joined(_call(node, frame))
        case _:
            raise _wrong(node, "series")


def scalar(node: Node, frame: Frame) -> Floats:
    """A number at each moment."""
    count = len(frame.times)
    match node:
        case Number(value):
            return np.full(count, value)
        case Negate(inner):
            return -scalar(inner, frame)
        case Binary():
            return binary.numbers(node, scalar(node.left, frame), scalar(node.right, frame))
        case Call("time"):
            return frame.times / 1000
        case Call("scalar", (inner,)):
            return others.as_number(vector(inner, frame), count)
        case _:
            raise _wrong(node, "a number")


def matrix(node: Node, frame: Frame) -> list[Windows]:
    """Samples over a range before each moment."""
    match node:
        case Range():
            return windows.of_range(node, frame)
        case Subquery():
            times = windows.subquery_times(node, frame)
            inside = frame.within(times)
            inside.check_size(1)
            return windows.of_rows(vector(node.inner, inside), times, node=node, frame=frame)
        case _:
            raise _wrong(node, "a range")


def rows(node: Node, frame: Frame) -> list[Row]:
    """Series at each moment; a number is one without labels."""
    if kind(node) is Kind.SCALAR:
        return [constant(scalar(node, frame))]
    return vector(node, frame)


def text(node: Node) -> str:
    """A text as written."""
    if isinstance(node, Text):
        return node.value
    raise _wrong(node, "a text")


def _binary(node: Binary, frame: Frame) -> list[Row]:
    if kind(node.left) is Kind.SCALAR:
        return binary.after_number(node, scalar(node.left, frame), vector(node.right, frame))
    if kind(node.right) is Kind.SCALAR:
        return binary.before_number(node, vector(node.left, frame), scalar(node.right, frame))
    work = binary.sets if node.operator in SETS else binary.matched
    return work(node, vector(node.left, frame), vector(node.right, frame), len(frame.times))


def _aggregate(node: Aggregate, frame: Frame) -> list[Row]:
    inner = vector(node.inner, frame)
    if node.parameter is None:
        return aggregate.simple(node, inner)
    if node.operator == "count_values":
        return aggregate.counted_values(node, inner, text(node.parameter))
    parameter = scalar(node.parameter, frame)
    if node.operator == "quantile":
        return aggregate.quantiles(node, inner, parameter)
    return aggregate.ranked(node, inner, parameter)


def _call(node: Call, frame: Frame) -> list[Row]:
    if node.function in OVER_TIME:
        return _over_time(node, frame)
    if node.function in MATHS:
        parameters = [scalar(argument, frame) for argument in node.arguments[1:]]
        return maths.evaluate(node.function, vector(node.arguments[0], frame), parameters)
    if node.function in CALENDAR:
        dates = _dates(node.arguments, frame)
        return [maths.calendar(node.function, row) for row in dates]
    return _other(node, frame)


def _over_time(node: Call, frame: Frame) -> list[Row]:
    ranges = [one for one in node.arguments if kind(one) is Kind.MATRIX]
    numbers = [one for one in node.arguments if kind(one) is not Kind.MATRIX]
    parameter = scalar(numbers[0], frame) if numbers else np.empty(0)
    return [over_time.evaluate(node.function, one, parameter) for one in matrix(ranges[0], frame)]


def _dates(arguments: Sequence[Node], frame: Frame) -> list[Row]:
    if arguments:
        return vector(arguments[0], frame)
    return [constant(frame.times / 1000)]


def _other(node: Call, frame: Frame) -> list[Row]:
    count = len(frame.times)
    match node.function, node.arguments:
        case "absent", (inner,):
            return others.absent(inner, any_there(vector(inner, frame), count))
        case "absent_over_time", (inner,):
            return others.absent(inner, _any_seen(matrix(inner, frame), count))
        case "timestamp", (inner,):
            return _timestamp(inner, frame)
        case "vector", (inner,):
            return [constant(scalar(inner, frame))]
        case _:
            return _rearranged(node, frame)


def _rearranged(node: Call, frame: Frame) -> list[Row]:
    match node.function, node.arguments:
        case "histogram_quantile", (q, inner):
            numbers, buckets = scalar(q, frame), vector(inner, frame)
            return others.histogram_quantile(buckets, numbers, closed=frame.options.closed)
        case ("sort" | "sort_desc") as direction, (inner,):
            return others.ordered(vector(inner, frame), direction)
        case _:
            return _labelled(node, frame)


def _any_seen(found: Sequence[Windows], count: int) -> Flags:
    seen = np.zeros(count, dtype=np.bool_)
    for one in found:
        seen |= one.counts > 0
    return seen


def _timestamp(inner: Node, frame: Frame) -> list[Row]:
    if isinstance(inner, Selector):
        found = windows.newest_with_times(inner, frame)
        return [others.timestamps(row, times) for row, times in found]
    return [others.timestamps(row, frame.times) for row in vector(inner, frame)]


def _labelled(node: Call, frame: Frame) -> list[Row]:
    inner = vector(node.arguments[0], frame)
    texts = [text(argument) for argument in node.arguments[1:]]
    if node.function == "label_join":
        return labelling.linked(inner, texts[0], between=texts[1], sources=texts[2:])
    target, template, source, expression = texts
    how = labelling.Replacement(target, template, source, pattern(expression))
    return labelling.replaced(inner, how)


def _wrong(node: Node, wanted: str) -> TypeError:
    """The parser has checked what each part gives: this is a fault of ours."""
    return TypeError(f"{type(node).__name__} is not {wanted}")
