"""An Envoy with the filters under test only, in front of a service that echoes."""

import json
import subprocess
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
from anyio import to_thread

from intertie.gateway.xds import FILTERS, T
from intertie.runtime.engines import envoy_path
from intertie.runtime.ports import is_free
from tests.gateway.ports import PORTS
from tests.gateway.stage import upstream
from tests.waiting import eventually

Json = dict[str, Any]
_ROUTER = {
    "name": "envoy.filters.http.router",
    "typed_config": {"@type": f"{FILTERS}router.v3.Router"},
}
_MANAGER = f"{T}extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
_DROP = f"{T}extensions.http.early_header_mutation.header_mutation.v3.HeaderMutation"


def listener(port: int, routes: Sequence[Json], filters: Sequence[Json], **manager: Any) -> Json:
    """One listener; a route without an action goes to the service."""
    known = [route if len(route) > 3 else {**route, "route": {"cluster": "up"}} for route in routes]
    return {
        "name": "bare",
        "address": {"socket_address": {"address": "127.0.0.1", "port_value": port}},
        "filter_chains": [
            {
                "filters": [
                    {
                        "name": "envoy.filters.network.http_connection_manager",
                        "typed_config": {
                            "@type": _MANAGER,
                            "stat_prefix": "bare",
                            "use_remote_address": True,
                            "route_config": {
                                "virtual_hosts": [
                                    {"name": "all", "domains": ["*"], "routes": known}
                                ]
                            },
                            "http_filters": [*filters, _ROUTER],
                            **manager,
                        },
                    }
                ]
            }
        ],
    }


def dropping(names: Sequence[str]) -> Json:
    """Of the connection manager: headers that no client may send."""
    mutations = [{"remove": name} for name in names]
    typed = {"@type": _DROP, "mutations": mutations}
    name = "envoy.http.early_header_mutation.header_mutation"
    return {"early_header_mutation_extensions": [{"name": name, "typed_config": typed}]}


@asynccontextmanager
async def envoy(
    folder: Path,
    routes: Sequence[Json],
    filters: Sequence[Json],
    *,
    clusters: Sequence[Json] = (),
    **manager: Any,
) -> AsyncIterator[httpx.AsyncClient]:
    """A client of one that serves; it is gone afterwards."""
    port = PORTS.take("bare")
    async with upstream("up") as service:
        found = listener(port, routes, filters, **manager)
        static = {"listeners": [found], "clusters": [_cluster(service.port), *clusters]}
        config = folder / "bare.json"
        config.write_text(json.dumps({"static_resources": static}))
        flags = ["--use-dynamic-base-id", "--concurrency", "1", "--log-level", "error"]
        log = folder / "bare.log"
        with log.open("wb") as stream:
            command = [str(envoy_path()), "--config-path", str(config), *flags]
            process = await to_thread.run_sync(
                lambda: subprocess.Popen(command, cwd=folder, stderr=stream)
            )

            def serves() -> bool:
                assert process.poll() is None, log.read_text()
                return not is_free(port)

            try:
                await eventually(serves, 60)
                url = f"http://127.0.0.1:{port}"
                async with httpx.AsyncClient(base_url=url, timeout=30, trust_env=False) as client:
                    yield client
            finally:
                process.kill()
                await to_thread.run_sync(process.wait, 60)


def _cluster(port: int) -> Json:
    address = {"socket_address": {"address": "127.0.0.1", "port_value": port}}
    endpoints = [{"lb_endpoints": [{"endpoint": {"address": address}}]}]
    return {
        "name": "up",
        "type": "STATIC",
        "load_assignment": {"cluster_name": "up", "endpoints": endpoints},
    }
