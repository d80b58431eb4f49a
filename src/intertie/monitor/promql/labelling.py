"""Labels made of labels: `label_replace` and `label_join`."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from intertie.monitor import linear
from intertie.monitor.promql.rows import Labels, Row, with_label
from intertie.monitor.promql.tree import QueryError

MAX_VALUE = 10_000
"""Characters of a label: joined with itself again and again, one would fill the memory."""
_VARIABLE = re.compile(r"\$(?:(?P<dollar>\$)|\{(?P<braced>\w+)\}|(?P<plain>\w+))", re.ASCII)


@dataclass(frozen=True, slots=True)
class Replacement:
    """The arguments of `label_replace`, in its order."""

    target: str
    template: str
    """With `$1` or `${name}` for what groups of the pattern held."""
    source: str
    pattern: re.Pattern[str]
    """Must match the whole value."""


def replaced(rows: Sequence[Row], how: Replacement) -> list[Row]:
    """With `target` set where `source` matches; an empty value takes the label away."""
    return [replace(row, labels=_replaced(row.labels, how)) for row in rows]


def _replaced(labels: Labels, how: Replacement) -> Labels:
    value = dict(labels).get(how.source, "")
    if not linear.fits(how.pattern.pattern, value):
        return labels
    match = how.pattern.fullmatch(value)
    if match is None:  # the two engines differ on rare patterns
        return labels
    return _set(labels, how.target, _expanded(how.template, match))


def _set(labels: Labels, target: str, value: str) -> Labels:
    if len(value) > MAX_VALUE:
        raise QueryError(f"cannot evaluate: {target} would have more than {MAX_VALUE} characters")
    return with_label(labels, target, value)


def _expanded(template: str, match: re.Match[str]) -> str:
    def value(variable: re.Match[str]) -> str:
        if variable["dollar"]:
            return "$"
        name = variable["braced"] or variable["plain"]
        if name.isdigit():
            index = int(name)
            return (match[index] or "") if index <= match.re.groups else ""
        return match.groupdict(default="").get(name, "")

    return _VARIABLE.sub(value, template)


def linked(rows: Sequence[Row], target: str, *, between: str, sources: Sequence[str]) -> list[Row]:
    """With `target` made of the values of all sources, `between` between them."""
    return [
        replace(row, labels=_set(row.labels, target, _linked(row.labels, between, sources)))
        for row in rows
    ]


def _linked(labels: Labels, between: str, sources: Sequence[str]) -> str:
    known = dict(labels)
    return between.join(known.get(source, "") for source in sources)
