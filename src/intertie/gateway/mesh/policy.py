"""Who is in the mesh, and who may call whom. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from intertie.suite.mesh import Mesh
from intertie.suite.model import Suite

GATEWAY = "gateway"
"""The identity of the suite's one door."""


@dataclass(frozen=True, slots=True)
class Member:
    """A service that has a sidecar."""

    name: str
    is_called: bool
    """It has a port."""
    is_tcp: bool
    callers: tuple[str, ...]
    """Who may call it, sorted."""
    targets: tuple[str, ...]
    """Whom it may call, sorted."""


def members(suite: Suite, mesh: Mesh) -> Mapping[str, Member]:
    """By name: services that have a port, or may call one that has."""
    callers = {
        name: _callers(suite, mesh, name)
        for name, service in suite.services.items()
        if service.port is not None
    }
    found = {
        name: Member(
            name,
            is_called=name in callers,
            is_tcp=name in mesh.tcp,
            callers=tuple(sorted(callers.get(name, ()))),
            targets=tuple(sorted(other for other, allowed in callers.items() if name in allowed)),
        )
        for name in sorted(suite.services)
    }
    return {name: member for name, member in found.items() if member.is_called or member.targets}


def merged(before: Mapping[str, Member], after: Mapping[str, Member]) -> Mapping[str, Member]:
    """All rights of both, while services change from the one to the other."""
    both = {**before, **after}
    for name in before.keys() & after.keys():
        old, new = before[name], after[name]
        both[name] = replace(
            new,
            is_called=old.is_called or new.is_called,
            callers=tuple(sorted({*old.callers, *new.callers})),
            targets=tuple(sorted({*old.targets, *new.targets})),
        )
    return {name: both[name] for name in sorted(both)}


def _callers(suite: Suite, mesh: Mesh, target: str) -> set[str]:
    declared = {name for name, spec in suite.services.items() if target in spec.depends_on}
    routes = suite.gateway.routes if suite.gateway else ()
    door = {GATEWAY} if any(route.service == target for route in routes) else set[str]()
    known = {*suite.services, GATEWAY}
    return (declared | door | ({*mesh.allow.get(target, ())} & known)) - {target}
