"""When each certificate of a suite is made anew: at half its life, and not all at once."""

import random
from collections.abc import Callable, Collection
from datetime import datetime, timedelta

from intertie.identity.authority import Authority, Credential

# Part of a life, to both sides of its half.
_JITTER = 0.1


class Certificates:
    """The current certificate of each name."""

    def __init__(
        self,
        authority: Authority,
        *,
        lifetime_s: float,
        now: Callable[[], datetime],
        rng: random.Random | None = None,
    ) -> None:
        self._authority = authority
        self._lifetime = timedelta(seconds=lifetime_s)
        self._now = now
        self._rng = rng or random.Random()  # noqa: S311 — when, not what
        self._held: dict[str, tuple[Credential, datetime]] = {}

    @property
    def root(self) -> str:
        """By which they are checked, PEM."""
        return self._authority.root

    def current(self, name: str) -> Credential:
        """A certificate that is not to be renewed yet."""
        held = self._held.get(name)
        if held is None or held[1] <= self._now():
            held = self._held[name] = self._renewed(name)
        return held[0]

    def keep(self, names: Collection[str]) -> None:
        """Forget all others."""
        self._held = {name: held for name, held in self._held.items() if name in names}

    def due_s(self) -> float | None:
        """Until the first is to be renewed; None when there is none."""
        if not self._held:
            return None
        first = min(due for _, due in self._held.values())
        return max(0.0, (first - self._now()).total_seconds())

    def _renewed(self, name: str) -> tuple[Credential, datetime]:
        made = self._authority.issue(name, lifetime=self._lifetime)
        part = 0.5 + self._rng.uniform(-_JITTER, _JITTER)
        return made, made.made_at + (made.not_after - made.made_at) * part
