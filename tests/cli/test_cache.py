"""`cache`: what the gateway keeps of its services' answers."""

from collections.abc import Iterator

import pytest

from tests.api.test_cache import SUITE, visit
from tests.harness import Bench
from tests.harness import bench as open_bench

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def cached(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """A running suite with a cache."""
    with open_bench(tmp_path_factory.mktemp("cached")) as made:
        made.write(SUITE)
        made.ok("up", "--detach")
        yield made


def test_stats_are_a_table_for_people(cached: Bench) -> None:
    """With the part of requests that no service was asked for."""
    for _ in range(2):
        visit(cached, "/web/suite.yaml?stats")

    table = cached.ok("cache", "stats").out
    found = cached.ok("cache", "stats", "--json").json()

    rate = found["hits"] / (found["hits"] + found["misses"])
    assert table.splitlines()[1].split() == ["hit", "rate", f"{rate:.1%}"]
    assert "max bytes" in table
    assert found["hits"] >= 1


def test_the_reason_and_what_is_kept_are_shown(cached: Bench) -> None:
    """The verdict with its clause first, then each kept answer."""
    url = visit(cached, "/web/suite.yaml?why")

    lines = cached.ok("cache", "why", url).out.splitlines()
    other = cached.ok("cache", "why", url, "-X", "post", "-H", "accept: text/html").out

    assert lines[:2] == ["hit: it is fresh (RFC 9111 §4.2)", "route /web"]
    assert lines[2].split()[:3] == ["STATUS", "WHOSE", "AGE"]
    assert lines[3].split()[:2] == ["→", "200"]
    assert other.startswith("not cached: only GET and HEAD")


def test_a_purge_says_how_much_it_was(cached: Bench) -> None:
    """By address, prefix, tag or all."""
    visit(cached, "/web/suite.yaml?purge")

    one = cached.ok("cache", "purge", "/web/suite.yaml?purge").out
    none = cached.ok("cache", "purge", "--tag", "nothing").out
    cached.ok("cache", "purge", "--prefix", "/web", "--tenant", "acme")
    cached.ok("cache", "purge", "--all")

    assert (one, none) == ("forgot 1 kept answer\n", "forgot 0 kept answers\n")
    assert cached.ok("cache", "stats", "--json").json()["answers"] == 0


@pytest.mark.parametrize(
    "arguments", [("purge",), ("purge", "/a", "--all"), ("why", "/web", "-H", "accept")]
)
def test_faulty_arguments_are_told(cached: Bench, arguments: tuple[str, ...]) -> None:
    """Before anything is asked."""
    assert cached("cache", *arguments).code == 2


def test_a_suite_without_a_cache_says_so(running: Bench) -> None:
    """And what to do."""
    result = running("cache", "stats")

    assert result.code == 1
    assert result.err == (
        "error: cannot look at the cache: the suite has no `gateway.caching`; add `caching: {}`"
        " to its `gateway:` and run `intertie up`\n"
    )
