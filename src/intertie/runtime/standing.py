"""Standing: where one replica is in its life, and everybody who wants to know told of it."""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from intertie.plan import Replica, State
from intertie.runtime.history import HealthHistory
from intertie.trace_context import TraceContext

_MOST_MOMENTS = 50


@dataclass(frozen=True, slots=True)
class Moment:
    """When a replica entered a state, and why."""

    at: datetime
    state: State
    reason: str


@dataclass(slots=True)
class Timing:
    """The steps of the last start; None for those not reached."""

    begun_at: datetime | None = None
    """Asked to start; waits for what it depends on."""
    spawned_at: datetime | None = None
    ready_at: datetime | None = None


class Standing:
    """The mutable side of `plan.Replica`. Written by its replica's own task only."""

    def __init__(
        self,
        service: str,
        index: int,
        *,
        now: Callable[[], datetime],
        changed: Callable[[], None],
    ) -> None:
        self.service = service
        self.index = index
        self.state = State.STOPPED
        self.reason = "not started"
        self.pid: int | None = None
        self.port: int | None = None
        """Kept from start to start, so that those who know it need not learn another."""
        self.restarts = 0
        self.timing = Timing()
        self.health = HealthHistory()
        self.asked_in: TraceContext | None = None
        """Where it was asked to stop the last time."""
        self._draining = False
        self._now = now
        self._changed = changed
        self._since = now()
        self._moments: deque[Moment] = deque(maxlen=_MOST_MOMENTS)

    @property
    def moments(self) -> Sequence[Moment]:
        """The last states it went through, oldest first."""
        return tuple(self._moments)

    def begin(self, state: State, reason: str) -> None:
        """A new life on request: counts and times start anew, the history goes on."""
        self.restarts = 0
        self.timing = Timing(begun_at=self._now())
        self.enter(state, reason)

    def enter(self, state: State, reason: str) -> None:
        """Be in `state` from now on."""
        if state is not self.state:
            self._since = self._now()
            self._moments.append(Moment(self._since, state, reason))
            if state in {State.RUNNING, State.LISTENING} and self.timing.ready_at is None:
                self.timing.ready_at = self._since
        self.state = state
        self.reason = reason
        self._changed()

    def drain(self) -> None:
        """Get no new requests, until the process is gone."""
        self._draining = True
        self._changed()

    def has_process(self, pid: int | None) -> None:
        """A process was started, or (None) nothing is left of it."""
        self.pid = pid
        self._draining = False
        if pid is not None:
            self.timing.spawned_at = self._now()
            self.timing.ready_at = None
        self._changed()

    def view(self) -> Replica:
        """As it is now."""
        is_held = self.pid is not None or self.state is State.LISTENING
        return Replica(
            service=self.service,
            index=self.index,
            state=self.state,
            pid=self.pid,
            port=self.port if is_held else None,
            since=self._since,
            restarts=self.restarts,
            reason=self.reason,
            draining=self._draining,
            flapping=self.health.is_flapping(self._now()),
        )
