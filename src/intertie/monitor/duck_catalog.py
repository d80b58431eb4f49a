"""Which series a store knows: their numbers, and which of them fit."""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from intertie.monitor.sample import NAME_LABEL, Matcher, Sample, Series
from intertie.monitor.tenant_samples import sender_of

MaxOf = Callable[[str], int | None]
"""How many series a tenant may have; None: as many as there is room for."""


@dataclass(frozen=True, slots=True)
class Numbered:
    """A batch with numbers for series."""

    ids: Sequence[int]
    values: Sequence[float]
    new: Mapping[Series, int]
    """Not yet known; `Catalog.learn` makes them so."""
    refused: Mapping[str, int]
    """By metric."""
    refused_of: Mapping[str, int]
    """By tenant, those beyond its own limit; they are in `refused` too."""


@dataclass(slots=True)
class Catalog:
    """The series of a store, in memory."""

    max_series: int
    max_of: MaxOf = lambda _: None
    _of_tenant: Counter[str] = field(default_factory=Counter[str])
    """How many series each tenant has; of all others under no name."""
    _ids: dict[Series, int] = field(default_factory=dict[Series, int])
    _series: dict[int, Series] = field(default_factory=dict[int, Series])
    _by_name: dict[str, set[int]] = field(default_factory=dict[str, set[int]])
    _next: int = 1

    def __len__(self) -> int:
        return len(self._ids)

    def __getitem__(self, id: int) -> Series:
        return self._series[id]

    @property
    def end(self) -> int:
        """A number that is higher than those of all series."""
        return self._next

    def of_tenant(self, tenant: str) -> int:
        """How many series count for a tenant."""
        return self._of_tenant[tenant]

    def learn(self, new: Mapping[Series, int]) -> None:
        """Know these from now on."""
        for series, id in new.items():
            self._ids[series] = id
            self._series[id] = series
            self._by_name.setdefault(series.name, set()).add(id)
            self._of_tenant[sender_of(series)] += 1
            self._next = max(self._next, id + 1)

    def forget(self, ids: Iterable[int]) -> None:
        """Know these no more."""
        for id in ids:
            series = self._series.pop(id)
            del self._ids[series]
            self._of_tenant[sender_of(series)] -= 1
            self._by_name[series.name].remove(id)
            if not self._by_name[series.name]:
                del self._by_name[series.name]

    def number(self, samples: Sequence[Sample]) -> Numbered:
        """Which number each has or would get. Changes nothing."""
        known, new = self._ids, dict[Series, int]()
        values, refused = dict[int, float](), Counter[str]()
        room = _Room(self.max_series - len(known), self._of_tenant, self.max_of)
        for sample in samples:
            id = known.get(sample.series) or new.get(sample.series)
            if id is None and room.takes(sample.series):
                id = new[sample.series] = self._next + len(new)
            if id is None:
                refused[sample.series.name] += 1
            else:
                values[id] = sample.value
        return Numbered(list(values), list(values.values()), new, refused, room.refused)

    def find(self, matchers: Sequence[Matcher]) -> Sequence[int]:
        """Numbers of all that fit, ascending."""
        rest = list(matchers)
        ids: Iterable[int] = self._series
        for matcher in matchers:
            if matcher.label == NAME_LABEL and matcher.op == "=":
                ids = self._by_name.get(matcher.value, ())
                rest.remove(matcher)
                break
        return sorted(id for id in ids if all(each.fits(self._series[id]) for each in rest))

    def names(self) -> Sequence[str]:
        """Of all metrics, sorted."""
        return sorted(self._by_name)

    def labels(self, name: str) -> Mapping[str, Sequence[str]]:
        """Labels of one metric and their values, sorted."""
        found: dict[str, set[str]] = {}
        for id in self._by_name.get(name, ()):
            for label, value in self._series[id].labels:
                found.setdefault(label, set()).add(value)
        return {label: sorted(found[label]) for label in sorted(found)}


class _Room:
    """How many more series there may be, while a batch is looked at."""

    def __init__(self, left: int, of_tenant: Counter[str], max_of: MaxOf) -> None:
        self.refused = Counter[str]()
        self._left = left
        self._of_tenant = of_tenant
        self._added = Counter[str]()
        self._max_of = max_of

    def takes(self, series: Series) -> bool:
        """Whether there is room for it, which it then has."""
        tenant = sender_of(series)
        most = self._max_of(tenant) if tenant else None
        if most is not None and self._of_tenant[tenant] + self._added[tenant] >= most:
            self.refused[tenant] += 1
            return False
        if self._left <= 0:
            return False
        self._left -= 1
        self._added[tenant] += 1
        return True


def labels_text(series: Series) -> str:
    """How labels are kept in a table."""
    return json.dumps(dict(series.labels), separators=(",", ":"))


def labels_of(text: str) -> Mapping[str, str]:
    """What `labels_text` wrote."""
    labels: dict[str, str] = json.loads(text)
    return labels
