"""Two tenants of one running suite, each with a key of its own: neither learns of the other."""

import json
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import time
from typing import Any

import httpx
import pytest

from tests.app.monitored import Hook, Site, monitored
from tests.e2e.shop import until
from tests.monitor.promql.expressions import EXPRESSIONS
from tests.monitor.test_tenancy import ESCAPES

pytestmark = pytest.mark.slow

MARK = 7777777.0
"""The value of everything that the other tenant sends."""
SUITE = """
suite: shared
api: {host: 0.0.0.0, port: auto}
identity: {}
tenants: {acme: {}, globex: {}}
gateway: {port: auto, routes: [{path: /, service: web, auth_required: false}]}
services:
  web: {command: "python3 web.py", port: auto, healthcheck: {tcp: true, interval: 200ms}}
monitoring:
  metrics_collection: {interval: 1}
  metrics:
    revenue: {unit: EUR, labels: {shop: shop}}
  alerts:
    rules:
      Hot: {expr: "temperature > 50", severity: critical}
      Slow: {expr: "latency > 50"}
      Unwell: {expr: "absent(nothing)"}
    inhibit:
      - {source: {alertname: Hot}, target: {alertname: Slow}}
  channels:
    hook: {kind: webhook, url: "HOOK"}
    theirs: {kind: webhook, url: "OTHER"}
  alert_integration: {channels: hook}
  tenants:
    acme: {max_series: 40, samples_per_minute: 1000, channels: theirs}
"""


@dataclass
class Tenant:
    """A caller with a tenant's key."""

    name: str
    client: httpx.Client

    def push(self, name: str, value: float, count: int = 1, **labels: str) -> httpx.Response:
        """So many series of one metric, by OTLP."""
        points = [
            {
                "timeUnixNano": "1",
                "asDouble": value,
                "attributes": [
                    {"key": key, "value": {"stringValue": text}}
                    for key, text in {**labels, "number": str(number)}.items()
                ],
            }
            for number in range(count)
        ]
        metrics = [{"name": name, "gauge": {"dataPoints": points}}]
        body = {"resourceMetrics": [{"scopeMetrics": [{"metrics": metrics}]}]}
        return self.client.post("/api/v1/otlp/v1/metrics", json=body)

    def ask(self, expression: str, at_s: float | None = None) -> str:
        """The whole answer, as text."""
        asked = {"query": expression, **({} if at_s is None else {"time": f"{at_s:.3f}"})}
        return self.client.get("/api/v1/query", params=asked).text

    def values(self, expression: str) -> list[float]:
        """Of all series."""
        return [
            float(each["value"][1]) for each in json.loads(self.ask(expression))["data"]["result"]
        ]

    def get(self, path: str, **asked: Any) -> Any:
        """What is there."""
        answer = self.client.get(path, params=asked)
        assert answer.status_code == 200, answer.text
        return answer.json()


@dataclass
class Shared:
    """The suite, both tenants, and who is told of acme's alerts."""

    site: Site
    acme: Tenant
    globex: Tenant
    theirs: Hook


@contextmanager
def shared(folder: Path) -> Iterator[Shared]:
    """It runs, and both have keys that may write."""
    theirs = Hook()
    try:
        with monitored(folder, SUITE.replace("OTHER", theirs.url)) as site:
            acme, globex = _tenant(site, "acme"), _tenant(site, "globex")
            with closing(acme.client), closing(globex.client):
                yield Shared(site, acme, globex, theirs)
    finally:
        theirs.close()


def _tenant(site: Site, name: str) -> Tenant:
    made = site.bench.ok("key", "create", name, "--tenant", name, "--role", "admin", "--json")
    key = made.json()["text"]
    with site.bench.api() as api:
        base = api.base_url
    headers = {"authorization": f"Bearer {key}"}
    tenant = Tenant(name, httpx.Client(base_url=base, headers=headers, trust_env=False, timeout=60))
    until(lambda: tenant.client.get("/api/v1/labels").status_code == 200)
    return tenant


@pytest.fixture(scope="module")
def it(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shared]:
    """Both have sent something, each under the name of the other one."""
    with shared(tmp_path_factory.mktemp("shared")) as made:
        assert made.acme.push("temperature", 1, 2, tenant="globex", job="a").text == "{}"
        assert made.globex.push("temperature", MARK, 2, tenant="acme", job="a").text == "{}"
        assert made.globex.push("globex_only", MARK, hidden="globex-label").text == "{}"
        until(lambda: made.acme.values("count(temperature)") == [2.0])
        until(lambda: made.globex.values("globex_only") == [MARK])
        yield made


def test_what_a_tenant_sends_is_its_own_whatever_it_says(it: Shared) -> None:
    """The suite's own people see whose it is."""
    found = it.site.bench.ok("metrics", "query", "count by (tenant) (temperature)", "--json").json()

    assert {each["metric"]["tenant"]: each["value"][1] for each in found["result"]} == {
        "acme": "2",
        "globex": "2",
    }


@pytest.mark.parametrize("expression", [*ESCAPES, *EXPRESSIONS])
def test_no_expression_tells_of_the_other_tenant(it: Shared, expression: str) -> None:
    """Neither its samples, nor their number, nor that it is there."""
    at_s = time()
    told = it.acme.ask(expression.replace('"globex"', '"nobody"'), at_s)
    found = it.acme.ask(expression, at_s)

    assert found.replace("globex", "nobody") == told
    assert "7777777" not in found
    assert "globex-label" not in found


def test_lists_hold_the_tenants_own_only(it: Shared) -> None:
    """Series, labels, values, summaries, over ranges; the suite's own series are not among them."""
    acme = it.acme
    series = acme.get("/api/v1/series", **{"match[]": '{__name__=~".+"}'})["data"]
    ours = {"__name__": "temperature", "job": "a", "tenant": "acme"}

    assert {each["tenant"] for each in series} == {"acme"}
    assert [each for each in series if each["__name__"] == ours["__name__"]] == [
        {**ours, "number": "0"},
        {**ours, "number": "1"},
    ]
    assert "hidden" not in acme.get("/api/v1/labels")["data"]
    names = set(acme.get("/api/v1/label/__name__/values")["data"])
    assert "temperature" in names
    assert names.isdisjoint({"globex_only", "intertie_service_up"})
    assert acme.get("/api/v1/label/tenant/values")["data"] == ["acme"]
    assert acme.get("/api/v1/label/hidden/values")["data"] == []
    assert acme.get("/api/v1/series", **{"match[]": '{tenant="globex"}'})["data"] == []
    for selector in ('{__name__=~".+"}', '{tenant="globex"}'):
        told = acme.client.get("/api/monitoring/summaries", params={"selector": selector}).text
        assert "7777777" not in told
        assert "globex" not in told
    ranged = acme.client.get(
        "/api/v1/query_range",
        params={"query": '{__name__=~".+"}', "start": 0, "end": 4e9, "step": "10d"},
    ).text
    assert "7777777" not in ranged


def test_what_is_about_everybody_is_not_for_tenants(it: Shared) -> None:
    """Nor what the suite itself is doing."""
    for path in ("/api/monitoring", "/api/services", "/api/changes"):
        assert it.acme.client.get(path).status_code == 403
    told = it.acme.get("/api/monitoring/tenants")

    assert [each["tenant"] for each in told] == ["acme"]
    assert it.acme.client.get("/api/incidents").text.count("globex") == 0


def test_a_tenant_may_not_send_what_the_suite_measures(it: Shared) -> None:
    """Rules of the suite look at that."""
    answer = it.acme.push("intertie_service_up", 1).json()["partialSuccess"]

    assert answer["rejectedDataPoints"] == "1"
    assert "measured by the suite itself" in answer["errorMessage"]


def test_a_fed_figure_is_its_feeders(it: Shared) -> None:
    """A label of the other tenant is written over."""
    path = "/api/monitoring/metrics/revenue"
    for tenant, value in ((it.acme, 3), (it.globex, MARK)):
        body = {"value": value, "labels": {"tenant": "acme", "shop": "a"}}
        assert tenant.client.post(path, json=body).status_code == 204

    until(lambda: it.acme.values("revenue") == [3.0])
    until(lambda: it.globex.values("revenue") == [MARK])


def test_who_sends_too_much_harms_nobody_else(tmp_path: Path) -> None:
    """It is refused and named; the other one goes on."""
    with shared(tmp_path) as it:
        assert it.globex.push("temperature", 2).text == "{}"
        answer = it.acme.push("flood", 1, 100).json()["partialSuccess"]
        spent = [it.acme.push("flood", 1, 200, run=str(run)) for run in range(6)][-1]

        assert answer["rejectedDataPoints"] == "60"
        assert "tenant acme has 40 series, and may have no more" in answer["errorMessage"]
        assert (spent.status_code, spent.headers["retry-after"]) == (429, "10")
        assert "it may send 1,000 a minute" in spent.json()["detail"]
        assert it.globex.push("flood", 3, 50).text == "{}"
        until(lambda: it.globex.values("count(flood)") == [50.0])
        until(lambda: it.acme.values("count(flood)") == [40.0])

        table = it.site.bench.ok("metrics", "tenants").out.splitlines()
        told = {
            each["tenant"]: each for each in it.site.bench.ok("metrics", "tenants", "--json").json()
        }
        assert table[1].split()[:2] == ["acme", "40/40"]
        assert told["acme"]["refused"]["series"] >= 60
        assert told["globex"]["refused"] == {}
        culprit = 'intertie_tenant_refused_total{reason="series"}'
        until(lambda: (it.site.value(culprit) or 0) >= 60)


def test_alerts_are_the_tenants_own(tmp_path: Path) -> None:
    """Told by its own channels, hidden by nobody else's, silenced and looked after by itself."""
    with shared(tmp_path) as it:
        it.site.hook.about("Unwell")
        it.globex.push("temperature", 99, secret="globex-label")
        it.site.hook.about("Hot")
        it.acme.push("latency", 99)
        _, told = it.theirs.about("Slow")  # what fires for the other one hides nothing
        it.acme.push("temperature", 98)
        _, hot = it.theirs.about("Hot")

        assert [each["labels"]["tenant"] for each in told["alerts"]] == ["acme"]
        assert [each["labels"]["tenant"] for each in hot["alerts"]] == ["acme"]
        _each_sees_its_own(it)
        _each_silences_its_own(it)
        _each_looks_after_its_own(it)


def _each_sees_its_own(it: Shared) -> None:
    alerts = it.acme.get("/api/alerts")
    rules = it.acme.get("/api/v1/rules")["data"]["groups"][0]["rules"]
    notices = it.acme.get("/api/alerts/notices")

    assert {each["name"] for each in alerts} == {"Hot", "Slow"}
    assert {each["labels"]["tenant"] for each in alerts} == {"acme"}
    assert {each["name"] for each in rules} == {"Hot", "Slow"}
    assert {each["channel"] for each in notices} == {"theirs"}
    [incident] = it.acme.get("/api/incidents")
    assert set(incident["alerts"]) == {"Hot", "Slow"}
    assert incident["services"] == []
    assert len(it.globex.get("/api/v1/alerts")["data"]["alerts"]) == 1
    assert it.acme.client.get("/api/alerts/rules/Unwell").status_code == 404
    everything = [it.acme.client.get(f"/api/{path}").text for path in _PATHS]
    assert not [text for text in everything if "globex" in text]


_PATHS = (
    "alerts",
    "alerts/notices",
    "alerts/silences",
    "alerts/rules/Hot",
    "incidents",
    "v1/rules",
    "v1/alerts",
)


def _each_silences_its_own(it: Shared) -> None:
    body = {"matchers": ["alertname=~Hot|Slow"], "duration": "1h", "comment": "mine"}
    silenced = it.globex.client.post("/api/alerts/silences", json=body).json()

    assert it.acme.get("/api/alerts/silences") == []
    assert it.acme.client.delete(f"/api/alerts/silences/{silenced['id']}").status_code == 404
    until(lambda: _stages(it.globex) != [])
    assert all(each["held"] == [] for each in it.acme.get("/api/alerts") if each["name"] == "Hot")
    assert it.globex.client.delete(f"/api/alerts/silences/{silenced['id']}").status_code == 200


def _each_looks_after_its_own(it: Shared) -> None:
    path = "/api/alerts/acknowledge"
    everybodys = it.globex.client.post(path, json={"group": "Unwell", "comment": "x"})
    own = it.globex.client.post(path, json={"group": "Hot", "comment": "on it"})

    assert (everybodys.status_code, own.status_code) == (404, 204)
    until(lambda: "acknowledge" in _stages(it.globex))
    assert "acknowledge" not in _stages(it.acme)


def _stages(tenant: Tenant) -> list[str]:
    """What holds its alerts back: nothing at all for a moment, between a silence and the next."""
    return [held["stage"] for each in tenant.get("/api/alerts") for held in each["held"]]
