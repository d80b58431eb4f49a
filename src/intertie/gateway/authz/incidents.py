"""Refusals as others want to hear of them: who ran out of what, and whom the door turned away.

One client that is refused a thousand times in a minute is one incident with a count.
"""

from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass
from secrets import token_hex
from time import monotonic
from typing import Literal

from pydantic import Field

from intertie.suite.values import Model

EVENTS = "/events"
"""Of the authorizer: what it has to tell, from a number on (`?after=`)."""
MAX_KEPT = 1000
MAX_KNOWN = 10_000
MAX_TEXT = 256
PERIOD_S = 60.0
Kind = Literal["quota", "auth"]
_AUTH = frozenset({401, 403})


class Incident(Model):
    """Refusals of one client by one policy, within a minute."""

    number: int
    kind: Kind
    client: str
    """As `Principal.client` tells it; an address where nobody is known."""
    tenant: str
    policy: str
    code: str
    route: str
    """Of the first of them."""
    count: int


class Incidents(Model):
    """What is told at once."""

    run: str
    """Numbers begin anew with another one."""
    incidents: tuple[Incident, ...] = Field(default=())


@dataclass(frozen=True, slots=True)
class About:
    """Whom and what a refusal is about."""

    kind: Kind
    client: str
    tenant: str
    policy: str
    code: str


@dataclass(slots=True)
class _Open:
    route: str
    told_s: float
    count: int = 0


class IncidentBook:
    """Remembers so many that nobody has read; older ones are lost.

    The first refusal is told at once, and what follows it with the next minute.
    """

    def __init__(
        self, *, now_s: Callable[[], float] = monotonic, max_known: int = MAX_KNOWN
    ) -> None:
        self._now_s = now_s
        self._max = max_known
        self._run = token_hex(8)
        self._number = 0
        self._open: OrderedDict[About, _Open] = OrderedDict()
        self._kept: deque[Incident] = deque(maxlen=MAX_KEPT)

    def seen(self, about: About, route: str) -> None:
        """One more."""
        known = self._open.get(about)
        if known is None:
            known = self._open[about] = _Open(route, -PERIOD_S + self._now_s())
            if len(self._open) > self._max:
                self._tell(*self._open.popitem(last=False))
        known.count += 1
        self._tell_if_due(about, known)

    def after(self, number: int) -> Incidents:
        """Those with a greater number, the oldest first."""
        now_s = self._now_s()
        for about, known in list(self._open.items()):
            self._tell_if_due(about, known)
            if now_s - known.told_s >= PERIOD_S:
                del self._open[about]
        found = tuple(each for each in self._kept if each.number > number)
        return Incidents(run=self._run, incidents=found)

    def _tell_if_due(self, about: About, known: _Open) -> None:
        now_s = self._now_s()
        if known.count and now_s - known.told_s >= PERIOD_S:
            self._tell(about, known)
            known.told_s = now_s

    def _tell(self, about: About, known: _Open) -> None:
        if not known.count:
            return
        self._number += 1
        self._kept.append(
            Incident(
                number=self._number,
                kind=about.kind,
                client=about.client[:MAX_TEXT],
                tenant=about.tenant[:MAX_TEXT],
                policy=about.policy[:MAX_TEXT],
                code=about.code,
                route=known.route[:MAX_TEXT],
                count=known.count,
            )
        )
        known.count = 0


def kind_of(status: int, code: str) -> Kind | None:
    """What a refusal is; None is nothing that others want to hear of."""
    if code == "rate_limited":
        return "quota"
    # Who shows nothing was not refused anything yet: browsers and scanners do so all the time.
    return "auth" if status in _AUTH and code not in {"no_credentials", "unknown_route"} else None
