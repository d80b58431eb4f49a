"""What recovery sees of a service. Pure: from a snapshot."""

from collections.abc import Callable, Collection, Iterator

from intertie.automation.ladder import Condition, Seen
from intertie.plan import ServiceStatus, Snapshot, State

_SICK = frozenset({State.FAILED, State.UNHEALTHY, State.BACKOFF})
_WORST_FIRST: tuple[tuple[Condition, Collection[State]], ...] = (
    (Condition.FAILED, {State.FAILED}),
    (Condition.STOPPED, {State.STOPPED}),
    (Condition.LOOPING, {State.BACKOFF}),
    (Condition.DOWN, {State.UNHEALTHY}),
    (Condition.COMING, {State.WAITING, State.STARTING, State.STOPPING}),
)


def see(snapshot: Snapshot, name: str, *, is_in_care: Callable[[str], bool]) -> Seen:
    """How a service is. One that is not well waits while something it needs is in care itself."""
    seen = look(snapshot.services[name])
    if seen.condition in {Condition.WELL, Condition.STOPPED}:
        return seen
    others = [other for other in _needed(snapshot, name) if not _is_well(snapshot, other)]
    for other in others:
        if is_in_care(other):
            return Seen(Condition.COMING, f"it needs {other!r}, which is being recovered")
    sick = (other for other in others if _is_sick(snapshot.services[other]))
    return Seen(seen.condition, seen.why, next(sick, None))


def look(status: ServiceStatus) -> Seen:
    """How it is by itself: as its worst replica."""
    for condition, states in _WORST_FIRST:
        for replica in status.replicas:
            if replica.state in states:
                return Seen(condition, replica.reason)
    return Seen(Condition.WELL)


def _is_well(snapshot: Snapshot, name: str) -> bool:
    return look(snapshot.services[name]).condition is Condition.WELL


def _is_sick(status: ServiceStatus) -> bool:
    return any(replica.state in _SICK for replica in status.replicas)


def _needed(snapshot: Snapshot, name: str) -> Iterator[str]:
    """Everything it depends on, in the end; each after what it depends on itself."""
    done = {name}

    def below(one: str) -> Iterator[str]:
        for other in snapshot.services[one].spec.depends_on:
            if other in snapshot.services and other not in done:
                done.add(other)
                yield from below(other)
                yield other

    return below(name)
