"""Who may call whom: encrypted, mutually authenticated calls between services."""

from collections.abc import Collection, Iterator
from typing import Annotated, Literal

from pydantic import BeforeValidator

from intertie.suite.values import Flag, Model, Name, Period, one_or_more

Names = Annotated[
    tuple[Name, ...], BeforeValidator(one_or_more, json_schema_input_type=str | list[str])
]


class Mesh(Model):
    """Each service with a port gets a sidecar; services call each other through these only."""

    enabled: Flag = True
    """Without it services call each other directly, and unencrypted."""
    allow: dict[Name, Names] = {}
    """Who may call a service, beside those that name it in `depends_on` and the gateway's routes:
    `{orders: [reports]}` lets `reports` call `orders`."""
    tcp: Names = ()
    """Services that speak something other than HTTP or gRPC, such as a database."""
    components: tuple[
        Literal["envoy proxy", "istio control plane", "prometheus", "grafana"], ...
    ] = ()
    """What a mesh is made of elsewhere. Here sidecars are Envoys, the daemon is their control
    plane, and Prometheus and Grafana can read its metrics, without any of it being named."""
    features: tuple[
        Literal["service discovery", "load balancing", "traffic management", "security"], ...
    ] = ()
    """What services are to get; they get all of these without being named."""
    certificate_lifetime: Period = 86400.0
    """Of each service's certificate; it is renewed when half of it is over."""


def unknown_names(mesh: Mesh, services: Collection[str]) -> Iterator[tuple[str, str]]:
    """Each name that is no service, with the key that has it."""
    known = {*services, "gateway"}
    for target, callers in mesh.allow.items():
        yield from (("allow", name) for name in (target, *callers) if name not in known)
    yield from (("tcp", name) for name in mesh.tcp if name not in services)
