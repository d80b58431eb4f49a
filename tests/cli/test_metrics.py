"""`metrics`, on a running suite."""

from collections.abc import Iterator

import pytest

from tests.app.monitored import Site, monitored
from tests.e2e.shop import until
from tests.harness import Bench

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A suite that is measured."""
    with monitored(tmp_path_factory.mktemp("metrics")) as made:
        until(lambda: made.value("intertie_memory_usage_ratio") is not None)
        yield made


def test_it_says_how_it_does_and_what_is_kept(site: Site) -> None:
    """For people and for programs."""
    shown = site.bench.ok("metrics", "status").out
    found = site.bench.ok("metrics", "status", "--json").json()

    assert "interval  1 s" in shown
    assert found["status"] == "UP"
    assert found["series"] > 20
    assert found["rules"] == 3


def test_queries_are_answered_for_now_and_over_a_time(site: Site) -> None:
    """A faulty one says what is wrong."""
    now = site.bench.ok("metrics", "query", "intertie_memory_usage_ratio").out
    over = site.bench.ok(
        "metrics", "query", "intertie_memory_usage_ratio", "--since", "10s", "--step", "1s"
    ).out
    scalar = site.bench.ok("metrics", "query", "1 + 1").out
    wrong = site.bench("metrics", "query", "sum(")

    assert "intertie_memory_usage_ratio" in now
    assert len(over.splitlines()) >= 2
    assert scalar.split()[-1] == "2"
    assert wrong.code == 1
    assert "unclosed" in wrong.err


def test_intervals_are_summarised_as_the_suite_says(site: Site) -> None:
    """Average, maximum, minimum and 95th percentile, computed from the samples."""
    selector = "intertie_memory_usage_ratio"
    until(
        lambda: (
            len(site.bench.ok("metrics", "summary", selector, "--step", "1m", "--json").json()) == 4
        )
    )
    found = site.bench.ok("metrics", "summary", selector, "--step", "1m", "--json").json()
    values = {each["function"]: each["points"][-1][1] for each in found}

    assert set(values) == {"avg", "max", "min", "95percentile"}
    assert values["min"] <= values["avg"] <= values["max"]
    assert all(each["exact"] for each in found)
    assert "95percentile" in site.bench.ok("metrics", "summary", selector).out


def test_what_is_not_declared_cannot_be_fed(site: Site) -> None:
    """Nor can a label that is not, or a counter be fed less than nothing."""
    unknown = site.bench("metrics", "feed", "nothing", "1")
    label = site.bench("metrics", "feed", "revenue", "1", "--label", "planet=mars")
    less = site.bench("metrics", "feed", "revenue", "--label", "shop=a", "--", "-1")

    assert [each.code for each in (unknown, label, less)] == [1, 1, 1]
    assert "`monitoring.metrics` has none such" in unknown.err
    assert "has no label 'planet'" in label.err


def test_a_suite_without_monitoring_says_what_to_write(bench: Bench) -> None:
    """In one line."""
    bench.write("suite: bare\napi: {port: auto}\nservices: {a: {command: sleep 1000}}\n")
    bench.ok("up", "--detach")

    told = bench("metrics", "status")

    assert told.code == 1
    assert "add `monitoring: {}` to its file" in told.err
