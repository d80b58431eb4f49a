"""What is in the gateway's cache, what must go, and what would become of a request."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from intertie.control.cache import CacheControl, Request
from intertie.errors import AccessDeniedError, ConflictError, IntertieError, NotFoundError
from intertie.event import CachePurged, Payload
from intertie.suite.cache import Caching
from intertie.suite.gateway import Gateway
from intertie.suite.model import Suite
from intertie.suite.route import Route
from tests.control.premises import READER, ROOT, STRANGER, SUITE, open_premises
from tests.gateway.cache.stage import Stage, Told, stage

pytestmark = pytest.mark.anyio

CACHED = SUITE.model_copy(
    update={
        "gateway": Gateway(
            port=9,
            caching=Caching(),
            routes=(
                Route(path="/open", service="echo", auth_required=False),
                Route(path="/live", service="echo", cache_ttl=0.0),
            ),
        )
    }
)
KEPT = {"cache-control": "max-age=60", "cache-tag": "news"}


@dataclass
class Desk:
    """The use cases over a running cache, and what was told."""

    cache: CacheControl
    made: Stage
    told: list[Payload] = field(default_factory=list[Payload])

    async def fetch(self, path: str, **headers: str) -> None:
        """As the gateway passes a request on."""
        added = {"x_intertie_cache": "/open", "x_forwarded_proto": "http", **headers}
        await self.made.get(path, **added)


@asynccontextmanager
async def desk(folder: Path, **answer: Any) -> AsyncIterator[Desk]:
    """A running cache whose service always answers so. Any: see Told."""
    sent = Told(**{"headers": KEPT, **answer})
    place = f"unix:{folder / 'cache-admin.sock'}"
    async with stage(folder, lambda _: sent, admin=place, routes={"/open": {}}) as made:
        found = Desk(CacheControl(lambda: CACHED, folder), made)
        found.cache = replace(found.cache, tell=lambda payload, _: found.told.append(payload))
        yield found


async def test_what_it_does_is_counted(tmp_path: Path) -> None:
    """For people who may look, and for metrics."""
    async with desk(tmp_path) as on:
        await on.fetch("/open/a")
        await on.fetch("/open/a")
        found = await on.cache.stats(READER)
        counted = await on.cache.counted()

    assert (found["hits"], found["misses"], found["answers"]) == (1, 1, 1)
    assert counted == found


@pytest.mark.parametrize(
    ("scope", "value", "left"),
    [
        ("url", "/open/a", 2),
        ("url", "http://host/open/a", 2),
        ("url", "http://other/open/a", 3),
        ("prefix", "/open/b", 1),
        ("tag", "news", 0),
        ("tag", "old", 3),
        ("all", "", 0),
    ],
)
async def test_a_purge_forgets_what_is_named(
    tmp_path: Path, scope: Any, value: str, left: int
) -> None:
    """And nothing else; how many answers that were is told."""
    async with desk(tmp_path) as on:
        for path in ("/open/a", "/open/b/1", "/open/b/2"):
            await on.fetch(path)
        done = await on.cache.purge(ROOT, scope, value)
        found = await on.cache.stats(ROOT)

    assert (done.answers, found["answers"]) == (3 - left, left)


async def test_a_purge_of_a_tenant_leaves_the_others(tmp_path: Path) -> None:
    """Also of everything."""
    async with desk(tmp_path) as on:
        await on.fetch("/open/a", x_tenant_id="acme")
        await on.fetch("/open/a", x_tenant_id="globex")
        done = await on.cache.purge(ROOT, "all", tenant="acme")
        left = await on.cache.why(ROOT, Request("http://host/open/a", tenant="globex"))
        gone = await on.cache.why(ROOT, Request("http://host/open/a", tenant="acme"))

    assert done.answers == 1
    assert (left.verdict, gone.verdict) == ("hit", "miss")


async def test_a_purge_is_an_event_and_is_written_down(tmp_path: Path) -> None:
    """With the name of who did it."""
    async with desk(tmp_path) as on, open_premises(tmp_path) as premises:
        cache = replace(on.cache, desk=premises.desk)
        await on.fetch("/open/a")
        await cache.purge(ROOT, "prefix", "/open")
        [row] = await premises.house.identities.audit.page()

    assert on.told == [
        CachePurged(actor="root", scope="prefix", value="/open", tenant=None, answers=1)
    ]
    assert (row.actor, row.action, row.target) == ("root", "cache.purge", "/open")


@pytest.mark.parametrize(
    ("scope", "value"), [("url", ""), ("url", "open"), ("prefix", "x"), ("all", "/a"), ("tag", "")]
)
async def test_a_purge_of_nothing_that_can_be_is_refused(
    tmp_path: Path, scope: Any, value: str
) -> None:
    """Rather than to forget nothing without a word."""
    async with desk(tmp_path) as on:
        with pytest.raises(IntertieError, match=f"cannot purge by {scope}"):
            await on.cache.purge(ROOT, scope, value)


async def test_who_may_not_write_may_not_purge(tmp_path: Path) -> None:
    """Nor look, who may not read."""
    async with desk(tmp_path) as on:
        with pytest.raises(AccessDeniedError):
            await on.cache.purge(READER, "all")
        with pytest.raises(AccessDeniedError):
            await on.cache.stats(replace(STRANGER, may_read=False))
        with pytest.raises(AccessDeniedError):
            await on.cache.why(replace(STRANGER, may_read=False), Request("/open"))


async def test_the_reason_names_the_rule(tmp_path: Path) -> None:
    """Of what is fresh, what is not there, and what is never kept."""
    async with desk(tmp_path) as on:
        await on.fetch("/open/a")
        hit = await on.cache.why(READER, Request("http://host/open/a"))
        miss = await on.cache.why(READER, Request("/open/none"))
        sent = await on.cache.why(READER, Request("/open/a", "POST"))
        live = await on.cache.why(READER, Request("/live/a"))

    assert (hit.verdict, hit.clause, hit.route) == ("hit", "RFC 9111 §4.2", "/open")
    assert [(each.selected, each.tags) for each in hit.variants] == [(True, ("news",))]
    assert (miss.verdict, miss.clause) == ("miss", "RFC 9111 §4")
    assert (sent.verdict, live.verdict) == ("not cached", "not cached")
    assert (live.route, live.clause) == ("/live", "x-intertie-cache")


async def test_why_an_answer_was_not_kept_is_remembered(tmp_path: Path) -> None:
    """By the clause that forbids it."""
    async with desk(tmp_path, headers={"cache-control": "no-store"}) as on:
        await on.fetch("/open/a")
        found = await on.cache.why(READER, Request("http://host/open/a"))

    assert found.last_refusal == "the answer said `no-store` (RFC 9111 §5.2.2.5)"


async def test_credentials_of_others_are_not_shown(tmp_path: Path) -> None:
    """Though an answer that varies by them is kept."""
    kept = {"cache-control": "public, max-age=60", "vary": "cookie, accept"}
    async with desk(tmp_path, headers=kept) as on:
        await on.fetch("/open/a", cookie="session=secret", accept="text/html")
        found = await on.cache.why(READER, Request("http://host/open/a"))

    [variant] = found.variants
    assert variant.vary == {"cookie": "…", "accept": "text/html"}
    assert "secret" not in repr(found)


async def test_an_address_that_no_route_takes_is_told(tmp_path: Path) -> None:
    """As is one that is none."""
    async with desk(tmp_path) as on:
        with pytest.raises(NotFoundError, match="no route takes the path /none"):
            await on.cache.why(READER, Request("/none"))
        with pytest.raises(IntertieError, match="expected /path"):
            await on.cache.why(READER, Request("ftp://host/open"))


@pytest.mark.parametrize(
    "suite", [None, SUITE, SUITE.model_copy(update={"gateway": None})], ids=["none", "no", "bare"]
)
async def test_a_suite_without_a_cache_says_so(tmp_path: Path, suite: Suite | None) -> None:
    """And what to add; for metrics there is nothing to count."""
    cache = CacheControl(lambda: suite, tmp_path)

    with pytest.raises(ConflictError, match=r"the suite has no `gateway\.caching`"):
        await cache.purge(ROOT, "all")
    assert await cache.counted() == {}


async def test_a_cache_that_is_away_has_no_metrics(tmp_path: Path) -> None:
    """The others are told all the same."""
    assert await CacheControl(lambda: CACHED, tmp_path).counted() == {}
