"""What each part of the gateway costs: the whole without it, beside the whole.

CPU time of a request, since that is what differs; medians of many short interleaved rounds.
"""

import copy
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.gateway import ours, peers
from benchmarks.gateway.load import PROXY_CORE, running, wrk
from benchmarks.table import Column, Measures, interleave
from intertie.gateway.envoy import translate
from intertie.gateway.listener import flat
from intertie.gateway.routes import Surroundings, build
from intertie.identity.issuer import ISSUER, Issuer
from intertie.runtime.ports import Ports
from intertie.suite.gateway import Gateway

Json = dict[str, Any]  # Envoy's configuration
Change = Callable[[Json, Json], None]
"""Takes something out of a connection manager and of the whole configuration."""

_LIMITS = "intertie.limit"


def measure(folder: Path, *, rounds: int, seconds: float) -> None:
    """Everything, and everything but one thing, in turns."""
    with ExitStack() as stack:
        service = stack.enter_context(peers.service(folder / "service"))
        issuer = Issuer.open(folder / "keys")
        clients = ours.tokens(issuer)
        runs: dict[str, Callable[[], Measures]] = {}
        bare = stack.enter_context(peers.bare_envoy(folder / "bare", service))
        runs["bare Envoy"] = partial(wrk, bare, "/open", clients, seconds=seconds)
        for name, change in {"everything": _nothing, **CHANGES}.items():
            proxy = stack.enter_context(_envoy(folder, name, change, (service, issuer)))
            runs[name] = partial(wrk, proxy, "/open", clients, seconds=seconds)
        for run in runs.values():
            run()
        _tell(interleave(runs, rounds))


def _tell(columns: Sequence[Column]) -> None:
    whole = next(column for column in columns if column.name == "everything")
    print(f"\n{'':<28}{'cpu us':>10}{'saved us':>10}{'of whole':>10}")
    for column in columns:
        pairs = zip(whole.rounds, column.rounds, strict=True)
        saved = median(all_["cpu_us"] - each["cpu_us"] for all_, each in pairs)
        part = saved / whole.median("cpu_us")
        print(f"{column.name:<28}{column.median('cpu_us'):>10.1f}{saved:>10.1f}{part:>10.3f}")


def _envoy(folder: Path, name: str, change: Change, behind: tuple[int, Issuer]) -> Any:
    place = folder / name.replace(" ", "-")
    place.mkdir()
    port = Ports().take("gateway")
    config = whole(port, *behind)
    listener = config["static_resources"]["listeners"][0]
    change(listener["filter_chains"][0]["filters"][0]["typed_config"], config)
    config["admin"] = {"address": {"pipe": {"path": "admin.sock"}}}
    (place / "envoy.json").write_text(json.dumps(config))
    return running(peers.envoy_command(place / "envoy.json"), place, port, core=PROXY_CORE)


def whole(port: int, service: int, issuer: Issuer) -> Json:
    """All policies, as one static configuration."""
    suite = ours.suite_of(ours.all_policies(f"http://127.0.0.1:{service}"), port)
    around = Surroundings(issuer=ISSUER, jwks=issuer.jwks())
    statuses = ours.snapshot(suite, {"service": (service,)}).services
    points = {name: status.endpoints for name, status in statuses.items()}
    resources = translate(build(suite, points, around))
    return copy.deepcopy(flat(suite.gateway or Gateway(), port, resources))


def _nothing(manager: Json, config: Json) -> None:
    pass


def _without(*prefixes: str) -> Change:
    def change(manager: Json, config: Json) -> None:
        kept = [each for each in manager["http_filters"] if not each["name"].startswith(prefixes)]
        manager["http_filters"] = kept
        _keep_routes(manager, {each["name"] for each in kept})

    return change


def _without_off(manager: Json, config: Json) -> None:
    used = {name for route in _routes(manager) for name in route.get("typed_per_filter_config", {})}
    kept = [
        each for each in manager["http_filters"] if not each.get("disabled") or each["name"] in used
    ]
    manager["http_filters"] = kept


def _keep_routes(manager: Json, known: set[str]) -> None:
    for route in _routes(manager):
        said = route.get("typed_per_filter_config", {})
        route["typed_per_filter_config"] = {k: v for k, v in said.items() if k in known}


def _routes(manager: Json) -> Iterator[Json]:
    for host in manager["route_config"]["virtual_hosts"]:
        yield from host["routes"]


def _key(name: str) -> Change:
    def change(manager: Json, config: Json) -> None:
        del manager[name]

    return change


def _text_log(manager: Json, config: Json) -> None:
    log = manager["access_log"][0]["typed_config"]["log_format"]
    parts = log.pop("json_format")
    text = ",".join(f'"{name}":"{value}"' for name, value in parts.items())
    log["text_format_source"] = {"inline_string": "{" + text + "}\n"}


def _no_told_headers(manager: Json, config: Json) -> None:
    manager["route_config"].pop("response_headers_to_add", None)
    for route in _routes(manager):
        route.pop("response_headers_to_add", None)


def _no_metadata(manager: Json, config: Json) -> None:
    for route in _routes(manager):
        route.pop("metadata", None)


def _one_route(manager: Json, config: Json) -> None:
    host = manager["route_config"]["virtual_hosts"][0]
    host["routes"] = [each for each in host["routes"] if "route" in each][-1:]
    for route in host["routes"]:
        route["match"] = {"prefix": "/open"}


def _no_payload(manager: Json, config: Json) -> None:
    for each in manager["http_filters"]:
        for provider in each.get("typed_config", {}).get("providers", {}).values():
            provider.pop("payload_in_metadata", None)


def _no_claims(manager: Json, config: Json) -> None:
    for each in manager["http_filters"]:
        for provider in each.get("typed_config", {}).get("providers", {}).values():
            provider.pop("claim_to_headers", None)


def _default_stats(manager: Json, config: Json) -> None:
    manager["http_filters"][-1]["typed_config"].pop("dynamic_stats")


def _no_breaker(manager: Json, config: Json) -> None:
    for cluster in config["static_resources"]["clusters"]:
        cluster.pop("outlier_detection", None)


CHANGES: Mapping[str, Change] = {
    "without filters that are off": _without_off,
    "without token": _without("envoy.filters.http.jwt_authn"),
    "without payload": _no_payload,
    "without claims": _no_claims,
    "without limits": _without(_LIMITS),
    "without limit fields": _without("intertie.limit-fields"),
    "without cors": _without("envoy.filters.http.cors"),
    "without access log": _key("access_log"),
    "access log as text": _text_log,
    "without tracing": _key("tracing"),
    "without early mutation": _key("early_header_mutation_extensions"),
    "without response headers": _no_told_headers,
    "without route metadata": _no_metadata,
    "without variants of route": _one_route,
    "without breaker": _no_breaker,
    "with dynamic stats": _default_stats,
    "everything, again": _nothing,
}
