"""The difference between what is wanted and what is. Pure: no clock, no I/O.

`Snapshot` is what the supervisor sees now, `Plan` the ordered steps from there to the suite.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Literal

from intertie.suite.model import Service


class State(StrEnum):
    """Where a replica is in its life."""

    STOPPED = "stopped"
    WAITING = "waiting"
    """For the conditions of `depends_on`."""
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
            if replica.port is not None and replica.state is State.RUNNING and not replica.draining
        )


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything the supervisor knows, at one moment."""

    services: Mapping[str, ServiceStatus]


Action = Literal["start", "stop", "restart", "replace", "remove", "scale"]


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
