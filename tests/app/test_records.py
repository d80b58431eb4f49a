"""Figures that a suite computes of others, and traced requests among what it counts."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.app.monitored import SUITE, Site, monitored
from tests.e2e.shop import until
from tests.monitor.collect.exponential_points import export, point_of, traced

pytestmark = pytest.mark.slow

RECORDS = """
  records:
    shops:revenue: sum(revenue)
    shops:revenue:double: {expr: "2 * shops:revenue", labels: {currency: EUR}}
  alerts:
    rules:
      Double: {expr: "shops:revenue:double > 100"}
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A suite that records."""
    start = SUITE.index("  alerts:\n")
    end = SUITE.index("  channels:")
    suite = SUITE[:start] + RECORDS.lstrip("\n") + SUITE[end:]
    with monitored(tmp_path_factory.mktemp("records"), suite) as made:
        yield made


def test_what_is_recorded_is_measured_kept_and_alarming(site: Site) -> None:
    """At the tick that brought what it is computed of, through rules that read rules."""
    site.bench.ok("metrics", "feed", "revenue", "60", "--label", "shop=a")

    _, body = site.hook.about("Double")
    until(lambda: bool(site.bench.ok("metrics", "summary", "shops:revenue", "--json").json()))

    assert body["alerts"][0]["labels"]["currency"] == "EUR"
    assert site.value("shops:revenue") == 60
    assert site.value('shops:revenue:double{currency="EUR"}') == 120
    assert site.value("sum(timestamp(shops:revenue:double)) - sum(timestamp(revenue))") == 0
    assert site.value("sum(intertie_record_failures_total)") == 0
    with site.bench.api(key=False) as api:
        (group,) = api.get("/api/v1/rules").json()["data"]["groups"]
    recorded = [each["name"] for each in group["rules"] if each["type"] == "recording"]
    assert recorded == ["shops:revenue", "shops:revenue:double"]


def test_from_a_bucket_somebody_finds_the_trace_of_a_request(site: Site) -> None:
    """As Prometheus tells it, of an exponential histogram that was pushed."""
    point = point_of([0.2, 0.3, 9.0], 5, at_ms=1_700_000_000_000)
    point.exemplars.append(traced(9.0, 1_700_000_000_000))
    with site.bench.api() as api:
        taken = api.post(
            "/api/v1/otlp/v1/metrics",
            content=export([point]),
            headers={"content-type": "application/x-protobuf"},
        )
        asked = {"query": "histogram_quantile(0.9, took_seconds_bucket)", "start": "1699999999"}
        found = api.get("/api/v1/query_exemplars", params=asked).json()
        none = api.get("/api/v1/query_exemplars", params={**asked, "end": "1699999999"}).json()
        faulty = api.get("/api/v1/query_exemplars", params={"query": "took_("})

    assert taken.status_code == 200
    ((labels, (exemplar,)),) = [(e["seriesLabels"], e["exemplars"]) for e in found["data"]]
    assert labels["__name__"] == "took_seconds_bucket"
    assert float(labels["le"]) == pytest.approx(9.0, rel=0.19)
    assert exemplar["labels"]["trace_id"] == "ab" * 16
    assert (exemplar["value"], exemplar["timestamp"]) == ("9", 1_700_000_000)
    assert none["data"] == []
    assert faulty.status_code == 400
    until(lambda: site.value("took_seconds_count") == 3)
    quantile = site.value("histogram_quantile(0.9, took_seconds_bucket)")
    assert quantile == pytest.approx(9.0, rel=0.19)


def test_a_fault_of_a_record_is_told_before_anything_starts(site: Site, tmp_path: Path) -> None:
    """With its place."""
    bad = "suite: a\nservices: {w: {command: x}}\nmonitoring:\n  records: {a: b, b: a, c: 'f('}\n"
    site.bench.write(bad, "bad.yaml")

    told = site.bench("check", "--file", "bad.yaml")

    assert told.code != 0
    assert "monitoring.records.c: cannot record c" in told.err + told.out
    assert "one of them must be computed from something else" in told.err + told.out
