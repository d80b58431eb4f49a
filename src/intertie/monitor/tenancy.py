"""Samples as one tenant sees them: as if there were no others.

Everything a tenant asks is read here. A condition on its label is added to each reading, so no
expression, whatever it is made of, is answered from samples of somebody else.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from intertie.monitor.linear import is_linear
from intertie.monitor.promql.frame import Options
from intertie.monitor.promql.nodes import nodes
from intertie.monitor.promql.query import Query, QueryError, compile
from intertie.monitor.promql.tree import Call, Node, Selector, Text
from intertie.monitor.sample import NAME_LABEL, Found, Matcher, Series, Source
from intertie.monitor.store import Aggregate, Summary
from intertie.monitor.tenant_samples import LABEL
from intertie.suite.monitoring import Step

OPTIONS = Options(max_samples=2_000_000)
"""What a tenant asks is smaller than what the suite's own people may ask."""
_ALL = 1 << 31
_MOST_LENGTHS, _MOST_WAYS = 2, 3


class Readable(Protocol):
    """What is read of a metrics store beside single samples."""

    async def aggregate(
        self,
        matchers: Sequence[Matcher],
        start_ms: int,
        end_ms: int,
        *,
        step: Step,
        functions: Sequence[Summary],
    ) -> Sequence[Aggregate]:
        """See MetricsStore."""
        ...

    async def series(self, matchers: Sequence[Matcher], limit: int) -> Sequence[Series]:
        """See MetricsStore."""
        ...

    async def names(self) -> Sequence[str]:
        """See MetricsStore."""
        ...

    async def labels(self, name: str) -> Mapping[str, Sequence[str]]:
        """See MetricsStore."""
        ...


@dataclass(frozen=True, slots=True)
class OwnSource:
    """Reads samples of one tenant only."""

    source: Source
    tenant: str

    async def select(
        self, matchers: Sequence[Matcher], start_ms: int, end_ms: int
    ) -> Sequence[Found]:
        """See Source."""
        return await self.source.select(_own(matchers, self.tenant), start_ms, end_ms)


@dataclass(frozen=True, slots=True)
class OwnStore:
    """Reads a store as if it had samples of one tenant only."""

    store: Readable
    tenant: str

    async def aggregate(
        self,
        matchers: Sequence[Matcher],
        start_ms: int,
        end_ms: int,
        *,
        step: Step,
        functions: Sequence[Summary],
    ) -> Sequence[Aggregate]:
        """See MetricsStore."""
        own = _own(matchers, self.tenant)
        return await self.store.aggregate(own, start_ms, end_ms, step=step, functions=functions)

    async def series(self, matchers: Sequence[Matcher], limit: int) -> Sequence[Series]:
        """See MetricsStore."""
        return await self.store.series(_own(matchers, self.tenant), limit)

    async def names(self) -> Sequence[str]:
        """See MetricsStore."""
        return sorted({each.name for each in await self.series((), _ALL)})

    async def labels(self, name: str) -> Mapping[str, Sequence[str]]:
        """See MetricsStore."""
        found: dict[str, set[str]] = {}
        for each in await self.series([Matcher(NAME_LABEL, "=", name)], _ALL):
            for label, value in each.labels:
                found.setdefault(label, set()).add(value)
        return {label: sorted(found[label]) for label in sorted(found)}


def compiled(text: str) -> Query:
    """The query of an expression that a tenant wrote.

    Raises QueryError as `compile`, and for a pattern that may take long: everybody would wait.
    """
    query = compile(text, options=OPTIONS)
    for node in nodes(query.node):
        if isinstance(node, Selector):
            check_matchers(node.matchers)
        elif isinstance(node, Call) and node.function == "label_replace":
            _check_groups(node.arguments[-1])
    return query


def check_matchers(matchers: Sequence[Matcher]) -> None:
    """Raise QueryError as `compiled`."""
    for each in matchers:
        if each.op in {"=~", "!~"} and not is_linear(each.value):
            raise QueryError(
                f"cannot use the pattern {each.value[:100]!r}: write it as RE2 has it, without"
                " look-around and back-references"
            )


def _check_groups(pattern: Node) -> None:
    """Groups are found by Python's engine: it is quick where little can be tried.

    That is, where no group is repeated, and few parts can be longer or shorter.
    """
    text = re.sub(r"\\.|\[\^?\]?[^\]]*\]", "x", pattern.value if isinstance(pattern, Text) else "")
    lengths = re.findall(r"[*+?{]", re.sub(r"\(\?:", "(", text))
    ways = text.count("|")
    if re.search(r"\)[*+?{]", text) or len(lengths) > _MOST_LENGTHS or ways > _MOST_WAYS:
        raise QueryError(
            f"cannot use the pattern {text[:100]!r} of label_replace: expected no repeated group,"
            f" at most {_MOST_LENGTHS} of `*`, `+`, `?` or braces, and at most {_MOST_WAYS} of `|`"
        )


def _own(matchers: Sequence[Matcher], tenant: str) -> tuple[Matcher, ...]:
    return (*matchers, Matcher(LABEL, "=", tenant))
