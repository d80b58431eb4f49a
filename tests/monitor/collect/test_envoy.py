import re
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import pytest
from anyio import fail_after, sleep

from intertie.errors import IntertieError
from intertie.gateway.admin import Admin
from intertie.gateway.xds import ROUTE_STATS, STAT_PREFIX
from intertie.monitor.collect.envoy import FILTER, GATEWAY, Gateway
from intertie.monitor.sample import Sample
from tests.gateway.stage import Door, client, suite_of, upstream

pytestmark = pytest.mark.anyio

PAGE = """
# TYPE envoy_cluster_upstream_rq_total counter
envoy_cluster_upstream_rq_total{envoy_cluster_name="web"} 7
envoy_cluster_upstream_rq_total{envoy_cluster_name="quiet"} 2
envoy_cluster_upstream_rq_total{envoy_cluster_name="intertie.login"} 9
# TYPE envoy_cluster_upstream_rq counter
envoy_cluster_upstream_rq{envoy_response_code="200",envoy_cluster_name="web"} 6
envoy_cluster_upstream_rq{envoy_response_code="503",envoy_cluster_name="web"} 1
# TYPE envoy_cluster_upstream_rq_time histogram
envoy_cluster_upstream_rq_time_bucket{envoy_cluster_name="web",le="0.5"} 3
envoy_cluster_upstream_rq_time_bucket{envoy_cluster_name="web",le="2500"} 6
envoy_cluster_upstream_rq_time_bucket{envoy_cluster_name="web",le="+Inf"} 7
envoy_cluster_upstream_rq_time_sum{envoy_cluster_name="web"} 4500
envoy_cluster_upstream_rq_time_count{envoy_cluster_name="web"} 7
# TYPE envoy_http_downstream_rq_xx counter
envoy_http_downstream_rq_xx{envoy_response_code_class="4",PREFIX="gateway"} 3
envoy_http_downstream_rq_xx{envoy_response_code_class="2",PREFIX="admin"} 8
# TYPE envoy_http_jwt_authn_denied counter
envoy_http_jwt_authn_denied{PREFIX="gateway"} 2
# TYPE envoy_intertie_limit_day_http_local_rate_limit_rate_limited counter
envoy_intertie_limit_day_http_local_rate_limit_rate_limited{} 1
envoy_intertie_limit_hour_http_local_rate_limit_rate_limited{} 4
# TYPE envoy_intertie_route_requests counter
envoy_intertie_route_requests{route="/api/{id}",status="200"} 5
envoy_intertie_route_requests{route="/api/{id}",status="404"} 2
envoy_intertie_route_requests{route="/api/{id}",status="429"} 1
envoy_intertie_route_requests{route="/api/{id}",status="0"} 1
envoy_intertie_route_requests{route="acme:/#2",status="503"} 4
# TYPE envoy_intertie_route_time histogram
envoy_intertie_route_time_bucket{route="/api/{id}",le="0.5"} 3
envoy_intertie_route_time_bucket{route="/api/{id}",le="2500"} 8
envoy_intertie_route_time_bucket{route="/api/{id}",le="+Inf"} 9
envoy_intertie_route_time_sum{route="/api/{id}"} 2600
envoy_intertie_route_time_count{route="/api/{id}"} 9
# TYPE envoy_http_downstream_cx_active gauge
envoy_http_downstream_cx_active{PREFIX="gateway"} 5
envoy_http_downstream_cx_active{PREFIX="admin"} 1
""".replace("PREFIX", "envoy_http_conn_manager_prefix")


DURATIONS = "intertie_route_request_duration_seconds"


def by_series(samples: Sequence[Sample]) -> dict[str, float]:
    """By series."""
    return {str(each.series): each.value for each in samples}


async def test_statistics_get_our_names() -> None:
    """Seconds, not milliseconds; services only, not the helpers of the gateway itself.

    Of routes classes of statuses, and no duration below a millisecond, which is not measured.
    """

    async def page() -> str | None:
        return PAGE

    found = by_series(await Gateway(page, lambda: ["web", "quiet"]).collect(0))

    duration = "intertie_http_request_duration_seconds"
    of_route = "intertie_route_request_duration_seconds"
    assert found == {
        'intertie_http_requests_total{service="quiet"}': 2,
        'intertie_http_requests_total{service="web", status="200"}': 6,
        'intertie_http_requests_total{service="web", status="503"}': 1,
        f'{duration}_bucket{{le="0.0005", service="web"}}': 3,
        f'{duration}_bucket{{le="2.5", service="web"}}': 6,
        f'{duration}_bucket{{le="+Inf", service="web"}}': 7,
        f'{duration}_sum{{service="web"}}': 4.5,
        f'{duration}_count{{service="web"}}': 7,
        'intertie_route_requests_total{route="/api/{id}", status="2xx"}': 5,
        'intertie_route_requests_total{route="/api/{id}", status="4xx"}': 3,
        'intertie_route_requests_total{route="/api/{id}", status="none"}': 1,
        'intertie_route_requests_total{route="acme:/#2", status="5xx"}': 4,
        f'{of_route}_bucket{{le="2.5", route="/api/{{id}}"}}': 8,
        f'{of_route}_bucket{{le="+Inf", route="/api/{{id}}"}}': 9,
        f'{of_route}_sum{{route="/api/{{id}}"}}': 2.6,
        f'{of_route}_count{{route="/api/{{id}}"}}': 9,
        'intertie_gateway_requests_total{status="4xx"}': 3,
        'intertie_gateway_refused_total{reason="token"}': 2,
        'intertie_gateway_refused_total{reason="rate_limit"}': 5,
        "intertie_gateway_active_connections": 5,
    }


async def test_no_envoy_is_a_failure_of_the_source() -> None:
    """The collector counts it."""

    async def nothing() -> str | None:
        return None

    with pytest.raises(IntertieError, match="Envoy does not answer"):
        await Gateway(nothing, list).collect(0)


def test_it_reads_the_statistics_of_our_listener() -> None:
    """They are under its prefix, which the gateway chooses."""
    assert GATEWAY == STAT_PREFIX
    assert rf"http\.{STAT_PREFIX}\." in FILTER
    assert f"|{re.escape(ROUTE_STATS)}\\." in FILTER


ROUTES = (
    {"path": "/api", "service": "web", "auth_required": False},
    {"path": "/closed", "service": "web"},
    {"path": "/few", "service": "web", "auth_required": False, "rate_limit": "1/hour"},
)


@pytest.mark.slow
@pytest.mark.parametrize("by_status", [True, False])
async def test_a_real_envoy_is_understood(tmp_path: Path, by_status: bool) -> None:
    """Requests, durations, connections and refusals; by status where its router counts so."""
    found: dict[str, float] = {}
    async with upstream("web") as web:
        suite = suite_of(*ROUTES, count_statuses=by_status)
        made = Door(tmp_path, suite, {"web": [web.port]})
        await made.controller.prepare()
        source = Gateway(partial(Admin(made.run).exposition, FILTER), lambda: ["web"])
        try:
            await made.start()
            async with client(made) as http:
                for path in ("/api/a", "/api/b", "/closed", "/few", "/few"):
                    await http.get(path)
                web.status = 503
                await http.get("/api/c")
                found = by_series(await source.collect(0))
            # Envoy adds up histograms every five seconds, also in the midst of the requests.
            with fail_after(60):
                while found.get("intertie_gateway_request_duration_seconds_count") != 6:
                    await sleep(0.1)
                    found = by_series(await source.collect(0))
        finally:
            await made.stop(kill=True)

    requests = {key: value for key, value in found.items() if "http_requests_total" in key}
    of_each = {
        'intertie_http_requests_total{service="web", status="200"}': 3,
        'intertie_http_requests_total{service="web", status="503"}': 1,
    }
    assert requests == (
        of_each if by_status else {'intertie_http_requests_total{service="web"}': 4}
    )
    durations = 'intertie_http_request_duration_seconds_count{service="web"}'
    assert found.get(durations) == (4 if by_status else None)
    assert found['intertie_gateway_requests_total{status="2xx"}'] == 3
    assert found['intertie_gateway_requests_total{status="4xx"}'] == 2
    assert found['intertie_gateway_requests_total{status="5xx"}'] == 1
    assert found["intertie_gateway_request_duration_seconds_count"] == 6
    assert found['intertie_gateway_refused_total{reason="token"}'] == 1
    assert found['intertie_gateway_refused_total{reason="rate_limit"}'] == 1
    assert "intertie_gateway_active_connections" in found


ALL_WAYS = (
    {"path": "/api/{id}", "service": "web", "auth_required": False, "methods": ["GET"]},
    {"path": "/api/{id}", "service": "web", "auth_required": False, "hosts": "b.example"},
    {"path": "/closed", "service": "web"},
    {"path": "/few", "service": "web", "auth_required": False, "rate_limit": "1/hour"},
    {"path": "/said", "auth_required": False, "answer": {"body": "{}"}},
    {"path": "/gone", "auth_required": False, "redirect": {"to": "/said"}},
    {"path": "/slow", "service": "web", "auth_required": False, "timeout": "500ms"},
    {"path": "/down", "service": "down", "auth_required": False},
)
BURST: tuple[tuple[str, int, int], ...] = (
    ("/api/7", 20, 200),
    ("/closed", 5, 401),
    ("/few", 1, 200),
    ("/few", 6, 429),
    ("/said/x", 3, 200),
    ("/gone", 2, 308),
    ("/slow", 2, 504),
    ("/down", 4, 503),
    ("/nowhere", 3, 404),
)
LAST_ADDED = (
    f'{DURATIONS}_count{{route="none"}}',
    f'{DURATIONS}_count{{route="/api/{{id}}"}}',
)


@pytest.mark.slow
async def test_counters_of_routes_are_the_requests_that_were_sent(tmp_path: Path) -> None:
    """Each under its route, whether a service, the gateway or nobody answered it."""
    found: dict[str, float] = {}
    async with upstream("web") as web:
        suite = suite_of(*ALL_WAYS, count_statuses=True)
        made = Door(tmp_path, suite, {"web": [web.port], "down": []})
        await made.controller.prepare()
        source = Gateway(partial(Admin(made.run).exposition, FILTER), lambda: ["web"])
        try:
            await made.start()
            async with client(made) as http:
                for path, times, status in BURST:
                    told = [(await http.get(path)).status_code for _ in range(times)]
                    assert told == [status] * times
                await http.delete("/api/7")
                await http.get("/api/7", headers={"host": "b.example"})
                web.status = 500
                await http.get("/api/7")
                web.gate.set()
            with fail_after(60):
                while [found.get(each) for each in LAST_ADDED] != [3, 22]:
                    await sleep(0.1)
                    found = by_series(await source.collect(0))
        finally:
            await made.stop(kill=True)

    assert {key: value for key, value in found.items() if "route_requests" in key} == {
        'intertie_route_requests_total{route="/api/{id}", status="2xx"}': 20,
        'intertie_route_requests_total{route="/api/{id}", status="4xx"}': 1,
        'intertie_route_requests_total{route="/api/{id}", status="5xx"}': 1,
        'intertie_route_requests_total{route="/api/{id}#2", status="2xx"}': 1,
        'intertie_route_requests_total{route="/closed", status="4xx"}': 5,
        'intertie_route_requests_total{route="/few", status="2xx"}': 1,
        'intertie_route_requests_total{route="/few", status="4xx"}': 6,
        'intertie_route_requests_total{route="/said", status="2xx"}': 3,
        'intertie_route_requests_total{route="/gone", status="3xx"}': 2,
        'intertie_route_requests_total{route="/slow", status="5xx"}': 2,
        'intertie_route_requests_total{route="/down", status="5xx"}': 4,
        'intertie_route_requests_total{route="none", status="4xx"}': 3,
    }
    assert found[f'{DURATIONS}_count{{route="/api/{{id}}"}}'] == 22
    assert found[f'{DURATIONS}_bucket{{le="0.25", route="/slow"}}'] == 0
    assert found[f'{DURATIONS}_bucket{{le="+Inf", route="/slow"}}'] == 2
