"""The status page: who may see it, and what it is made of."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Generic, TypeVar

from anyio import Lock

from intertie.control.actor import Actor
from intertie.control.health import Health
from intertie.errors import NotFoundError, StoreError
from intertie.runtime.component import Status
from intertie.suite.model import Suite
from intertie.suite.status_page import StatusPage

if TYPE_CHECKING:  # needed by suites that are monitored only
    from intertie.control.monitoring import Watching
    from intertie.monitor.status_page import History, StatusReport

    Since = Mapping[str, datetime | None]

T = TypeVar("T")

_HISTORY_S = 60.0
_SINCE_S = 10.0
_NONE = (
    "cannot show a status page: this suite declares none; write `status_page: {}` below"
    " `monitoring:` of its file, then `intertie apply`"
)
_NO_HISTORY = "What was measured cannot be read now; states and incidents are as they are."


class Remembered(Generic[T]):
    """An answer that everybody gets for a while, so that many who ask cost no more than one."""

    def __init__(self, for_s: float) -> None:
        self._for_s = for_s
        self._kept: tuple[datetime, object, T] | None = None
        self._one = Lock()

    async def get(self, make: Callable[[], Awaitable[T]], now: datetime, about: object = None) -> T:
        """The last one, or a new one where that is too old or about something else."""
        async with self._one:
            kept = self._kept
            if kept is None or kept[1] != about or not self._is_fresh(kept[0], now):
                kept = self._kept = (now, about, await make())
            return kept[2]

    def _is_fresh(self, made_at: datetime, now: datetime) -> bool:
        return 0 <= (now - made_at).total_seconds() < self._for_s


@dataclass(frozen=True, slots=True)
class StatusPageControl:
    """Who has no key sees it only where the suite file says so."""

    suite: Callable[[], Suite] | None = None
    health: Health | None = None
    now_watching: "Callable[[], Watching | None]" = lambda: None
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    _history: "Remembered[History]" = field(default_factory=lambda: Remembered(_HISTORY_S))
    _since: "Remembered[Since]" = field(default_factory=lambda: Remembered(_SINCE_S))

    async def report(self, actor: Actor) -> "StatusReport":
        """Raises NotFoundError where none is declared, AccessDeniedError to those it is not for."""
        from intertie.monitor import status_page as made  # noqa: PLC0415

        suite, declared = self._declared(actor)
        now, states = self.now(), self._states()
        names = declared.named or tuple(suite.services)
        statuses = {name: states.get(name, Status.DOWN) for name in names}
        unwell = tuple(name for name in names if statuses[name] is not Status.UP)
        measured = await self._measured(unwell, now)
        history, since = measured or ({}, {})
        services = tuple(
            made.service_status(name, statuses[name], history.get(name, {}), now) for name in names
        )
        return made.StatusReport(
            title=declared.title,
            status=made.worst(statuses.values()),
            at=now,
            services=services,
            incidents=tuple(made.OpenIncident(name, since.get(name)) for name in unwell),
            note="" if measured else _NO_HISTORY,
        )

    async def page(self, actor: Actor) -> tuple[str, str]:
        """The same as HTML, and the Content-Security-Policy it needs."""
        from intertie.monitor.status_page_html import POLICY, page  # noqa: PLC0415

        return page(await self.report(actor)), POLICY

    def _declared(self, actor: Actor) -> tuple[Suite, StatusPage]:
        suite = self.suite() if self.suite is not None else None
        declared = suite.monitoring.status_page if suite and suite.monitoring else None
        if declared is None or not declared.public:
            actor.require_read()
        if suite is None or declared is None:
            raise NotFoundError(_NONE)
        return suite, declared

    def _states(self) -> Mapping[str, Status]:
        if self.health is None:
            return {}
        return {name: each.status for name, each in self.health.report().services.items()}

    async def _measured(
        self, unwell: tuple[str, ...], now: datetime
    ) -> "tuple[History, Since] | None":
        """All days of all services, and since when some are not well; None: it cannot be read."""
        from intertie.monitor.status_page import history, unwell_since  # noqa: PLC0415

        it = self.now_watching()
        if it is None:
            return None
        try:
            days = await self._history.get(lambda: history(it.store, now), now)
            since = await self._since.get(
                lambda: unwell_since(it.store, unwell, now), now, about=unwell
            )
        except StoreError:
            return None
        return days, since
