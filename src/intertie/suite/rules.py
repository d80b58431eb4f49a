"""The rules between parts of a suite. Each takes the draft and yields the faults it finds."""

import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path

from intertie.errors import Fault
from intertie.suite import graph
from intertie.suite.draft import Draft
from intertie.suite.gateway_files import countries_are_known, gateway_files
from intertie.suite.nearest import did_you_mean
from intertie.suite.route import Route
from intertie.suite.service import Service
from intertie.suite.streams import Stream
from intertie.suite.tree import Keys

RESERVED = ("api", "bus", "gateway", "gateway.identity", "gateway.cache")
"""Names of what Intertie itself runs beside the services."""


def reserved_names(draft: Draft) -> Iterator[Fault]:
    """No service takes the name of a part of Intertie."""
    for name in RESERVED:
        if name in draft.names:
            why = f"`{name}` is a name Intertie keeps for its own part"
            yield draft.fault(("services", name), why, "give the service another name")
    for name in draft.gateway.external if draft.gateway else ():
        if name in draft.names or name in RESERVED or name.startswith("intertie."):
            why = f"`{name}` is the name of a service, or of a part of Intertie"
            yield draft.fault(("gateway", "external", name), why, "give it another name")


def url_variables(draft: Draft) -> Iterator[Fault]:
    """Each service with a port is found by others under a variable of its own."""
    taken: dict[str, str] = {}
    for name, service in draft.services.items():
        variable = "INTERTIE_URL_" + re.sub(r"[^A-Z0-9]", "_", name.upper())
        first = taken.setdefault(variable, name) if service.port is not None else name
        if first != name:
            why = f"others would find it as {variable}, as they do `{first}`"
            yield draft.fault(("services", name), why, "give one of them another name")


def dependencies(draft: Draft) -> Iterator[Fault]:
    """A dependency exists, can come true, and is started whenever its dependent is."""
    for name, service in draft.services.items():
        for other, dependency in service.depends_on.items():
            keys = ("services", name, "depends_on", other)
            if other not in draft.names:
                if dependency.required:
                    yield _unknown(draft, keys, other)
            elif other in draft.services:
                yield from _condition(draft, keys, other, dependency.condition)
                if dependency.required:
                    yield from _profiles(draft, keys, service, other)


def _unknown(draft: Draft, keys: Keys, name: str) -> Fault:
    return draft.fault(keys, f"no service is called {name!r}", did_you_mean(name, draft.names))


def _condition(draft: Draft, keys: Keys, other: str, condition: str) -> Iterator[Fault]:
    service = draft.services[other]
    if (
        condition == "service_healthy"
        and service.healthcheck is None
        and not draft.says("services", other, "healthcheck")
    ):
        why = f"`{other}` can never be service_healthy: it has no healthcheck"
        yield draft.fault(keys, why, f"give `{other}` one, or wait for service_started")
    lacks_line = service.ready_log_line is None
    if (
        condition == "service_log_ready"
        and lacks_line
        and not draft.says("services", other, "ready_log_line")
    ):
        why = f"`{other}` can never be service_log_ready: it has no ready_log_line"
        yield draft.fault(keys, why, f"give `{other}` one, or wait for service_started")
    forever = service.restart.policy in {"always", "unless-stopped"}
    if condition.startswith("service_completed") and forever:
        why = f"`{other}` never completes: its restart policy is {service.restart.policy}"
        yield draft.fault(keys, why)


def _profiles(draft: Draft, keys: Keys, service: Service, other: str) -> Iterator[Fault]:
    needed = draft.services[other].profiles
    if needed and not (service.profiles and set(service.profiles) <= set(needed)):
        when = "always" if not service.profiles else f"with {' or '.join(service.profiles)}"
        why = f"`{other}` starts only with profile {' or '.join(needed)}, its dependent {when}"
        yield draft.fault(keys, why)


def cycles(draft: Draft) -> Iterator[Fault]:
    """No service waits, in the end, for itself."""
    needs = {name: service.depends_on for name, service in draft.services.items()}
    for cycle in graph.cycles(needs):
        keys = ("services", cycle[0], "depends_on", cycle[1])
        yield draft.fault(keys, f"services wait for each other: {' → '.join(cycle)}")


def fixed_ports(draft: Draft) -> Iterator[Fault]:
    """Nobody takes a port that another one has."""
    taken: dict[int, list[tuple[Keys, tuple[str, ...]]]] = {}
    for keys, port, profiles in _fixed_ports(draft):
        others = taken.setdefault(port, [])
        for first, its_profiles in others:
            if not profiles or not its_profiles or set(profiles) & set(its_profiles):
                place = draft.where[first] if draft.where.has(first) else "its default"
                name = ".".join(map(str, first))
                yield draft.fault(keys, f"port {port} is already that of `{name}` ({place})")
                break
        others.append((keys, profiles))


def _fixed_ports(draft: Draft) -> Iterator[tuple[Keys, int, tuple[str, ...]]]:
    if draft.gateway and isinstance(draft.gateway.port, int):
        yield ("gateway", "port"), draft.gateway.port, ()
    if isinstance(draft.api.port, int):
        yield ("api", "port"), draft.api.port, ()
    if draft.gateway and draft.gateway.tls and draft.gateway.tls.redirect_http:
        yield ("gateway", "tls", "redirect_http"), draft.gateway.tls.redirect_http, ()
    yield from _stream_ports(draft)
    for name, service in draft.services.items():
        if isinstance(service.port, int):
            yield ("services", name, "port"), service.port, service.profiles


def policies(draft: Draft) -> Iterator[Fault]:
    """The policy that routes ask is there, and where it is asked somebody listens."""
    wanted = draft.gateway.security.external_authorization if draft.gateway else None
    if wanted is not None:
        keys: Keys = ("gateway", "security", "external_authorization", "service")
        yield from _target(draft, keys, wanted.service)
    elif draft.gateway and not draft.says("gateway", "security", "external_authorization"):
        shared = {("gateway", "routes", index): route for index, route in draft.routes.items()}
        for keys, route in (*shared.items(), *draft.tenant_routes.items()):
            if route.external_auth:
                why = "there is no `security.external_authorization` to be asked"
                yield draft.fault((*keys, "external_auth"), why)


def _stream_ports(draft: Draft) -> Iterator[tuple[Keys, int, tuple[str, ...]]]:
    """Those of TLS share one; those of UDP are others."""
    shared: set[int] = set()
    for index, stream in enumerate(draft.gateway.streams if draft.gateway else ()):
        is_shared = stream.protocol == "tls" and stream.port in shared
        if stream.protocol != "udp" and not is_shared:
            yield ("gateway", "streams", index, "port"), stream.port, ()
        if stream.protocol == "tls":
            shared.add(stream.port)


def streams(draft: Draft) -> Iterator[Fault]:
    """A stream leads to a service that listens, and no two streams want the same connections."""
    taken: set[tuple[object, ...]] = set()
    for index, stream in enumerate(draft.gateway.streams if draft.gateway else ()):
        keys: Keys = ("gateway", "streams", index)
        yield from _listens(draft, (*keys, "service"), stream.service)
        yield from _unfit(draft, keys, stream)
        wanted = {(stream.port, stream.protocol, host) for host in stream.hosts or ("",)}
        if stream.protocol != "tcp" and taken & wanted:
            why = "another stream has the same port, and the same hosts"
            yield draft.fault((*keys, "port"), why)
        taken |= wanted


def _unfit(draft: Draft, keys: Keys, stream: Stream) -> Iterator[Fault]:
    gateway = draft.gateway
    if gateway is None:
        return
    guard = gateway.security.addresses
    if guard.countries or guard.denied_countries:
        yield draft.fault(keys, "`security.addresses` has countries, which streams cannot look at")


def routes(draft: Draft) -> Iterator[Fault]:
    """A route leads to a service that listens, and no two routes want the same request."""
    taken: dict[tuple[str, str], Keys] = {}
    shared = {("gateway", "routes", index): route for index, route in draft.routes.items()}
    for keys, route in (*shared.items(), *draft.tenant_routes.items()):
        yield from _targets(draft, keys, route)
        clash = [taken[want] for want in wants(route) if want in taken]
        if clash:
            why = f"the same requests already have a route ({draft.where[*clash[0], 'path']})"
            yield draft.fault((*keys, "path"), why)
        taken |= dict.fromkeys((w for w in wants(route) if w not in taken), keys)


def _targets(draft: Draft, keys: Keys, route: Route) -> Iterator[Fault]:
    named: list[tuple[Keys, str]] = [(("service",), route.service)] if route.service else []
    named += [(("split", index, "service"), part.service) for index, part in enumerate(route.split)]
    if route.mirror:
        named.append((("mirror", "service"), route.mirror.service))
    for way, name in named:
        yield from _target(draft, (*keys, *way), name)


def _target(draft: Draft, keys: Keys, name: str) -> Iterator[Fault]:
    if name in (draft.gateway.external if draft.gateway else {}):
        return
    yield from _listens(draft, keys, name)


def _listens(draft: Draft, keys: Keys, name: str) -> Iterator[Fault]:
    if name not in draft.names:
        yield _unknown(draft, keys, name)
    elif _lacks_port(draft, name):
        why = f"`{name}` has no port to send requests to"
        yield draft.fault(keys, why, "give it `port: auto`")


def _lacks_port(draft: Draft, name: str) -> bool:
    service = draft.services.get(name)
    says = draft.says("services", name, "port")
    return service is not None and service.port is None and not says


def wants(route: Route) -> list[tuple[str, str]]:
    """The requests of a route: a named segment's name makes no difference, GET answers HEAD too."""
    path = re.sub(r"\{[^/]*\}", "{}", route.path.rstrip("/"))
    asked = repr((route.exact, route.hosts, route.headers, route.query, route.cookies))
    head = {"HEAD"} if "GET" in route.methods else set[str]()
    return [(path + asked, method) for method in sorted({*route.methods} | head)]


def documents(draft: Draft) -> Iterator[Fault]:
    """OpenAPI documents are there, and lead to a service that listens."""
    for index, wanted in enumerate(draft.gateway.openapi if draft.gateway else ()):
        keys: Keys = ("gateway", "openapi", index)
        yield from _target(draft, (*keys, "service"), wanted.service)
        path = draft.folder / wanted.file
        if not path.is_file():
            yield draft.fault((*keys, "file"), f"there is no file {path}")


def files(draft: Draft) -> Iterator[Fault]:
    """Folders and files that services name are there."""
    for name, service in draft.services.items():
        keys: Keys = ("services", name)
        folder = draft.folder / (service.working_dir or "")
        if not folder.is_dir():
            yield draft.fault((*keys, "working_dir"), f"there is no folder {folder}")
        for index, file in enumerate(service.env_file):
            if not (draft.folder / file).is_file():
                at = (*keys, "env_file", index)
                at = at if draft.where.has(at) else at[:-1]
                yield draft.fault(at, f"there is no file {draft.folder / file}")
        yield from _program(draft, (*keys, "command"), folder, service.command[0])


def _program(draft: Draft, keys: Keys, folder: Path, program: str) -> Iterator[Fault]:
    """A program of the suite's own; those of the machine are looked for at the start."""
    path = folder / program
    own = "/" in program and path.resolve().is_relative_to(draft.folder.resolve())
    if own and folder.is_dir() and not os.access(path, os.X_OK):
        why = "it is not executable" if path.exists() else "there is no such file"
        yield draft.fault(keys, f"cannot run {path}: {why}")


Rule = Callable[[Draft], Iterator[Fault]]
ALL: tuple[Rule, ...] = (
    reserved_names,
    url_variables,
    dependencies,
    cycles,
    fixed_ports,
    routes,
    streams,
    policies,
    documents,
    files,
    gateway_files,
    countries_are_known,
)
