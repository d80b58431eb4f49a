"""Standing: where one replica is in its life, and everybody who wants to know told of it."""

from collections.abc import Callable
from datetime import datetime

from intertie.plan import Replica, State


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
        self._draining = False
        self._now = now
        self._changed = changed
        self._since = now()

    def enter(self, state: State, reason: str) -> None:
        """Be in `state` from now on."""
        if state is not self.state:
            self._since = self._now()
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
        self._changed()

    def view(self) -> Replica:
        """As it is now."""
        return Replica(
            service=self.service,
            index=self.index,
            state=self.state,
            pid=self.pid,
            port=self.port if self.pid is not None else None,
            since=self._since,
            restarts=self.restarts,
            reason=self.reason,
            draining=self._draining,
        )
