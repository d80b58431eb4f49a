"""The health of everything, in the words of the health JSON."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from intertie.plan import ServiceStatus, Snapshot, State
from intertie.runtime.component import Status

# A replica that is on its way, or ended as it should, is no outage.
_GOOD = frozenset({State.RUNNING, State.COMPLETED, State.LISTENING})
_ON_ITS_WAY = frozenset({State.WAITING, State.STARTING, State.STOPPING, State.BACKOFF})


@dataclass(frozen=True, slots=True)
class ServiceHealth:
    """One service of the report; `error` says what is wrong when it is not UP."""

    status: Status
    dependencies: Mapping[str, Status]
    error: str | None


@dataclass(frozen=True, slots=True)
class Report:
    """The health JSON."""

    status: Status
    timestamp: datetime
    services: Mapping[str, ServiceHealth]
    addresses: Mapping[str, str]


def status_of(service: ServiceStatus) -> Status:
    """UP when every replica is good, DEGRADED while some are or all are on their way, else DOWN."""
    states = [replica.state for replica in service.replicas]
    if any(replica.flapping for replica in service.replicas):
        return Status.DEGRADED
    if states and all(state in _GOOD for state in states):
        return Status.UP
    if not service.spec.autostart and set(states) == {State.STOPPED}:
        return Status.UP  # it runs on request only
    if any(state in _GOOD or state in _ON_ITS_WAY for state in states):
        return Status.DEGRADED
    return Status.DOWN


@dataclass(frozen=True, slots=True)
class Health:
    """Makes reports from what the supervisor sees; asks nobody, so it answers at once."""

    snapshot: Callable[[], Snapshot]
    addresses: Callable[[], Mapping[str, str]]
    drifted: Callable[[], Mapping[str, str]] = dict
    """Services whose machine is not as they declared, and why."""

    def report(self) -> Report:
        """Everything now. The suite is as well as its worst service."""
        found = self.snapshot().services
        drifted = self.drifted()
        statuses = {
            name: worst([status_of(service), *([Status.DEGRADED] if name in drifted else [])])
            for name, service in found.items()
        }
        services = {
            name: ServiceHealth(
                status=statuses[name],
                dependencies={
                    other: statuses[other] for other in service.spec.depends_on if other in statuses
                },
                error=_error(service, drifted) if statuses[name] is not Status.UP else None,
            )
            for name, service in found.items()
        }
        return Report(worst(statuses.values()), datetime.now(UTC), services, self.addresses())


def worst(statuses: Iterable[Status]) -> Status:
    """DOWN before DEGRADED before UP; UP when there is nothing to be sick."""
    present = set(statuses)
    return next((s for s in (Status.DOWN, Status.DEGRADED) if s in present), Status.UP)


def _error(service: ServiceStatus, drifted: Mapping[str, str]) -> str:
    if status_of(service) is Status.UP:
        return drifted[service.name]
    flapping = next((r for r in service.replicas if r.flapping), None)
    if flapping is not None:
        return f"flapping: {flapping.reason}"
    sick = next((r for r in service.replicas if r.state not in _GOOD), None)
    return f"{sick.state}: {sick.reason}" if sick else "it has no replica"
