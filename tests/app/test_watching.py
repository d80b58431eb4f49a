"""What is built to monitor a suite."""

import json
from collections.abc import Iterator
from urllib.parse import urlsplit

import httpx
import pytest

from tests.app.monitored import Site, monitored
from tests.e2e.shop import until

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A suite that is monitored."""
    with monitored(tmp_path_factory.mktemp("watching")) as made:
        yield made


def test_what_a_sdk_pushes_is_measured_too(site: Site) -> None:
    """OTLP over HTTP, for who may write."""
    point = {"asDouble": 12.5, "timeUnixNano": "1", "attributes": []}
    gauge = {"name": "oven.heat", "unit": "", "gauge": {"dataPoints": [point]}}
    body = {"resourceMetrics": [{"resource": {}, "scopeMetrics": [{"metrics": [gauge]}]}]}
    path = "/api/v1/otlp/v1/metrics"
    with site.bench.api(key=False) as api:
        refused = api.post(path, json=body)
    with site.bench.api() as api:
        taken = api.post(path, json=body)
        faulty = api.post(path, content=b"nonsense", headers={"content-type": "application/json"})

    assert refused.status_code == 401
    assert (taken.status_code, taken.json()) == (200, {})
    assert faulty.status_code == 422
    until(lambda: site.value("oven_heat") == 12.5)


def test_samples_are_private(site: Site) -> None:
    """Files of the store and of the desk are their owner's."""
    folder = site.bench.state / "monitoring"

    assert folder.stat().st_mode & 0o077 == 0
    assert {each.name for each in folder.iterdir()} >= {"metrics.duckdb", "alerts.db"}


def test_readers_of_prometheus_can_read_us(site: Site) -> None:
    """Its paths, by GET and by POST, and its errors."""
    for each in ("intertie_cpu_usage_ratio", 'intertie_service_up{service="web"}'):
        until(lambda told=each: site.value(told) is not None)  # type: ignore[misc]
    with site.bench.api(key=False) as api:
        got = api.get("/api/v1/query", params={"query": "intertie_cpu_usage_ratio"}).json()
        sent = api.post("/api/v1/query", data={"query": "vector(1)", "time": "100"}).json()
        span = {"query": "vector(1)", "start": "0", "end": "60", "step": "30s"}
        ranged = api.get("/api/v1/query_range", params=span).json()
        names = api.get("/api/v1/label/__name__/values").json()["data"]
        labels = api.get("/api/v1/labels").json()["data"]
        match = {"match[]": 'intertie_service_up{service="web"}'}
        series = api.get("/api/v1/series", params=match).json()["data"]
        rules = api.get("/api/v1/rules").json()["data"]["groups"][0]["rules"]
        alerts = api.get("/api/v1/alerts").json()["data"]
        built = api.get("/api/v1/status/buildinfo").json()["data"]
        wrong = api.get("/api/v1/query", params={"query": "sum("})
        when = api.get("/api/v1/query", params={"query": "1", "time": "noon"})

    assert got["data"]["resultType"] == "vector"
    assert sent["data"]["result"] == [{"metric": {}, "value": [100.0, "1"]}]
    assert ranged["data"]["result"][0]["values"] == [[0.0, "1"], [30.0, "1"], [60.0, "1"]]
    assert "intertie_cpu_usage_ratio" in names
    assert "service" in labels
    assert series == [{"__name__": "intertie_service_up", "service": "web"}]
    assert {each["name"] for each in rules} == {"ErrorRateCritical", "Rich", "MetricsStoreFull"}
    assert alerts["alerts"] == []
    assert built["version"].startswith("3.")
    assert (wrong.status_code, wrong.json()["errorType"]) == (400, "bad_data")
    assert (when.status_code, when.json()["status"]) == (400, "error")


def test_nobody_from_elsewhere_is_answered(site: Site) -> None:
    """A page of another name cannot have a browser read samples."""
    address = urlsplit(site.bench.daemon()["api_url"])
    url = f"http://{address.netloc}/api/v1/query?query=1"

    assert httpx.get(url, headers={"host": "evil.example"}, trust_env=False).status_code == 400
    assert json.loads(httpx.get(url, trust_env=False).text)["status"] == "success"
