"""Why a service is where it is, and what its last start was waiting for. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from intertie.plan import ServiceStatus, State
from intertie.runtime.history import Turn
from intertie.runtime.standing import Moment, Standing, Timing
from intertie.suite.service import Condition, Service

_RESTARTS = frozenset({State.BACKOFF, State.FAILED, State.UNHEALTHY, State.STOPPING})
_WELL = frozenset({State.RUNNING, State.COMPLETED, State.LISTENING})


@dataclass(frozen=True, slots=True)
class Need:
    """One dependency of a service, as it stands."""

    service: str
    condition: Condition
    required: bool
    met: bool
    now: str
    """Its state and the reason for it."""


@dataclass(frozen=True, slots=True)
class Leg:
    """One service on the critical path of a start."""

    service: str
    waited_s: float
    """From being asked for until it was spawned."""
    started_s: float | None
    """From spawn to ready; None while it is not ready."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """The answer to: why is this service where it is?"""

    service: str
    summary: str
    """In one sentence."""
    needs: tuple[Need, ...]
    blocked_by: tuple[str, ...]
    """From the service that holds everything up to the one asked about; empty when none does."""
    needed_by: tuple[str, ...]
    moments: Mapping[int, Sequence[Moment]]
    """The last states of each replica, oldest first."""
    health: Mapping[int, Sequence[Turn]]
    """The last changes of the health of each replica, oldest first."""
    flapping: tuple[int, ...]
    """Replicas whose health changes too often."""
    critical_path: tuple[Leg, ...]
    """Of the last start: each leg began when the one before it was ready."""


@dataclass(frozen=True, slots=True)
class View:
    """All that is told from."""

    services: Mapping[str, ServiceStatus]
    standings: Mapping[str, Sequence[Standing]]
    met: Mapping[tuple[str, Condition], bool]


def explain(view: View, name: str) -> Explanation:
    """About one of the services of the view."""
    status = view.services[name]
    standings = view.standings[name]
    needs = tuple(_needs(view, status.spec))
    blockers = _blockers(view, name)
    return Explanation(
        service=name,
        summary=_summary(status, needs, blockers),
        needs=needs,
        blocked_by=blockers,
        needed_by=tuple(o for o, each in view.services.items() if name in each.spec.depends_on),
        moments={each.index: each.moments for each in standings},
        health={each.index: each.health.turns for each in standings},
        flapping=tuple(replica.index for replica in status.replicas if replica.flapping),
        critical_path=critical_path(view, name),
    )


def critical_path(view: View, name: str) -> tuple[Leg, ...]:
    """The chain of services whose starts made this one start when it did, first one first."""
    path: list[Leg] = []
    at: str | None = name
    while at is not None:
        timing = _timing(view.standings.get(at, ()))
        if timing is None:
            break
        path.append(_leg(at, timing))
        at = _last_awaited(view, at, timing)
    return tuple(reversed(path))


def _needs(view: View, spec: Service) -> Iterator[Need]:
    for other, need in spec.depends_on.items():
        status = view.services.get(other)
        yield Need(
            service=other,
            condition=need.condition,
            required=need.required,
            met=view.met.get((other, need.condition), False),
            now=_now(status) if status else "not in the suite",
        )


def _now(status: ServiceStatus) -> str:
    worst = next((r for r in status.replicas if r.state not in _WELL), None)
    shown = worst or next(iter(status.replicas), None)
    return f"{shown.state}: {shown.reason}" if shown else "it has no replica"


def _blockers(view: View, name: str) -> tuple[str, ...]:
    """The way down from a waiting service to the one that does not wait itself."""
    path = [name]
    while view.services[path[-1]].replicas and any(
        replica.state is State.WAITING for replica in view.services[path[-1]].replicas
    ):
        spec = view.services[path[-1]].spec
        unmet = [n.service for n in _needs(view, spec) if not n.met and n.service in view.services]
        if not unmet or unmet[0] in path:
            break
        path.append(unmet[0])
    return tuple(reversed(path)) if len(path) > 1 else ()


def _summary(status: ServiceStatus, needs: Sequence[Need], blockers: Sequence[str]) -> str:
    if blockers:
        first = next(need for need in needs if not need.met)
        end = "" if blockers[0] == first.service else f"; what holds it up is {blockers[0]!r}"
        wanted = first.condition.removeprefix("service_").replace("_", " ")
        return f"waits until {first.service!r} is {wanted}, which is {first.now}{end}"
    sick = [replica for replica in status.replicas if replica.state not in _WELL]
    if not sick:
        restarts = sum(replica.restarts for replica in status.replicas)
        told = f", restarted {restarts} times by itself" if restarts else ""
        return f"{status.replicas[0].state if status.replicas else 'no replica'}{told}"
    return f"{sick[0].state}: {sick[0].reason}"


def last_restart(moments: Sequence[Moment]) -> Moment | None:
    """Why the process before the present one ended."""
    return next((m for m in reversed(moments) if m.state in _RESTARTS), None)


def _timing(standings: Sequence[Standing]) -> Timing | None:
    """Of the replica that was ready last, or is not ready."""
    begun = [s.timing for s in standings if s.timing.begun_at is not None]
    if not begun:
        return None
    return max(begun, key=lambda t: (t.ready_at is None, t.ready_at or t.begun_at))


def _leg(name: str, timing: Timing) -> Leg:
    return Leg(
        service=name,
        waited_s=_between(timing.begun_at, timing.spawned_at) or 0.0,
        started_s=_between(timing.spawned_at, timing.ready_at),
    )


def _last_awaited(view: View, name: str, timing: Timing) -> str | None:
    """The dependency that was ready last before this one was spawned."""
    ready: list[tuple[datetime, str]] = []
    for other in view.services[name].spec.depends_on:
        theirs = _timing(view.standings.get(other, ()))
        if theirs is not None and theirs.ready_at is not None and timing.begun_at is not None:
            is_awaited = theirs.ready_at >= timing.begun_at
            if is_awaited and (timing.spawned_at is None or theirs.ready_at <= timing.spawned_at):
                ready.append((theirs.ready_at, other))
    return max(ready)[1] if ready else None


def _between(start: datetime | None, end: datetime | None) -> float | None:
    return (end - start).total_seconds() if start is not None and end is not None else None
