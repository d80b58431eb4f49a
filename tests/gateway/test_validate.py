from dataclasses import replace
from pathlib import Path

import pytest

from intertie.errors import GatewayError
from intertie.gateway.validate import unjudged, validate
from intertie.gateway.xds import Resources
from intertie.runtime.engines import envoy_path
from tests.gateway.test_envoy import resources_of

pytestmark = [pytest.mark.anyio, pytest.mark.slow]


async def test_a_configuration_envoy_would_start_with_passes(tmp_path: Path) -> None:
    """An empty one is one."""
    await validate(envoy_path(), tmp_path, {})


async def test_a_fault_is_told_in_envoys_words(tmp_path: Path) -> None:
    """A misspelt field is found, and named without the brackets of a log line."""
    with pytest.raises(GatewayError, match=r"^cannot change the gateway: .*stattic_resources"):
        await validate(envoy_path(), tmp_path, {"stattic_resources": {}})


async def test_a_binary_that_does_not_run_is_told(tmp_path: Path) -> None:
    """Not a traceback."""
    with pytest.raises(GatewayError, match="gave no verdict"):
        await validate(tmp_path / "none", tmp_path, {})


def names(resources: Resources) -> list[str]:
    """Of all routes."""
    hosts = resources.routes[0]["virtual_hosts"]
    return [route["name"] for host in hosts for route in host["routes"]]


async def test_only_new_routes_are_judged_again() -> None:
    """Those that Envoy has judged are good as long as their clusters stay."""
    old = resources_of("spine")
    table = old.routes[0]
    added = {"name": "/new", "match": {"prefix": "/new"}, "direct_response": {"status": 204}}
    hosts = [{**each, "routes": [added, *each["routes"]]} for each in table["virtual_hosts"]]
    new = replace(old, routes=({**table, "virtual_hosts": hosts},))

    assert names(unjudged(old, new)) == ["/new"] * len(hosts)
    assert unjudged(old, new).clusters == new.clusters
    assert unjudged(None, new) == new
    assert unjudged(old, old).routes[0]["name"] == table["name"]


async def test_when_a_cluster_goes_all_routes_are_judged() -> None:
    """Any of them may still name it."""
    old = resources_of("spine")
    new = replace(old, clusters=old.clusters[1:])

    assert unjudged(old, new) == new
