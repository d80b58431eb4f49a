"""Reads pages of metrics over HTTP, each target once a tick, as Prometheus does."""

import logging
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import httpx
from anyio import CapacityLimiter, create_task_group, fail_after, to_thread

from intertie.errors import IntertieError
from intertie.monitor.collect.exposition import ACCEPT, MAX_BYTES, read
from intertie.monitor.collect.inflate import Inflater
from intertie.monitor.exemplars import Exemplar, Exemplars
from intertie.monitor.sample import STALE, Sample, Series
from intertie.suite.values import MAX_PORT

log = logging.getLogger(__name__)

_AT_ONCE = 20
_HOPS = 5
_OK = 200


_Key = tuple[tuple[str, str], ...]
"""Labels of a target: what tells it from others."""


@dataclass(frozen=True, slots=True)
class Target:
    """One page."""

    job: str
    url: str = field(repr=False)
    """It may hold a password."""
    labels: Mapping[str, str] = field(default_factory=dict)
    """Added to each of its series."""
    timeout_s: float = 10.0

    @property
    def instance(self) -> str:
        """Host and port, without the name and password."""
        address = self.url.partition("://")[2]
        host = re.split("[/?#]", address, maxsplit=1)[0].rpartition("@")[2]
        if re.search(r":\d+$", host):
            return host
        return f"{host}:443" if self.url.startswith("https:") else f"{host}:80"

    def all_labels(self) -> dict[str, str]:
        """What its series have beside their own."""
        return {"job": self.job, "instance": self.instance, **self.labels}

    def key(self) -> _Key:
        """Its labels, sorted by name."""
        return tuple(sorted(self.all_labels().items()))


@dataclass(frozen=True, slots=True)
class Scraped:
    """What came of one target."""

    target: Target
    samples: Sequence[Sample] = ()
    exemplars: Mapping[Series, Exemplar] = field(default_factory=dict)
    """By series as the page has them."""
    took_s: float = 0.0
    why: str = ""
    """It is down; empty when it is up."""


class Scraper:
    """Source of the series of all targets, and `up` of each."""

    name = "scrape"

    def __init__(
        self,
        targets: Callable[[], Sequence[Target]],
        client: httpx.AsyncClient,
        *,
        limit_s: float = 10.0,
        clock_s: Callable[[], float] = time.monotonic,
        exemplars: Exemplars | None = None,
    ) -> None:
        """`limit_s`: how long a look may take; a target has nine tenths of it at most."""
        self._targets = targets
        self._client = client
        self._limit_s = limit_s * 0.9
        self._clock_s = clock_s
        self._exemplars = exemplars or Exemplars()
        self._alive: dict[_Key, frozenset[Series]] = {}
        """Series of each target that have not ended."""
        self._last: tuple[Scraped, ...] = ()

    @property
    def last(self) -> Sequence[Scraped]:
        """Of the last look, in the order of the targets."""
        return self._last

    async def collect(self, at_ms: int) -> Sequence[Sample]:
        """Read all at once; those that do not answer are down and stop nobody else."""
        targets = {target.key(): target for target in self._targets()}
        found: dict[_Key, Scraped] = {}
        limiter = CapacityLimiter(_AT_ONCE)

        async def look(target: Target) -> None:
            async with limiter:
                found[target.key()] = await self._scrape(target)

        with fail_after(self._limit_s / 0.9):
            async with create_task_group() as group:
                for target in targets.values():
                    group.start_soon(look, target)
        self._tell({each.target.key(): each for each in self._last}, found)
        self._last = tuple(found[key] for key in targets)
        return list(self._merged(found, at_ms))

    async def _scrape(self, target: Target) -> Scraped:
        start_s = self._clock_s()
        try:
            with fail_after(min(target.timeout_s, self._limit_s)):
                body, content_type = await fetch(self._client, target.url)
                page = await to_thread.run_sync(read, body, content_type, abandon_on_cancel=True)
        except TimeoutError:
            why = f"it did not answer within {min(target.timeout_s, self._limit_s):g} s"
        except (IntertieError, httpx.HTTPError, httpx.InvalidURL, OSError) as exc:
            why = str(exc) or type(exc).__name__
        else:
            return Scraped(target, page.samples, page.exemplars, self._clock_s() - start_s)
        return Scraped(target, took_s=self._clock_s() - start_s, why=why)

    def _merged(self, found: Mapping[_Key, Scraped], at_ms: int) -> Iterator[Sample]:
        """What is there, what is told of the scrape, and once the end of what is gone."""
        before, self._alive = self._alive, {}
        for key, scraped in found.items():
            labels = scraped.target.all_labels()
            labelled = list(_labelled(scraped.samples, labels))
            self._mark(scraped, labelled, at_ms)
            samples = [*labelled, *_report(scraped, labels)]
            self._alive[key] = frozenset(each.series for each in samples)
            yield from samples
        here = frozenset[Series]().union(*self._alive.values())
        gone = frozenset[Series]().union(*before.values()) - here
        yield from (Sample(series, STALE) for series in sorted(gone))

    def _mark(self, scraped: Scraped, labelled: Sequence[Sample], at_ms: int) -> None:
        if not scraped.exemplars:
            return
        for told, kept in zip(scraped.samples, labelled, strict=True):
            if (found := scraped.exemplars.get(told.series)) is not None:
                self._exemplars.take(kept.series, [found], now_ms=at_ms)

    def _tell(
        self,
        before: Mapping[_Key, Scraped],
        found: Mapping[_Key, Scraped],
    ) -> None:
        for key, scraped in found.items():
            known = before.get(key)
            if scraped.why and (known is None or not known.why):
                told = {"job": scraped.target.job, "instance": scraped.target.instance}
                log.warning("target down", extra={**told, "reason": scraped.why})


async def fetch(client: httpx.AsyncClient, url: str) -> tuple[bytes, str]:
    """The page and its Content-Type. A redirect is followed on the same host only.

    Raises IntertieError or httpx.HTTPError.
    """
    address = httpx.URL(url)
    if address.port is not None and not 0 < address.port <= MAX_PORT:
        raise IntertieError(f"cannot read the page of metrics: there is no port {address.port}")
    for _ in range(_HOPS):
        headers = {"Accept": ACCEPT, "Accept-Encoding": "gzip", "User-Agent": "intertie"}
        async with client.stream("GET", address, headers=headers) as answer:
            if answer.next_request is None:
                return await _read(answer), answer.headers.get("content-type", "")
            address = _same_host(address, answer.next_request.url)
    raise IntertieError("cannot read the page of metrics: it redirects in a circle")


def _same_host(asked: httpx.URL, told: httpx.URL) -> httpx.URL:
    if (asked.scheme, asked.host, asked.port) != (told.scheme, told.host, told.port):
        raise IntertieError(
            f"cannot read the page of metrics: it redirects to another host, {told.host}"
        )
    # The name and password of the address hold for the whole host.
    return told.copy_with(userinfo=asked.userinfo)


async def _read(answer: httpx.Response) -> bytes:
    if answer.status_code != _OK:
        raise IntertieError(f"cannot read the page of metrics: it answers {answer.status_code}")
    encoding = answer.headers.get("content-encoding", "identity").lower()
    if encoding not in {"gzip", "identity"}:
        raise IntertieError(f"cannot read the page of metrics: it is encoded as {encoding!r:.50}")
    inflater = Inflater(MAX_BYTES, gzipped=encoding == "gzip")
    async for part in answer.aiter_raw():
        inflater.feed(part)
    return inflater.done()


def _labelled(samples: Sequence[Sample], labels: Mapping[str, str]) -> Iterator[Sample]:
    for sample in samples:
        own = dict(sample.series.labels)
        for name in sorted(own.keys() & labels.keys()):
            own[_free(name, {**own, **labels})] = own[name]
        yield Sample(Series.of(sample.series.name, {**own, **labels}), sample.value)


def _free(name: str, taken: Mapping[str, str]) -> str:
    """Where a label of the page goes that gives way to one of the target."""
    while name in taken:
        name = f"exported_{name}"
    return name


def _report(scraped: Scraped, labels: Mapping[str, str]) -> Iterator[Sample]:
    told = {
        "up": 0.0 if scraped.why else 1.0,
        "scrape_duration_seconds": scraped.took_s,
        "scrape_samples_scraped": float(len(scraped.samples)),
    }
    return (Sample(Series.of(name, labels), value) for name, value in told.items())
