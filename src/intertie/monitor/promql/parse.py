"""Texts in PromQL taken apart, and those that cannot be answered refused."""

import re
from collections.abc import Iterable
from datetime import timedelta

import promql_parser as pq

from intertie.monitor.promql import place
from intertie.monitor.promql.signatures import AGGREGATORS, FUNCTIONS, OPERATORS
from intertie.monitor.promql.tree import (
    Aggregate,
    Binary,
    Call,
    Kind,
    Matching,
    Moment,
    Negate,
    Node,
    Number,
    QueryError,
    Range,
    Selector,
    Subquery,
    Text,
    kind,
)
from intertie.monitor.sample import NAME_LABEL, Matcher

_OF_WRITING = (
    "bad number", "invalid float", "invalid promql", "unclosed", "unexpected", "unknown escape",
    "unterminated",
)  # fmt: skip
"""How the parser begins what it says of a text that is not grammatical."""
_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")


def parse(text: str) -> Node:
    """The expression.

    Raises QueryError with the place of a mistake in writing, or naming what is not supported.
    """
    place.check(text)
    try:
        return _node(pq.parse(text))
    except ValueError as exc:
        raise _refused(text, str(exc)) from exc
    except _UnsupportedError as exc:
        raise QueryError(f"cannot use query {place.shown(text)}: {exc}") from exc


def _refused(text: str, why: str) -> QueryError:
    where = hint = ""
    if _is_about_writing(why):
        line, column = place.position(text, _is_good)
        where = f" at line {line}, column {column}"
    if why.startswith("unknown function"):
        hint = f"; supported are {', '.join(sorted(FUNCTIONS))}"
    return QueryError(f"cannot use query {place.shown(text)}{where}: {why}{hint}")


class _UnsupportedError(Exception):
    """Good PromQL, but not for us."""


def _is_good(text: str) -> bool:
    try:
        pq.parse(text)
    except ValueError as exc:
        return not _is_about_writing(str(exc))
    return True


def _is_about_writing(why: str) -> bool:
    """Whether the text is not grammatical, rather than without sense."""
    return why.startswith(_OF_WRITING)


def _node(expr: pq.Expr) -> Node:  # noqa: C901, PLR0911 -- one line for each kind of node
    match expr:
        case pq.NumberLiteral():
            return Number(expr.val)
        case pq.StringLiteral():
            return Text(expr.val)
        case pq.ParenExpr():
            return _node(expr.expr)
        case pq.UnaryExpr():
            return Negate(_node(expr.expr))
        case pq.VectorSelector():
            return _selector(expr)
        case pq.MatrixSelector():
            return Range(_selector(expr.vector_selector), _ms(expr.range))
        case pq.SubqueryExpr():
            return _subquery(expr)
        case pq.Call():
            return _call(expr)
        case pq.AggregateExpr():
            return _aggregate(expr)
        case pq.BinaryExpr():
            return _binary(expr)
        case _:
            raise _UnsupportedError(f"{type(expr).__name__} is not supported")


def _selector(expr: pq.VectorSelector) -> Selector:
    if expr.matchers.or_matchers:
        raise _UnsupportedError("or between matchers is not supported; use or between selectors")
    found = [Matcher(NAME_LABEL, "=", expr.name)] if expr.name else []
    found += [_matcher(matcher) for matcher in expr.matchers.matchers]
    return Selector(tuple(found), _moment(expr.offset, expr.at))


def _matcher(matcher: pq.Matcher) -> Matcher:
    if matcher.op == pq.MatchOp.Equal:
        return Matcher(matcher.name, "=", matcher.value)
    if matcher.op == pq.MatchOp.NotEqual:
        return Matcher(matcher.name, "!=", matcher.value)
    pattern(matcher.value)
    return Matcher(matcher.name, "=~" if matcher.op == pq.MatchOp.Re else "!~", matcher.value)


def pattern(text: str) -> re.Pattern[str]:
    """The regular expression, of which a whole text is asked; `.` is any character."""
    try:
        return re.compile(text, re.DOTALL)
    except re.error as exc:
        raise _UnsupportedError(f"cannot read the regular expression {text!r}: {exc}") from exc


def _subquery(expr: pq.SubqueryExpr) -> Subquery:
    if expr.range is None:
        raise _UnsupportedError("a subquery needs a length, for example [5m:1m]")
    step = None if expr.step is None else _ms(expr.step)
    return Subquery(_node(expr.expr), _ms(expr.range), step, _moment(expr.offset, expr.at))


def _moment(offset: timedelta | None, at: pq.AtModifier | None) -> Moment:
    offset_ms = 0 if offset is None else _ms(offset)
    if at is None:
        return Moment(offset_ms)
    if at.type == pq.AtModifierType.Start:
        return Moment(offset_ms, "start")
    if at.type == pq.AtModifierType.End:
        return Moment(offset_ms, "end")
    if at.at is None:
        raise _UnsupportedError("@ needs a time")
    return Moment(offset_ms, round(at.at.timestamp() * 1000))


def _call(expr: pq.Call) -> Call:
    name = expr.func.name
    if name not in FUNCTIONS:
        raise _unknown("function", name, FUNCTIONS)
    arguments = tuple(_node(argument) for argument in expr.args)
    if name in {"label_replace", "label_join"}:
        _check_labels(name, arguments)
    return Call(name, arguments)


def _check_labels(function: str, arguments: tuple[Node, ...]) -> None:
    texts = [argument.value for argument in arguments if isinstance(argument, Text)]
    if function == "label_replace":
        pattern(texts[3])
    if not _LABEL.fullmatch(texts[0]):
        raise _UnsupportedError(f"{function}: {texts[0]!r} is no label name")


def _aggregate(expr: pq.AggregateExpr) -> Aggregate:
    name = str(expr.op)
    if name not in AGGREGATORS:
        raise _unknown("aggregation", name, AGGREGATORS)
    parameter = None if expr.param is None else _node(expr.param)
    if isinstance(parameter, Text) and not _LABEL.fullmatch(parameter.value):
        raise _UnsupportedError(f"{name}: {parameter.value!r} is no label name")
    without = expr.modifier is not None and expr.modifier.type == pq.AggModifierType.Without
    labels = tuple(expr.modifier.labels) if expr.modifier else ()
    return Aggregate(name, _node(expr.expr), parameter, labels, without)


def _binary(expr: pq.BinaryExpr) -> Binary:
    name = str(expr.op)
    if name not in OPERATORS:
        raise _unknown("operator", name, OPERATORS)
    left, right = _node(expr.lhs), _node(expr.rhs)
    modifier = expr.modifier
    if modifier is None:
        return Binary(name, left, right, Matching(), as_bool=False)
    fill = modifier.fill_values
    if fill.lhs is not None or fill.rhs is not None:
        raise _UnsupportedError("fill is not supported; use or with a default")
    return Binary(name, left, right, _matching(modifier), as_bool=modifier.return_bool)


def _matching(modifier: pq.BinModifier) -> Matching:
    labels = modifier.matching
    many = {
        "VectorMatchCardinality.ManyToOne": "left",
        "VectorMatchCardinality.OneToMany": "right",
    }.get(str(modifier.card))
    return Matching(
        labels=tuple(labels.labels) if labels else (),
        on=labels is not None and labels.type == pq.LabelModifierType.Include,
        many="left" if many == "left" else "right" if many == "right" else None,
        include=tuple(modifier.group_labels or ()),
    )


def _unknown(what: str, name: str, known: Iterable[str]) -> _UnsupportedError:
    return _UnsupportedError(
        f"{what} {name} is not supported; supported are {', '.join(sorted(known))}"
    )


def _ms(length: timedelta) -> int:
    return round(length / timedelta(milliseconds=1))


def check_result(text: str, node: Node) -> None:
    """Raise QueryError where the whole gives samples of a range, which are no answer."""
    if kind(node) is Kind.MATRIX:
        raise QueryError(
            f"cannot use query {place.shown(text)}: samples over a range are not a result; "
            "put a function around it, for example max_over_time"
        )
