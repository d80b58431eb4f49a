"""The difference between what is wanted and what is. Pure: no clock, no I/O.

`Snapshot` is what the supervisor sees now, `Plan` the ordered steps from there to the suite.
"""

import json
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Literal, TypedDict, cast

from intertie.suite import graph
from intertie.suite.service import Service


class State(StrEnum):
    """Where a replica is in its life."""

    STOPPED = "stopped"
    WAITING = "waiting"
    """For the conditions of `depends_on`."""
    LISTENING = "listening"
    """Its port is held open; the first connection starts it."""
    STARTING = "starting"
    """Spawned, not yet ready."""
    RUNNING = "running"
    """Ready: healthy where it has a health check, spawned otherwise."""
    UNHEALTHY = "unhealthy"
    """Was ready; its health check fails now."""
    STOPPING = "stopping"
    BACKOFF = "backoff"
    """Ended; will be started again after a delay."""
    COMPLETED = "completed"
    """Ended with exit code 0 and is not to be started again."""
    FAILED = "failed"
    """Ended or could not start, and is given up."""


_REACHABLE = frozenset({State.RUNNING, State.LISTENING})


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a replica accepts connections."""

    host: str
    port: int


@dataclass(frozen=True, slots=True)
class Replica:
    """One replica as it is now."""

    service: str
    index: int
    state: State
    pid: int | None
    port: int | None
    since: datetime
    """When it entered `state`."""
    restarts: int
    """Restarts by itself since it was last started on request."""
    reason: str
    """Why it is in this state, for a person."""
    draining: bool = False
    """About to be stopped: must get no new requests."""
    flapping: bool = False
    """Its health changed too often of late to be believed."""


@dataclass(frozen=True, slots=True)
class ServiceStatus:
    """A service as it is now; `spec` is what its replicas were started from."""

    name: str
    spec: Service
    replicas: tuple[Replica, ...]

    @property
    def endpoints(self) -> tuple[Endpoint, ...]:
        """Replicas that may get requests, by index."""
        return tuple(
            Endpoint("127.0.0.1", replica.port)
            for replica in self.replicas
            if replica.port is not None and replica.state in _REACHABLE and not replica.draining
        )


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything the supervisor knows, at one moment."""

    services: Mapping[str, ServiceStatus]


Action = Literal["start", "stop", "restart", "replace", "remove", "scale", "reload", "run"]


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to do to one service; `why` names each difference, for a person."""

    action: Action
    service: str
    why: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """Steps in the order they are begun; empty when nothing differs."""

    steps: tuple[Step, ...]


class StepDict(TypedDict):
    """A step as JSON."""

    action: Action
    service: str
    why: list[str]


class PlanDict(TypedDict):
    """A plan as JSON."""

    steps: list[StepDict]


def order(services: Mapping[str, Service]) -> tuple[tuple[str, ...], ...]:
    """Names in layers, each started after those before it. Raises ValueError on a cycle.

    Dependencies that are not among `services` are passed over.
    """
    return graph.layers(_needs(services))


def cycle(services: Mapping[str, Service]) -> tuple[str, ...] | None:
    """The first way from a service back to itself, `("a", "b", "a")`; None when there is none."""
    return next(iter(graph.cycles(_needs(services))), None)


def dependents(services: Mapping[str, Service], name: str) -> tuple[str, ...]:
    """All that need a service, directly or through others, in the order to stop them."""
    found = {name}
    layers = order(services)
    for layer in layers:
        found |= {other for other in layer if found & services[other].depends_on.keys()}
    names = (other for layer in reversed(layers) for other in layer)
    return tuple(other for other in names if other in found and other != name)


def active(services: Mapping[str, Service], profiles: Collection[str]) -> dict[str, Service]:
    """The services that are started when these profiles are active."""
    wanted = set(profiles)
    return {
        name: service
        for name, service in services.items()
        if not service.profiles or wanted & set(service.profiles)
    }


def diff(current: Snapshot, wanted: Mapping[str, Service]) -> Plan:
    """The steps from what is to what is wanted: removals first, dependents before what they need.

    Then, dependencies first, whatever is not as wanted. A service that is running, on its way
    there, or completed, and whose spec is the same, gets no step.
    """
    gone = {n: status.spec for n, status in current.services.items() if n not in wanted}
    steps = [
        Step("remove", name, ("no longer in the suite",))
        for layer in reversed(order(gone))
        for name in layer
    ]
    for layer in order(wanted):
        for name in layer:
            steps += _steps(name, current.services.get(name), wanted[name])
    return Plan(tuple(steps))


def describe(plan: Plan) -> tuple[str, ...]:
    """The plan for a person, a line for each step and each reason."""
    if not plan.steps:
        return ("nothing to do: the suite is as the file says",)
    return tuple(_lines(plan))


def as_dict(plan: Plan) -> PlanDict:
    """The plan as JSON values."""
    steps = [StepDict(action=s.action, service=s.service, why=[*s.why]) for s in plan.steps]
    return PlanDict(steps=steps)


_SIGN: Mapping[Action, str] = {"start": "+", "remove": "-", "stop": "-"}
_DOWN = {State.STOPPED, State.STOPPING, State.FAILED}
_PRIVATE = re.compile(r"pass|pwd|secret|token|key|credential|auth|dsn|private|salt", re.IGNORECASE)
_USERINFO = re.compile(r"(://[^/\s:@]*:)[^/\s@]*@")
_MAX_SHOWN = 80


def _lines(plan: Plan) -> Iterator[str]:
    for step in plan.steps:
        yield f"{_SIGN.get(step.action, '~')} {step.action} {step.service}"
        yield from (f"    {why}" for why in step.why)


def _needs(services: Mapping[str, Service]) -> dict[str, tuple[str, ...]]:
    return {name: tuple(service.depends_on) for name, service in services.items()}


def _steps(name: str, now: ServiceStatus | None, wanted: Service) -> Iterator[Step]:
    if now is None:
        if wanted.autostart:
            yield Step("start", name, ("new in the suite",))
        return
    changes = tuple(_changes(now.spec, wanted))
    count = len(now.replicas)
    if changes:
        yield Step("replace", name, changes)
        return
    if count == 0:
        yield Step("start", name, ("not started",))
        return
    if count != wanted.replicas and not _is_scaled_by_load(count, wanted):
        yield Step("scale", name, (f"replicas: {count} → {wanted.replicas}",))
    if not wanted.autostart:
        return
    kept = (replica for replica in now.replicas if replica.index < wanted.replicas)
    down = tuple(_reason(replica) for replica in kept if replica.state in _DOWN)
    if down:
        yield Step("start", name, down)


def _is_scaled_by_load(count: int, wanted: Service) -> bool:
    rule = wanted.autoscale
    return rule is not None and rule.min <= count <= rule.max


def _reason(replica: Replica) -> str:
    why = f": {replica.reason}" if replica.reason else ""
    return f"replica {replica.index} is {replica.state}{why}"


def _changes(old: Service, new: Service) -> Iterator[str]:
    """Every key that differs, `replicas` aside, as `key: old → new`; defaults are `none`."""
    before, after = (
        dict(_flat("", spec.model_dump(mode="json", exclude_defaults=True))) for spec in (old, new)
    )
    for key in sorted(before.keys() | after.keys()):
        if before.get(key) != after.get(key) and key != "replicas":
            yield f"{key}: {_shown(key, before.get(key))} → {_shown(key, after.get(key))}"


def _flat(key: str, value: object) -> Iterator[tuple[str, object]]:
    if isinstance(value, dict) and value:
        for name, item in cast("dict[str, object]", value).items():
            yield from _flat(f"{key}.{name}" if key else name, item)
    else:
        yield key, value


def _shown(key: str, value: object) -> str:
    """A value for people: nothing that looks like a secret, and no more than a line of it."""
    if value is None:
        return "none"
    kind, _, name = key.partition(".")
    if kind == "environment" and _PRIVATE.search(name) and "${secret:" not in str(value):
        return "(hidden)"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    text = _USERINFO.sub(r"\1…@", text)
    return text if len(text) <= _MAX_SHOWN else f"{text[:_MAX_SHOWN]}…"
