"""Who has signed in to the admin page.

A cookie goes to every port of a host, so one of `Path=/` would reach each service of the suite
that a browser visits on this machine (RFC 6265, 8.5). Ours is bound to a path that nobody can
guess, and worth nothing without it; the key that was shown stays in this process.
"""

import hmac
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from time import monotonic

COOKIE = "intertie-admin"
LIFETIME_S = 8 * 3600.0
IDLE_S = 1800.0
_MOST = 64


@dataclass(slots=True)
class Session:
    """One browser's."""

    authorization: str = field(repr=False)
    """As the management API would be shown it."""
    door: str = field(repr=False)
    """The part of the path."""
    number: str = field(repr=False)
    """In the cookie."""
    mark: str = field(repr=False)
    """In each form of ours."""
    began: float
    seen: float

    def marks(self, told: str) -> bool:
        """Whether a form is of this session's pages."""
        return hmac.compare_digest(told.encode(), self.mark.encode())


class Sessions:
    """All of one daemon, in memory; with too many, the one longest not seen ends."""

    def __init__(self, now: Callable[[], float] = monotonic) -> None:
        self._now = now
        self._by_door: dict[str, Session] = {}

    def begin(self, authorization: str) -> Session:
        """For who has shown something good."""
        now = self._now()
        for session in [each for each in self._by_door.values() if self._is_over(each, now)]:
            self.end(session)
        if len(self._by_door) >= _MOST:
            self.end(min(self._by_door.values(), key=lambda each: each.seen))
        door, number, mark = (secrets.token_urlsafe(24) for _ in range(3))
        session = Session(authorization, door, number, mark, now, now)
        self._by_door[door] = session
        return session

    def find(self, door: str, number: str) -> Session | None:
        """That of a path and a cookie."""
        session = self._by_door.get(door)
        if session is None or not hmac.compare_digest(number.encode(), session.number.encode()):
            return None
        now = self._now()
        if self._is_over(session, now):
            self.end(session)
            return None
        session.seen = now
        return session

    def end(self, session: Session) -> None:
        """It opens nothing any longer."""
        self._by_door.pop(session.door, None)

    def _is_over(self, session: Session, now: float) -> bool:
        return now - session.began > LIFETIME_S or now - session.seen > IDLE_S
