"""What is counted for an objective, and the rules about its budget."""

from typing import Any

import numpy as np
import pytest

from intertie.control.integration_metrics import IntegrationCollector
from intertie.control.integrations import Counted
from intertie.errors import IntertieError
from intertie.integrations.observe import BOUNDS_S
from intertie.monitor.collect.envoy import translate
from intertie.monitor.promql.query import Vector, compile
from intertie.monitor.rule_query import over
from intertie.monitor.rule_tests import MemorySource, run_one
from intertie.monitor.rules import AlertRule, Rules, rules_of
from intertie.monitor.sample import Found, Sample, Series
from intertie.monitor.slo import (
    CALL_BOUNDS_S,
    ROUTE_BOUNDS_S,
    SERVICE_BOUNDS_S,
    burn_rules,
    error_ratio_query,
    faults,
    matchers_of,
    sli_of,
    span_text,
    with_slos,
)
from intertie.suite.monitoring import Alarming
from intertie.suite.rule_tests import RuleTest
from intertie.suite.slo import Slo

pytestmark = pytest.mark.anyio


def slo(**given: Any) -> Slo:
    """As a suite file has it."""
    return Slo.model_validate({"objective": "99.9%", **given})


KINDS = {
    "web": slo(service="web"),
    "fast": slo(service="web", indicator="latency", threshold="500ms"),
    "up": slo(service="web", indicator="uptime"),
    "pay": slo(integration="pay"),
    "page": slo(route='/a"b/{id}'),
    "quick": slo(route='/a"b/{id}', indicator="latency", threshold="500ms"),
    "acme": slo(tenant="acme", indicator="latency", threshold="1s"),
    "both": slo(tenant="acme", integration="pay"),
    "good": slo(expr={"good": 'orders_total{ok="1"}', "total": "orders_total"}),
    "bad": slo(expr={"bad": 'orders_total{ok="0"}', "total": "orders_total"}),
}


def grows(name: str, per_minute: float, **labels: str) -> Found:
    """A counter over two hours, each minute."""
    times = np.arange(0, 121, dtype=np.int64) * 60_000
    return Found(Series.of(name, labels), times, np.arange(121, dtype=np.float64) * per_minute)


@pytest.mark.parametrize("name", KINDS)
def test_each_kind_is_counted_by_selectors_and_asked_in_promql(name: str) -> None:
    """Both are good PromQL; the query is for whoever wants to see for himself."""
    sli = sli_of(KINDS[name])

    assert matchers_of(sli.total)
    assert matchers_of(sli.part)
    compile(error_ratio_query(sli, 3600))


@pytest.mark.parametrize(
    ("name", "ratio"), [("web", 0.05), ("fast", 0.2), ("up", 0.25), ("both", 0.1), ("good", 0.04)]
)
async def test_the_query_tells_the_share_of_bad_events(name: str, ratio: float) -> None:
    """Of the metrics as they are collected; what the caller did wrong breaks no promise."""
    call = {"integration": "pay", "tenant": "acme", "kind": "http", "operation": "get"}
    up = np.tile([0.0, 1.0, 1.0, 1.0], 31)[:121]
    http = "intertie_http_requests_total"
    took = "intertie_http_request_duration_seconds_bucket"
    source = MemorySource(
        [
            grows(http, 90, service="web", status="200"),
            grows(http, 5, service="web", status="404"),
            grows(http, 5, service="web", status="503"),
            grows(http, 1000, service="other", status="500"),
            grows(took, 8, service="web", le="0.5"),
            grows(took, 10, service="web", le="+Inf"),
            grows("intertie_integration_call_seconds_count", 20, **call),
            grows("intertie_integration_failures_total", 2, **call, cause="vendor"),
            grows("intertie_integration_failures_total", 3, **call, cause="request"),
            grows("orders_total", 96, ok="1"),
            grows("orders_total", 4, ok="0"),
            Found(Series.of("intertie_service_up", {"service": "web"}), grows("x", 1).times, up),
        ]
    )

    found = await compile(error_ratio_query(sli_of(KINDS[name]), 3600)).instant(source, 7_200_000)

    assert isinstance(found, Vector)
    assert [each.value for each in found.points] == [pytest.approx(ratio)]


async def test_no_failure_yet_is_none_and_not_unknown() -> None:
    """The counter of failures comes with the first of them."""
    call = {"integration": "pay", "tenant": "acme", "kind": "http", "operation": "get"}
    source = MemorySource([grows("intertie_integration_call_seconds_count", 20, **call)])

    found = await compile(error_ratio_query(sli_of(KINDS["pay"]), 3600)).instant(source, 7_200_000)

    assert isinstance(found, Vector)
    assert [each.value for each in found.points] == [0.0]


def test_bounds_of_calls_are_those_that_are_counted() -> None:
    """A threshold between two of them could not be told."""
    assert CALL_BOUNDS_S == BOUNDS_S


def test_calls_are_counted_by_what_is_measured_of_them() -> None:
    """Each selector finds series that the daemon tells."""
    counted = Counted(
        integration="pay",
        tenant="acme",
        kind="http",
        operation="get",
        calls=3,
        failed=1,
        attempts=4,
        total_s=1.0,
        causes={"vendor": 1},
        buckets={**{f"{bound:g}": 2 for bound in BOUNDS_S}, "+Inf": 3},
    )
    told = [
        Series.of(sample.name, sample.labels)
        for metric in IntegrationCollector([counted]).collect()
        for sample in metric.samples
    ]

    for name in ("pay", "acme", "both"):
        for text in (sli_of(KINDS[name]).total, sli_of(KINDS[name]).part):
            fitting = [s for s in told if all(m.fits(s) for m in matchers_of(text))]
            assert len(fitting) == 1, text


def test_requests_are_counted_by_what_the_gateway_tells() -> None:
    """Each selector finds series made of Envoy's."""
    of, route = {"envoy_cluster_name": "web"}, {"route": '/a"b/{id}'}
    envoy = [
        Sample(Series.of("envoy_cluster_upstream_rq", {**of, "envoy_response_code": "503"}), 1),
        Sample(Series.of("envoy_cluster_upstream_rq_time_bucket", {**of, "le": "500"}), 1),
        Sample(Series.of("envoy_cluster_upstream_rq_time_bucket", {**of, "le": "+Inf"}), 2),
        Sample(Series.of("envoy_intertie_route_requests", {**route, "status": "503"}), 1),
        Sample(Series.of("envoy_intertie_route_time_bucket", {**route, "le": "500"}), 1),
        Sample(Series.of("envoy_intertie_route_time_bucket", {**route, "le": "+Inf"}), 2),
    ]
    told = [each.series for each in translate(envoy, frozenset({"web"}))]

    for name in ("web", "fast", "page", "quick"):
        for text in (sli_of(KINDS[name]).total, sli_of(KINDS[name]).part):
            fitting = [s for s in told if all(m.fits(s) for m in matchers_of(text))]
            assert len(fitting) == 1, text


@pytest.mark.parametrize("bound", SERVICE_BOUNDS_S)
def test_any_bound_can_be_a_threshold(bound: float) -> None:
    """Written in milliseconds, too; its bucket is named as collected."""
    written = f"{bound * 1000:.1f}ms"

    found = sli_of(slo(service="web", indicator="latency", threshold=written))

    assert f'le="{bound:g}"' in found.part


def test_durations_of_routes_are_exact_from_a_millisecond_on() -> None:
    """Shorter ones are not told apart, and refused."""
    for bound in ROUTE_BOUNDS_S:
        found = sli_of(slo(route="/", indicator="latency", threshold=f"{bound * 1000:.0f}ms"))
        assert f'le="{bound:g}"' in found.part
    with pytest.raises(IntertieError, match=r"times are counted up to 0\.001, 0\.005"):
        sli_of(slo(route="/", indicator="latency", threshold="0.5ms"))


def test_a_threshold_that_is_not_counted_is_refused() -> None:
    """With those that are."""
    with pytest.raises(IntertieError, match=r"0\.25, 0\.5, 1, 2\.5.*take one of these"):
        sli_of(slo(service="web", indicator="latency", threshold="300ms"))


@pytest.mark.parametrize("text", ["sum(a)", "a[5m]", "a offset 5m", "1", "a @ 5", "a{"])
def test_only_counters_themselves_can_be_followed(text: str) -> None:
    """Of a sum nobody can tell which counter began again."""
    told = dict(faults({"x": slo(expr={"good": "a", "total": text})}, ()))

    assert "cannot" in told["x"]


def test_an_unknown_maintenance_window_is_a_fault() -> None:
    """It would exclude nothing."""
    told = dict(faults({"x": slo(service="web", exclude=["night", "day"])}, ["day"]))

    assert told == {"x": "cannot exclude 'night': `alerts.mute` has no such window"}
    assert not dict(faults(KINDS, ()))


def test_spans_are_told_as_promql_has_them() -> None:
    """In the largest unit that fits."""
    assert [span_text(s) for s in (30 * 86400, 21600, 1800, 300, 90)] == [
        "30d", "6h", "30m", "5m", "90s",
    ]  # fmt: skip


def test_rules_about_budgets_stand_beside_those_of_the_suite() -> None:
    """They compile, a fast burn hides a slow one, and a rule of the suite keeps its name."""
    own = AlertRule("SloBurnFast_web", "up == 0", "up == 0")
    found = with_slos(Rules((own,)), {"web": KINDS["web"], "pay": KINDS["pay"]})

    assert [each.name for each in found.rules] == [
        "SloBurnFast_web", "SloBurnFast_pay", "SloBurnSlow_pay", "SloBurnSlow_web",
    ]  # fmt: skip
    assert found.rules[0] is own
    for rule in found.rules:
        compile(rule.expr)
    assert {(i.source["alertname"], i.target["alertname"]) for i in found.inhibitions} == {
        ("SloBurnFast_web", "SloBurnSlow_web"),
        ("SloBurnFast_pay", "SloBurnSlow_pay"),
    }
    assert with_slos(rules_of(Alarming()), {}) == rules_of(Alarming())


def test_a_rule_that_can_never_fire_is_left_out() -> None:
    """Where a tenth may be bad, an hour of nothing else burns it ten times too fast, not 14.4."""
    found = burn_rules({"x": slo(service="web", objective="90%")})

    assert [each.name for each in found.rules] == ["SloBurnSlow_x"]


async def burnt(objective: str, hour: str, minutes: str, *, fires: list[tuple[str, bool]]) -> None:
    """Run the fast rule over made-up ratios; `fires`: at which times."""
    rules = burn_rules({"web": slo(service="web", objective=objective)}).rules
    alert = {"labels": {"slo": "web", "window": "1h", "service": "web", "severity": "critical"}}
    test = RuleTest.model_validate(
        {
            "name": "burns",
            "interval": "1m",
            "input_series": [
                {"series": f'intertie_slo_error_ratio{{slo="web",window="{w}"}}', "values": values}
                for w, values in (("1h", hour), ("5m", minutes))
            ],
            "alert_rule_test": [
                {
                    "eval_time": at,
                    "alertname": "SloBurnFast_web",
                    "exp_alerts": [alert] if firing else [],
                }
                for at, firing in fires
            ],
        }
    )
    report = await run_one(test, rules, over)
    assert report.passed, str(report)


async def test_a_burn_is_told_while_both_windows_burn() -> None:
    """Not by a blip, not once it is well again, and at more than 14.4 times the budget."""
    await burnt(
        "99.9%",
        "0x4 0.01x4 0.02x20",
        "0x4 0.5x14 0x10",
        fires=[("3m", False), ("8m", False), ("12m", True), ("18m", True), ("22m", False)],
    )


async def test_without_a_budget_any_bad_event_is_told() -> None:
    """Nothing is divided by nothing."""
    await burnt("100%", "0x2 0.00001x5", "0x2 0.001x5", fires=[("1m", False), ("4m", True)])
