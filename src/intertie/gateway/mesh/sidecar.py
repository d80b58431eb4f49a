"""Sidecars as services of the supervisor, and what their services are told of each other."""

from collections.abc import Mapping
from pathlib import Path

from intertie.gateway.mesh.layout import LOOPBACK, Doors
from intertie.gateway.mesh.policy import Member
from intertie.runtime.engines import gateway_service
from intertie.runtime.environment import url_variable
from intertie.suite.gateway import Gateway
from intertie.suite.service import Dependency, Service

PREFIX = "mesh."
"""Before the name of a service: the name of its sidecar."""
MESH_VARIABLE = "INTERTIE_MESH_URL"


def sidecar_service(folder: Path, doors: Doors, *, envoy: Path | None = None) -> Service:
    """Envoy as a service that runs in `folder`, where `bootstrap.json` lies."""
    return gateway_service(Gateway(host=LOOPBACK, port=doors.names), folder, envoy=envoy)


def with_sidecars(
    services: Mapping[str, Service],
    doors: Mapping[str, Doors],
    folder: Path,
    *,
    envoy: Path | None = None,
) -> dict[str, Service]:
    """The services, each starting after its sidecar, and the sidecars."""
    found = {name: each for name, each in doors.items() if name in services}
    started = {
        name: _after(spec, PREFIX + name) if name in found else spec
        for name, spec in services.items()
    }
    sidecars = {
        PREFIX + name: sidecar_service(folder / name, each, envoy=envoy)
        for name, each in found.items()
    }
    return {**sidecars, **started}


def variables(
    service: str,
    urls: Mapping[str, str],
    *,
    members: Mapping[str, Member],
    doors: Mapping[str, Doors],
) -> Mapping[str, str]:
    """Where `service` finds the others: INTERTIE_URL_<NAME> and INTERTIE_MESH_URL.

    `urls` are those of all services that have a port. A member finds those it may call, through
    its own sidecar, and what is no member as before; a service without a sidecar finds no member.
    """
    own = doors.get(service)
    egress = own.egress if own else {}
    outside = {
        name: url
        for name, url in urls.items()
        if name != service and name not in members and not name.startswith(PREFIX)
    }
    inside = {name: f"http://{LOOPBACK}:{port}" for name, port in egress.items()}
    found = {url_variable(name): url for name, url in (outside | inside).items()}
    return found | ({MESH_VARIABLE: f"http://{LOOPBACK}:{own.names}"} if own else {})


def _after(spec: Service, sidecar: str) -> Service:
    needs = {**spec.depends_on, sidecar: Dependency(condition="service_healthy")}
    return spec.model_copy(update={"depends_on": needs})
