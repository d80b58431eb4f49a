import gzip
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import httpx
import pytest

from intertie.monitor.collect.scrape import Scraper, Target
from intertie.monitor.exemplars import Exemplars
from intertie.monitor.sample import Sample, is_stale
from tests.monitor.collect.pages import Page, Pages, pages

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def scraping(*targets: Target, limit_s: float = 10) -> AsyncIterator[Scraper]:
    """Targets are looked up at each look, as the suite may change."""
    async with httpx.AsyncClient(trust_env=False) as client:
        yield Scraper(lambda: targets, client, limit_s=limit_s)


def told(samples: Sequence[Sample]) -> dict[str, float | str]:
    """By series; how long it took is left out, and an end is written as such."""
    return {
        str(each.series): "end" if is_stale(each.value) else each.value
        for each in samples
        if each.series.name != "scrape_duration_seconds"
    }


def target(server: Pages, path: str = "/metrics", **labels: str) -> Target:
    """A page of the server."""
    return Target("shop", server.url(path), labels)


async def test_series_get_the_labels_of_their_target() -> None:
    """And it is told whether it is up, and how much it gave."""
    with pages() as server:
        server.put('hits{path="/"} 5\n')
        async with scraping(target(server, team="a")) as scraper:
            samples = await scraper.collect(0)

    of = f'instance="{server.instance}", job="shop", '
    assert told(samples) == {
        f'hits{{{of}path="/", team="a"}}': 5.0,
        f'up{{{of}team="a"}}': 1.0,
        f'scrape_samples_scraped{{{of}team="a"}}': 1.0,
    }
    assert any(each.series.name == "scrape_duration_seconds" for each in samples)


async def test_labels_of_the_page_give_way() -> None:
    """As Prometheus does without `honor_labels`."""
    with pages() as server:
        server.put('hits{job="mine",exported_job="older",team="b"} 5\n')
        async with scraping(target(server, team="a")) as scraper:
            samples = await scraper.collect(0)

    hits = next(dict(each.series.labels) for each in samples if each.series.name == "hits")
    assert hits == {
        "job": "shop",
        "instance": server.instance,
        "team": "a",
        "exported_job": "older",
        "exported_exported_job": "mine",
        "exported_team": "b",
    }


async def test_it_asks_as_prometheus_does() -> None:
    """OpenMetrics first, and compressed."""
    with pages() as server:
        body = b"# TYPE hits counter\nhits_total 5\n# EOF\n"
        kind = "application/openmetrics-text; version=1.0.0"
        headers = {"Content-Type": kind, "Content-Encoding": "gzip"}
        server.pages["/metrics"] = Page(gzip.compress(body), headers=headers)
        async with scraping(target(server)) as scraper:
            samples = await scraper.collect(0)

    assert samples[0].value == 5
    assert server.asked[0]["accept"].startswith("application/openmetrics-text;version=1.0.0")
    assert server.asked[0]["accept-encoding"] == "gzip"


async def test_series_that_a_page_lost_end_once() -> None:
    """Then nothing is told of them."""
    with pages() as server:
        async with scraping(target(server)) as scraper:
            server.put("a 1\nb 2\n")
            await scraper.collect(0)
            server.put("a 1\n")
            lost = told(await scraper.collect(1))
            after = told(await scraper.collect(2))

    of = f'{{instance="{server.instance}", job="shop"}}'
    assert lost[f"b{of}"] == "end"
    assert lost[f"a{of}"] == 1.0
    assert f"b{of}" not in after


@pytest.mark.parametrize(
    ("page", "why"),
    [
        (Page(status=500), "it answers 500"),
        (Page(b"a\n"), "line 1"),
        (Page(b"a 1\n", headers={"Content-Type": "application/openmetrics-text"}), "EOF"),
        (Page(b"a 1\n", headers={"Content-Encoding": "gzip"}), "no gzip"),
        (Page(b"a 1\n", headers={"Content-Encoding": "br"}), "encoded as 'br'"),
        (Page(b"#" * ((10 << 20) + 1)), "larger than 10 MiB"),
        (Page(status=302, headers={"Location": "http://127.0.0.2/"}), "another host, 127.0.0.2"),
        (Page(status=302, headers={"Location": "/metrics"}), "in a circle"),
    ],
)
async def test_a_faulty_page_is_a_target_that_is_down(page: Page, why: str) -> None:
    """All its series end, none of the page is taken, and it is told why."""
    with pages() as server:
        async with scraping(target(server)) as scraper:
            server.put("a 1\n")
            await scraper.collect(0)
            server.pages["/metrics"] = page
            failed = told(await scraper.collect(1))
            after = told(await scraper.collect(2))

    of = f'{{instance="{server.instance}", job="shop"}}'
    down = {f"up{of}": 0.0, f"scrape_samples_scraped{of}": 0.0}
    assert failed == {f"a{of}": "end", **down}
    assert after == down
    assert why in scraper.last[0].why


async def test_a_target_that_is_gone_ends_whole() -> None:
    """`up` too: nobody waits for it any more."""
    with pages() as server:
        server.put("a 1\n")
        targets = [target(server)]
        async with httpx.AsyncClient(trust_env=False) as client:
            scraper = Scraper(lambda: targets, client)
            await scraper.collect(0)
            targets.clear()
            gone = await scraper.collect(1)
            after = await scraper.collect(2)

    assert {each.series.name for each in gone} == {
        "a", "up", "scrape_duration_seconds", "scrape_samples_scraped"
    }  # fmt: skip
    assert all(is_stale(each.value) for each in gone)
    assert not after


async def test_one_that_does_not_answer_stops_no_other() -> None:
    """It is down after its time; the others are told."""
    with pages() as server:
        server.put("a 1\n")
        slow = Target("slow", server.url("/slow"), timeout_s=0.05)
        closed = Target("closed", "http://127.0.0.1:1/metrics")
        wrong = Target("wrong", "http://127.0.0.1:99999/metrics")
        async with scraping(slow, closed, wrong, target(server)) as scraper:
            samples = await scraper.collect(0)

    up = {dict(x.series.labels)["job"]: x.value for x in samples if x.series.name == "up"}
    assert up == {"slow": 0, "closed": 0, "wrong": 0, "shop": 1}
    assert "did not answer within 0.05 s" in scraper.last[0].why


async def test_a_target_has_no_longer_than_the_look() -> None:
    """Else all of them would be late."""
    with pages() as server:
        server.put("a 1\n")
        slow = Target("slow", server.url("/slow"), timeout_s=60)
        async with scraping(slow, target(server), limit_s=4) as scraper:
            samples = await scraper.collect(0)

    assert sum(each.series.name == "up" for each in samples) == 2
    assert "within 3.6 s" in scraper.last[0].why


async def test_a_redirect_on_the_same_host_is_followed() -> None:
    """With the name and password of the address."""
    with pages() as server:
        server.put("a 1\n", "/metrics/")
        server.pages["/metrics"] = Page(status=301, headers={"Location": "/metrics/"})
        address = server.url().replace("http://", "http://ada:secret@")
        async with scraping(Target("shop", address)) as scraper:
            samples = await scraper.collect(0)

    assert samples[0].value == 1
    assert [each["authorization"] for each in server.asked] == ["Basic YWRhOnNlY3JldA=="] * 2


def test_a_password_is_not_told() -> None:
    """Neither by labels nor by what is logged."""
    target = Target("shop", "https://ada:secret@example.org/metrics")

    assert target.instance == "example.org:443"
    assert "secret" not in repr(target)


@pytest.mark.parametrize(
    ("url", "instance"),
    [
        ("http://a/metrics", "a:80"),
        ("https://a:8443", "a:8443"),
        ("http://[::1]:9/x", "[::1]:9"),
        ("http://[::1]?a=b:1", "[::1]:80"),
        ("http://a b", "a b:80"),
    ],
)
def test_an_instance_is_host_and_port(url: str, instance: str) -> None:
    """Whatever else the address has; one that is none is down, not a crash."""
    assert Target("a", url).instance == instance


async def test_exemplars_belong_to_the_series_that_are_kept() -> None:
    """With the labels of their target."""
    kept = Exemplars()
    with pages() as server:
        told = '# TYPE hits counter\nhits_total 2 # {trace_id="ef"} 1.0\n# EOF\n'
        kind = "application/openmetrics-text; version=1.0.0"
        server.pages["/metrics"] = Page(told.encode(), headers={"content-type": kind})
        async with httpx.AsyncClient(trust_env=False) as client:
            of = [target(server, team="a")]
            await Scraper(lambda: of, client, exemplars=kept).collect(5000)

    ((series, found),) = kept.select([()], 0, 9000).items()
    assert dict(series.labels)["team"] == "a"
    assert (series.name, found.value, found.at_ms) == ("hits_total", 1.0, 5000)
