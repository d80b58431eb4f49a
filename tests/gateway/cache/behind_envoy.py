"""A real Envoy with one cached route, made of the fragments, in front of a cache process."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from intertie.gateway.cache import fragments
from intertie.gateway.cache.settings import (
    ADMIN_SOCKET,
    CACHE_SOCKET,
    ORIGIN_SOCKET,
    of_suite,
)
from intertie.runtime.engines import envoy_path
from intertie.suite.cache import Caching, RouteCaching
from tests.bus.peers.server import free_port
from tests.gateway.cache.contenders import running

Json = dict[str, Any]
T = "type.googleapis.com/envoy."
ROUTE = "GET /web"


@dataclass
class Gateway:
    """What runs."""

    port: int
    folder: Path
    cache: subprocess.Popen[bytes]

    def kill_cache(self) -> None:
        """As a crash would."""
        self.cache.send_signal(signal.SIGKILL)
        self.cache.wait(10)

    @property
    def admin(self) -> Path:
        """The cache's management socket."""
        return self.folder / ADMIN_SOCKET


def bootstrap(folder: Path, port: int, origin: int) -> Json:
    """One listener, one cached route whose path is rewritten, and the two that the cache needs."""
    service = {
        "name": "web",
        "type": "STATIC",
        "load_assignment": {
            "cluster_name": "web",
            "endpoints": [{"lb_endpoints": [_tcp(origin)]}],
        },
    }
    return {
        "static_resources": {
            "listeners": [_door(port), fragments.listener(folder / ORIGIN_SOCKET)],
            "clusters": [
                service,
                _bare(fragments.cluster(folder / CACHE_SOCKET, folder / ORIGIN_SOCKET)),
            ],
        }
    }


def _bare(resource: Json) -> Json:
    return {key: value for key, value in resource.items() if key != "@type"}


def _tcp(port: int) -> Json:
    address = {"socket_address": {"address": "127.0.0.1", "port_value": port}}
    return {"endpoint": {"address": address}}


def _door(port: int) -> Json:
    routes = [_route(["GET", "HEAD"], safe=True), _route(["POST", "PUT"], safe=False)]
    manager = {
        "@type": f"{T}extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "door",
        "use_remote_address": True,
        "route_config": {
            "name": "r",
            "virtual_hosts": [{"name": "all", "domains": ["*"], "routes": routes}],
        },
        "http_filters": [
            {
                "name": "envoy.filters.http.router",
                "typed_config": {"@type": f"{T}extensions.filters.http.router.v3.Router"},
            }
        ],
        "early_header_mutation_extensions": [
            {
                "name": "envoy.http.early_header_mutation.header_mutation",
                "typed_config": {
                    "@type": f"{T}extensions.http.early_header_mutation.header_mutation.v3"
                    ".HeaderMutation",
                    "mutations": [{"remove": name} for name in fragments.GATEWAY_ONLY],
                },
            }
        ],
    }
    return {
        "name": "door",
        "address": {"socket_address": {"address": "127.0.0.1", "port_value": port}},
        "filter_chains": [
            {
                "filters": [
                    {
                        "name": "envoy.filters.network.http_connection_manager",
                        "typed_config": manager,
                    }
                ]
            }
        ],
    }


def _route(methods: list[str], *, safe: bool) -> Json:
    method = {"name": ":method", "string_match": {"safe_regex": {"regex": "|".join(methods)}}}
    original = {
        "header": {"key": "x-envoy-original-path", "value": "%REQ(:PATH)%"},
        "append_action": "OVERWRITE_IF_EXISTS_OR_ADD",
    }
    return {
        "match": {"path_separated_prefix": "/web", "headers": [method]},
        "route": {
            "cluster": fragments.CLUSTER,
            "timeout": "30s",
            "regex_rewrite": {"pattern": {"regex": "^/web/*"}, "substitution": "/"},
            "retry_policy": fragments.retry_policy(safe=safe),
        },
        "request_headers_to_add": [original, *fragments.request_headers(ROUTE, "web")],
    }


def cache_command(folder: Path) -> tuple[str, ...]:
    """The cache process of that folder, its configuration written."""
    caching = Caching(default_ttl=300)
    config = of_suite(caching, {ROUTE: RouteCaching()}, folder=folder)
    (folder / "cache.json").write_text(config.model_dump_json())
    return (sys.executable, "-m", "intertie.gateway.cache", str(folder / "cache.json"))


@contextmanager
def gateway(folder: Path, origin: int) -> Iterator[Gateway]:
    """Envoy and cache, both running."""
    port = free_port()
    (folder / "envoy.json").write_text(json.dumps(bootstrap(folder, port, origin)))
    flags = ("--concurrency", "1", "--use-dynamic-base-id", "--log-level", "warning")
    command = (str(envoy_path()), "--config-path", "envoy.json", *flags)
    with ExitStack() as stack:
        stack.enter_context(running(command, port, folder))
        with (folder / "cache.log").open("wb") as log:
            cache = subprocess.Popen(cache_command(folder), cwd=folder, stdout=log, stderr=log)
        stack.callback(_end, cache)
        yield Gateway(port, folder, cache)


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        os.kill(process.pid, signal.SIGTERM)
        process.wait(60)
