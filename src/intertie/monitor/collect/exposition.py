"""Pages of metrics to samples: the Prometheus text format 0.0.4 and OpenMetrics 1.0.

Times on the page are not kept: a sample belongs to the tick that read it. Native histograms are
left out, which the text formats carry as an experiment only.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from prometheus_client import Metric
from prometheus_client.openmetrics import parser as openmetrics
from prometheus_client.parser import text_fd_to_metric_families
from prometheus_client.samples import Exemplar as Told

from intertie.errors import IntertieError
from intertie.monitor.exemplars import Exemplar
from intertie.monitor.sample import Sample, Series, is_name

MAX_BYTES = 10 << 20
MAX_SAMPLES = 200_000
MAX_VALUE = 2000
"""Characters of a label's value."""
ACCEPT = (
    "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
    "text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
)
_OPENMETRICS = "application/openmetrics-text"
_TYPES = {"counter", "gauge", "histogram", "summary", "untyped"}
_ABOUT = re.compile(r"#[ \t]*(TYPE|HELP)[ \t]+([^ \t]+)(?:[ \t]+(.*))?")


@dataclass(frozen=True, slots=True)
class Page:
    """What a page holds."""

    samples: list[Sample]
    exemplars: Mapping[Series, Exemplar]
    """Only OpenMetrics has such."""


def parse(body: bytes, content_type: str = "") -> list[Sample]:
    """All samples of a page. Raises IntertieError; see `read`."""
    return read(body, content_type).samples


def read(body: bytes, content_type: str = "") -> Page:
    """All that is on a page; of a series that is there twice, the first.

    Raises IntertieError "cannot read the page of metrics: line 3: ..." when it is faulty, larger
    than 10 MiB, or has more than 200,000 samples or a label longer than 2,000 characters.
    """
    if len(body) > MAX_BYTES:
        raise IntertieError(f"{_CANNOT}: it is larger than {MAX_BYTES >> 20} MiB")
    lines = _Lines(_text(body))
    strict = content_type.partition(";")[0].strip().lower() == _OPENMETRICS
    try:
        families = (
            openmetrics.text_fd_to_metric_families(lines)  # type: ignore[no-untyped-call]
            if strict
            else text_fd_to_metric_families(_Untyped(lines))  # type: ignore[arg-type]
        )
        found = list(_samples(families))
    # The parsers trip over some faulty lines instead of refusing them.
    except (ValueError, IndexError, TypeError, AttributeError, OverflowError, KeyError) as exc:
        why = _short(exc) or "it is no sample"
        raise IntertieError(f"{_CANNOT}: line {lines.number}: {why}") from exc
    exemplars = {sample.series: each for sample, each in found if each is not None}
    return Page([sample for sample, _ in found], exemplars)


_CANNOT = "cannot read the page of metrics"


class _Lines:
    """The page as the parsers read it, and how far they are."""

    def __init__(self, text: str) -> None:
        self._text = text
        self.number = 0

    def __iter__(self) -> Iterator[str]:
        # Only \n ends a line: labels may hold what Python takes for other line ends.
        for line in self._text.removesuffix("\n").split("\n"):
            self.number += 1
            yield line + "\n"


class _Untyped:
    """Lines without what is said about them, so that the parser renames no counter.

    It would call a counter `requests` `requests_total`, as OpenMetrics wants; Prometheus does not.
    """

    def __init__(self, lines: Iterable[str]) -> None:
        self._lines = lines
        self._typed: set[str] = set()

    def __iter__(self) -> Iterator[str]:
        for line in self._lines:
            told = line.strip(" \t\n")
            if told.startswith("#"):
                self._check(told)
            elif told:
                yield line

    def _check(self, line: str) -> None:
        found = _ABOUT.fullmatch(line)
        if found is None:
            return
        kind, name, rest = found.groups()
        if not is_name(name):
            raise ValueError(f"{name!r} is no name of a metric")
        if kind == "HELP":
            return
        if rest not in _TYPES:
            raise ValueError(f"{rest!r} is no type; expected one of {', '.join(sorted(_TYPES))}")
        if name in self._typed:
            raise ValueError(f"it tells the type of {name} again")
        self._typed.add(name)


def _samples(families: Iterable[Metric]) -> Iterator[tuple[Sample, Exemplar | None]]:
    seen: set[Series] = set()
    good: set[str] = set()
    for family in families:
        for found in family.samples:
            if found.native_histogram is not None:
                continue
            if any(len(value) > MAX_VALUE for value in found.labels.values()):
                raise ValueError(f"a label of {found.name} has more than {MAX_VALUE} characters")
            for name in {found.name, *found.labels} - good:
                if not is_name(name) or (name in found.labels and ":" in name):
                    raise ValueError(f"{name!r} is no name of a metric or a label")
                good.add(name)
            series = Series.of(found.name, found.labels)
            if series in seen:
                continue
            seen.add(series)
            if len(seen) > MAX_SAMPLES:
                raise ValueError(f"there are more than {MAX_SAMPLES:,} samples")
            yield Sample(series, float(found.value)), _exemplar(found.exemplar)


def _exemplar(told: Told | None) -> Exemplar | None:
    if told is None:
        return None
    at_ms = round(float(told.timestamp) * 1000) if told.timestamp is not None else 0
    return Exemplar(float(told.value), at_ms, tuple(sorted(told.labels.items())))


def _text(body: bytes) -> str:
    try:
        return body.decode()
    except UnicodeDecodeError as exc:
        line = body.count(b"\n", 0, exc.start) + 1
        raise IntertieError(f"{_CANNOT}: line {line}: it is not UTF-8") from exc


def _short(exc: Exception) -> str:
    """In one line, as long as a person reads."""
    return " ".join(str(exc).split())[:200]
