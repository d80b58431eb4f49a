"""The configuration of a sidecar, as Envoy itself judges it."""

import json
from pathlib import Path
from typing import Any

import pytest

from intertie.gateway import xds
from intertie.gateway.mesh import http, secrets
from intertie.gateway.mesh.envoy import Domain, Resources, bootstrap, through, translate
from intertie.gateway.mesh.layout import Doors
from intertie.gateway.mesh.policy import members
from intertie.gateway.validate import validate
from intertie.plan import Endpoint
from intertie.runtime.engines import envoy_path
from intertie.suite.mesh import Mesh
from tests.gateway.mesh.stage import suite_of

SERVICES = {"web": {"depends_on": ["api.v1", "db"]}, "api.v1": {}, "db": {}, "job": {}}
REPLICAS = (Endpoint("127.0.0.1", 9000), Endpoint("127.0.0.1", 9001))


def domain() -> Domain:
    """Of four services."""
    found = members(suite_of(SERVICES), Mesh(tcp=("db",), allow={"api.v1": ("job",)}))
    doors = {
        name: Doors(
            20000 + 100 * n,
            20001 + 100 * n,
            {target: 20002 + 100 * n + i for i, target in enumerate(member.targets)},
        )
        for n, (name, member) in enumerate(found.items())
    }
    return Domain("shop", doors, found)


def resources(name: str) -> Resources:
    """Of one sidecar."""
    found = domain()
    return translate(found.members[name], found, REPLICAS)


def names(found: tuple[dict[str, Any], ...]) -> list[str]:
    """Of resources."""
    return [each["name"] for each in found]


def test_a_sidecar_has_what_its_service_needs() -> None:
    """A door for calls, one by name, and one for each service it may call."""
    web, db = resources("web"), resources("db")

    assert names(web.listeners) == ["inbound", "names", "to.api.v1", "to.db"]
    assert names(web.clusters) == ["app", "to.api.v1", "to.db"]
    assert names(web.routes) == ["inbound", "names"]
    assert names(db.listeners) == ["inbound", "names"]
    assert names(db.routes) == ["names"]


def test_all_doors_are_on_the_loopback_address() -> None:
    """Nothing is open to other machines."""
    found = [listener for name in SERVICES for listener in resources(name).listeners]

    addresses = {each["address"]["socket_address"]["address"] for each in found}
    assert addresses == {"127.0.0.1"}


def test_who_may_call_is_in_the_routes_alone() -> None:
    """So that a change leaves every listener, and every connection, as it is."""
    one = domain()
    more = members(suite_of(SERVICES), Mesh(tcp=("db",), allow={"api.v1": ("job", "db")}))
    two = Domain("shop", one.doors, more)

    before, after = (translate(d.members["api.v1"], d, REPLICAS) for d in (one, two))

    assert before.listeners == after.listeners
    assert before.clusters == after.clusters
    assert before.routes != after.routes
    assert "spiffe://shop/db" in json.dumps(after.routes)


def test_nobody_may_call_who_is_not_named() -> None:
    """Without callers there is no policy at all, which lets nobody in."""
    [inbound, _] = resources("job").routes
    [host] = inbound["virtual_hosts"]

    rules = host["typed_per_filter_config"]["envoy.filters.http.rbac"]["rbac"]["rules"]
    assert rules == {"action": "ALLOW"}


def test_the_same_suite_gives_the_same_files() -> None:
    """Nothing of the moment is in them."""
    assert [resources(name) for name in SERVICES] == [resources(name) for name in SERVICES]


def test_the_gateway_goes_through_sidecars() -> None:
    """One endpoint a service, whose identity is checked; what is no service stays."""
    plain = xds.Resources(
        clusters=(http.app_cluster("db"), http.app_cluster("other")),
        endpoints=(http.assignment("db", REPLICAS), http.assignment("other", REPLICAS)),
        filters=(),
        routes=(),
    )

    found = through(plain, domain())

    assert "spiffe://shop/db" in json.dumps(found.clusters[0])
    assert found.endpoints[0] == http.assignment(
        "db", [Endpoint("127.0.0.1", domain().doors["db"].inbound)]
    )
    assert found.clusters[1] == plain.clusters[1]
    assert found.endpoints[1] == plain.endpoints[1]


@pytest.mark.anyio
@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(SERVICES))
async def test_envoy_would_start_with_it(tmp_path: Path, name: str) -> None:
    """Every field known, every reference good."""
    secrets.put(tmp_path, {"identity": {}, "authorities": {}})

    await validate(envoy_path(), tmp_path, flat(resources(name), name))


def flat(found: Resources, name: str) -> dict[str, Any]:
    """The same with nothing read from files but secrets."""
    routes = {each["name"]: bare(each) for each in found.routes}
    assignments = {each["cluster_name"]: bare(each) for each in found.endpoints}
    made = {k: v for k, v in bootstrap(name).items() if k in {"node", "stats_flush_on_admin"}}
    listeners = [bare(each) for each in found.listeners]
    for each in listeners:
        manager = each["filter_chains"][0]["filters"][-1]["typed_config"]
        if "rds" in manager:
            manager["route_config"] = routes[manager.pop("rds")["route_config_name"]]
    clusters = [bare(each) for each in found.clusters]
    for each in clusters:
        if each["type"] == "EDS":
            del each["eds_cluster_config"]
            each |= {"type": "STATIC", "load_assignment": assignments[each["name"]]}
    return {**made, "static_resources": {"listeners": listeners, "clusters": clusters}}


def bare(resource: dict[str, Any]) -> dict[str, Any]:
    """Without its type, and apart from the original."""
    copy: dict[str, Any] = json.loads(json.dumps(resource))
    del copy["@type"]
    return copy


def test_secrets_are_read_from_their_own_folder() -> None:
    """A rename of a route does not make Envoy read keys."""
    assert secrets.reference("identity")["sds_config"]["path_config_source"] == {
        "path": "secrets/identity.json",
        "watched_directory": {"path": "secrets"},
    }
