"""The configuration of a sidecar. Pure: no clock, no network, sorted.

What a change of the suite moves lies in files: who may call (routes), where replicas are
(endpoints), whom it may call (listeners, clusters). No change touches another connection.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from intertie.gateway import xds as gateway
from intertie.gateway.mesh import http, sockets
from intertie.gateway.mesh.layout import Doors, inbound
from intertie.gateway.mesh.policy import Member
from intertie.gateway.mesh.replies import failed_calls, local_replies, refused_calls
from intertie.gateway.xds import ADMIN_SOCKET, FILTERS, Json, T, file_source, overwrite
from intertie.identity.authority import spiffe_id
from intertie.plan import Endpoint

APP = "app"
INBOUND = "inbound"
NAMES = "names"
_NETWORK = f"{T}extensions.filters.network."
_RBAC = "envoy.filters.http.rbac"
_OWNER_ONLY = 0o600
PEER = "%DOWNSTREAM_PEER_URI_SAN%"
CALLER_HEADER = "x-forwarded-service"
"""Who calls, as an identity: for services."""


@dataclass(frozen=True, slots=True)
class Domain:
    """What a sidecar must know of the others."""

    suite: str
    doors: Mapping[str, Doors]
    members: Mapping[str, Member]

    def identity(self, name: str) -> str:
        """As it stands in certificates."""
        return spiffe_id(self.suite, name)


@dataclass(frozen=True, slots=True)
class Resources:
    """What goes into the dynamic files of one sidecar, each sorted by name."""

    listeners: tuple[Json, ...]
    clusters: tuple[Json, ...]
    endpoints: tuple[Json, ...]
    routes: tuple[Json, ...]


def bootstrap(name: str) -> Json:
    """What the sidecar of service `name` starts from."""
    return {
        "node": {"id": name, "cluster": "mesh"},
        "admin": {
            "address": {"pipe": {"path": ADMIN_SOCKET, "mode": _OWNER_ONLY}},
            "ignore_global_conn_limit": True,
        },
        "dynamic_resources": {
            "cds_config": file_source("cds"),
            "lds_config": file_source("lds"),
        },
        "stats_flush_on_admin": True,
    }


def translate(member: Member, domain: Domain, replicas: Sequence[Endpoint]) -> Resources:
    """All resources of the sidecar of `member`, whose replicas listen there now."""
    doors = domain.doors[member.name]
    egress = [domain.members[target] for target in member.targets]
    listeners = [_names(member, doors, domain), *(_egress(each, doors) for each in egress)]
    clusters = [_peer(each.name, domain) for each in egress]
    routes = [_routes_by_name(member, domain)]
    if member.is_called:
        listeners.append(_inbound(member, doors, domain))
        clusters.append(http.app_cluster(APP))
    if member.is_called and not member.is_tcp:
        routes.append(_inbound_routes(member, domain))
    return Resources(
        listeners=_sorted(listeners),
        clusters=_sorted(clusters),
        endpoints=(http.assignment(APP, replicas),) if member.is_called else (),
        routes=_sorted(routes),
    )


def egress_cluster(target: str) -> str:
    """The name of the cluster, and of the listener, that lead to a service."""
    return f"to.{target}"


def through(resources: gateway.Resources, domain: Domain) -> gateway.Resources:
    """The gateway's resources, with each service behind its sidecar.

    A sidecar knows which replicas are ready, so the gateway has one endpoint for each service.
    """
    called = {name: domain.doors[name] for name, each in domain.members.items() if each.is_called}
    clusters = tuple(
        {**each, **_secure(each["name"], domain)} if each["name"] in called else each
        for each in resources.clusters
    )
    endpoints = tuple(
        http.assignment(each["cluster_name"], [inbound(called[each["cluster_name"]])])
        if each["cluster_name"] in called
        else each
        for each in resources.endpoints
    )
    return replace(resources, clusters=clusters, endpoints=endpoints)


def _secure(target: str, domain: Domain) -> Json:
    return {"transport_socket": sockets.outbound(domain.identity(target))}


def _sorted(resources: Sequence[Json]) -> tuple[Json, ...]:
    return tuple(sorted(resources, key=lambda each: str(each["name"])))


def _inbound(member: Member, doors: Doors, domain: Domain) -> Json:
    filters = _tcp_filters(member, domain) if member.is_tcp else [_inbound_manager(member, domain)]
    made = http.listener(INBOUND, doors.inbound, filters)
    made["filter_chains"][0] |= {
        "transport_socket": sockets.inbound(domain.suite),
        "transport_socket_connect_timeout": "10s",
    }
    return made


def _tcp_filters(member: Member, domain: Domain) -> list[Json]:
    rules = {
        "@type": f"{_NETWORK}rbac.v3.RBAC",
        "rules": _rules(member, domain),
        "stat_prefix": "mesh.",
    }
    return [
        {"name": "envoy.filters.network.rbac", "typed_config": rules},
        http.tcp_proxy(INBOUND, APP, refused_calls(domain.identity(member.name), PEER)),
    ]


def _inbound_manager(member: Member, domain: Domain) -> Json:
    identity = domain.identity(member.name)
    # Denies all; who is allowed is said by the route, so that a change leaves connections alone.
    nobody = {"@type": f"{FILTERS}rbac.v3.RBAC", "rules": {"action": "ALLOW"}}
    return http.manager(
        INBOUND,
        {"rds": _from_file(INBOUND)},
        filters=[{"name": _RBAC, "typed_config": nobody}],
        more={
            # What a caller says of its own callers is no proof of anything.
            "forward_client_cert_details": "SANITIZE_SET",
            "set_current_client_cert_details": {"uri": True},
            "local_reply_config": local_replies(identity, PEER),
            "access_log": refused_calls(identity, PEER),
        },
    )


def _egress(target: Member, doors: Doors) -> Json:
    name, port = egress_cluster(target.name), doors.egress[target.name]
    if target.is_tcp:
        return http.listener(name, port, [http.tcp_proxy(name, name, [])])
    routes = {"name": name, "virtual_hosts": [http.host("*", http.to(name))]}
    more = {"local_reply_config": failed_calls()}
    return http.listener(name, port, [http.manager(name, {"route_config": routes}, more=more)])


def _names(member: Member, doors: Doors, domain: Domain) -> Json:
    logs = {"access_log": refused_calls("%ROUTE_NAME%", domain.identity(member.name))}
    manager = http.manager(NAMES, {"rds": _from_file(NAMES)}, more=logs)
    return http.listener(NAMES, doors.names, [manager])


def _peer(target: str, domain: Domain) -> Json:
    made = http.peer_cluster(egress_cluster(target), [inbound(domain.doors[target])])
    return made | _secure(target, domain)


def _inbound_routes(member: Member, domain: Domain) -> Json:
    rules = {"@type": f"{FILTERS}rbac.v3.RBACPerRoute", "rbac": {"rules": _rules(member, domain)}}
    host = {
        **http.host("*", http.to(APP)),
        "request_headers_to_add": overwrite({CALLER_HEADER: PEER}),
        "typed_per_filter_config": {_RBAC: rules},
    }
    return http.route_configuration(INBOUND, [host])


def _rules(member: Member, domain: Domain) -> Json:
    """Exact identities: a dot in a name stands for a dot. Without policies nobody is let in."""
    if not member.callers:
        return {"action": "ALLOW"}
    principals = [
        {"authenticated": {"principal_name": {"exact": domain.identity(caller)}}}
        for caller in member.callers
    ]
    declared = {"permissions": [{"any": True}], "principals": principals}
    return {"action": "ALLOW", "policies": {"declared": declared}}


def _routes_by_name(member: Member, domain: Domain) -> Json:
    """Who may not be called is refused here, and again over there, should this be passed by."""
    hosts = [
        http.host(f"{each.name}.mesh", _by_name(member, each), name=domain.identity(each.name))
        for each in domain.members.values()
        if each.is_called and not each.is_tcp and each.name != member.name
    ]
    nobody = http.answer(404, "cannot find a service of this name: ask for <service>.mesh")
    return http.route_configuration(NAMES, [*hosts, http.host("*", nobody)])


def _by_name(member: Member, target: Member) -> Json:
    if target.name in member.targets:
        return http.to(egress_cluster(target.name))
    return http.answer(
        403,
        f"cannot call {target.name} as {member.name}: it is not declared;"
        " name it in depends_on, or in mesh.allow",
    )


def _from_file(name: str) -> Json:
    return {"route_config_name": name, "config_source": file_source(f"rds.{name}")}
