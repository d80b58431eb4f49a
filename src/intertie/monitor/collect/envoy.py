"""What the gateway counts: Envoy's statistics under our names.

Per service: requests by status, and how long they took. Envoy counts these only where its router
has `dynamic_stats`; without it a service has `intertie_http_requests_total` without a status.
Of each route, with `dynamic_stats` too: requests by class of status, and how long they took, also
those that the gateway answered or refused itself; a request that got no answer has the status
`none`. Of the gateway as a whole, which also answers by itself: requests by class of status,
durations, connections, and what it refused.
"""

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence

from anyio import to_thread

from intertie.errors import IntertieError
from intertie.monitor.collect.exposition import parse
from intertie.monitor.sample import Sample, Series

FILTER = (
    r"^(cluster\..*\.upstream_rq_(total|time|\d+)"
    r"|http\.gateway\.(downstream_(cx_active|rq_(active|time|\dxx))|[a-z_]*\.(denied|unauthorized))"
    r"|intertie\.limit.*\.rate_limited"
    r"|intertie\.route\..*)$"
)
"""For `filter=` of `/stats/prometheus`: all that is read of it, and little else."""

_CLUSTER = "envoy_cluster_name"
_MANAGER = "envoy_http_conn_manager_prefix"
_CODE = "envoy_response_code"
_CLASS = "envoy_response_code_class"
GATEWAY = "gateway"
_LIMITED = "_http_local_rate_limit_rate_limited"
_PARTS = ("_bucket", "_sum", "_count")
_ROUTE = "envoy_intertie_route_"
_NO_ANSWER = "none"
_DIGITS = 3
"""Of a status."""
_BELOW_A_MILLISECOND = "0.5"
"""Durations of routes are whole milliseconds, rounded down: they are exact from 1 ms on."""
_PLAIN = {
    "envoy_http_downstream_cx_active": "intertie_gateway_active_connections",
    "envoy_http_downstream_rq_active": "intertie_gateway_active_requests",
}
_REFUSALS = {
    "envoy_http_jwt_authn_denied": "token",
    "envoy_http_api_key_auth_unauthorized": "api_key",
    "envoy_http_rbac_denied": "role",
    "envoy_http_ext_authz_denied": "permission",
}


class Gateway:
    """Source of `intertie_http_requests_total` and what else the gateway counts."""

    name = "gateway"

    def __init__(
        self,
        ask: Callable[[], Awaitable[str | None]],
        services: Callable[[], Sequence[str]],
    ) -> None:
        """`ask`: Envoy's `/stats/prometheus`; None: no Envoy. `services`: names of the suite's."""
        self._ask = ask
        self._services = services

    async def collect(self, at_ms: int) -> Sequence[Sample]:
        """Raises IntertieError when Envoy does not answer."""
        page = await self._ask()
        if page is None:
            raise IntertieError("cannot read the gateway's statistics: Envoy does not answer")
        services = frozenset(self._services())
        found = await to_thread.run_sync(parse, page.encode())
        return list(translate(found, services))


def translate(found: Sequence[Sample], services: frozenset[str]) -> Iterator[Sample]:
    """Ours of Envoy's. Clusters that are no service, such as the gateway's own, are left out."""
    by_status = {
        dict(each.series.labels)[_CLUSTER]
        for each in found
        if each.series.name == "envoy_cluster_upstream_rq"
    }
    limited: float | None = None
    answers: dict[tuple[str, str], float] = {}
    for sample in found:
        name, labels = sample.series.name, dict(sample.series.labels)
        if name.endswith(_LIMITED):
            limited = (limited or 0.0) + sample.value
        elif name == f"{_ROUTE}requests":
            answer = (labels.get("route", ""), _class(labels.get("status", "")))
            answers[answer] = answers.get(answer, 0.0) + sample.value
        elif name.startswith(f"{_ROUTE}time"):
            yield from _of_route(name, labels, sample.value)
        elif labels.get(_MANAGER) == GATEWAY:
            yield from _of_gateway(name, labels, sample.value)
        elif (service := labels.get(_CLUSTER)) in services and not (
            name == "envoy_cluster_upstream_rq_total" and service in by_status
        ):
            yield from _of_service(name, labels, sample.value)
    for (route, status), value in answers.items():
        yield _sample("intertie_route_requests_total", value, route=route, status=status)
    if limited is not None:
        yield _sample("intertie_gateway_refused_total", limited, reason="rate_limit")


def _of_service(name: str, labels: Mapping[str, str], value: float) -> Iterator[Sample]:
    service = labels[_CLUSTER]
    if name in {"envoy_cluster_upstream_rq", "envoy_cluster_upstream_rq_total"}:
        status = labels.get(_CODE, "")
        yield _sample("intertie_http_requests_total", value, service=service, status=status)
    told = name.removeprefix("envoy_cluster_upstream_rq_time")
    if told in _PARTS:
        yield _duration(
            "intertie_http_request_duration_seconds",
            told,
            value,
            le=labels.get("le"),
            service=service,
        )


def _of_route(name: str, labels: Mapping[str, str], value: float) -> Iterator[Sample]:
    told = name.removeprefix(f"{_ROUTE}time")
    if told in _PARTS and labels.get("le") != _BELOW_A_MILLISECOND:
        yield _duration(
            "intertie_route_request_duration_seconds",
            told,
            value,
            le=labels.get("le"),
            route=labels.get("route", ""),
        )


def _class(status: str) -> str:
    """Services choose statuses: classes are few."""
    return f"{status[0]}xx" if len(status) == _DIGITS else _NO_ANSWER


def _of_gateway(name: str, labels: Mapping[str, str], value: float) -> Iterator[Sample]:
    if name in _PLAIN:
        yield _sample(_PLAIN[name], value)
    if name in _REFUSALS:
        yield _sample("intertie_gateway_refused_total", value, reason=_REFUSALS[name])
    if name == "envoy_http_downstream_rq_xx":
        yield _sample("intertie_gateway_requests_total", value, status=f"{labels[_CLASS]}xx")
    told = name.removeprefix("envoy_http_downstream_rq_time")
    if told in _PARTS:
        yield _duration(
            "intertie_gateway_request_duration_seconds", told, value, le=labels.get("le")
        )


def _duration(name: str, part: str, value: float, *, le: str | None, **labels: str) -> Sample:
    """Envoy counts milliseconds."""
    if part == "_sum":
        value /= 1000
    bound = "" if le is None else le if le == "+Inf" else f"{float(le) / 1000:g}"
    return _sample(f"{name}{part}", value, le=bound, **labels)


def _sample(name: str, value: float, **labels: str) -> Sample:
    return Sample(Series.of(name, labels), value)
