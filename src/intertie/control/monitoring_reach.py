"""What of monitoring a caller sees: everything, or what bears the label of its tenant."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from intertie.control.actor import Actor, ForbiddenError
from intertie.errors import ConflictError

if TYPE_CHECKING:  # needed by suites that are monitored only
    from intertie.control.monitoring import Watching
    from intertie.monitor.promql.query import Query
    from intertie.monitor.sample import Matcher, Source
    from intertie.monitor.tenancy import Readable

_LABEL = "tenant"
_MOST_SILENCES = 200


@dataclass(frozen=True, slots=True)
class TenantUse:
    """How much a tenant sends, and how much it may."""

    tenant: str
    series: int
    """That are kept of what it has sent."""
    max_series: int
    samples_per_minute: int
    """That it may send."""
    refused: Mapping[str, int]
    """Samples that were not taken since the start, by reason: rate, series, kept_series, faulty."""


@dataclass(frozen=True, slots=True)
class Seen:
    """Monitoring as somebody sees it."""

    it: "Watching"
    tenant: str
    """Empty: all of it."""

    @property
    def source(self) -> "Source":
        """Samples."""
        if not self.tenant:
            return self.it.source
        from intertie.monitor.tenancy import OwnSource  # noqa: PLC0415

        return OwnSource(self.it.source, self.tenant)

    @property
    def store(self) -> "Readable":
        """Samples, and what is known of their series."""
        if not self.tenant:
            return self.it.store
        from intertie.monitor.tenancy import OwnStore  # noqa: PLC0415

        return OwnStore(self.it.store, self.tenant)

    def compiled(self, text: str) -> "Query":
        """An expression, ready to be answered. Raises QueryError."""
        if not self.tenant:
            from intertie.monitor.promql.query import compile  # noqa: PLC0415

            return compile(text)
        from intertie.monitor.tenancy import compiled  # noqa: PLC0415

        return compiled(text)

    def selectors(self, text: str) -> "Sequence[Sequence[Matcher]]":
        """The series that an expression reads, own ones only. Raises QueryError."""
        from intertie.monitor.sample import Matcher  # noqa: PLC0415

        own = (Matcher(_LABEL, "=", self.tenant),) if self.tenant else ()
        return [(*read.matchers, *own) for read in self.compiled(text).reads(0, 0)]

    def exemplars(self, text: str, start_ms: int, end_ms: int) -> list[dict[str, object]]:
        """Traced requests among what the series of an expression count. Raises QueryError."""
        found = self.it.intake.exemplars.select(self.selectors(text), start_ms, end_ms)
        return [
            {
                "seriesLabels": {"__name__": series.name, **dict(series.labels)},
                "exemplars": [each.as_json()],
            }
            for series, each in found.items()
            if self.sees(dict(series.labels))
        ]

    def records(self) -> list[dict[str, object]]:
        """Recording rules; not for a tenant: they are computed of everybody's samples."""
        recorder = self.it.recorder
        return [
            {
                "name": rule.name,
                "query": rule.expr,
                "labels": dict(rule.labels),
                "health": "err" if recorder.failing(rule.name) else "ok",
                "lastError": recorder.failing(rule.name),
                "type": "recording",
            }
            for rule in (() if self.tenant else recorder.rules)
        ]

    def matchers(self, given: "Sequence[Matcher]") -> "tuple[Matcher, ...]":
        """Conditions that somebody wrote. Raises QueryError for such as may take long."""
        if self.tenant:
            from intertie.monitor.tenancy import check_matchers  # noqa: PLC0415

            check_matchers(given)
        return tuple(given)

    def turn(self) -> AbstractAsyncContextManager[object]:
        """To be held while an expression is answered."""
        return self.it.quotas.turn(self.tenant) if self.tenant else nullcontext()

    def is_of(self, tenant: str) -> bool:
        """Whether it sees what is this tenant's."""
        return self.tenant in {"", tenant}

    def sees(self, labels: Mapping[str, str]) -> bool:
        """Whether it sees what has these labels."""
        return self.is_of(labels.get(_LABEL, "")) if self.tenant else True

    def text(self, told: str) -> str:
        """What the suite's own people wrote, for each other."""
        return "" if self.tenant else told

    def use(self, tenant: str) -> TenantUse:
        """How much a tenant sends."""
        limits, store = self.it.quotas.limits(tenant), self.it.store
        refused = dict(self.it.quotas.refused(tenant))
        if kept := store.refused_of.get(tenant, 0):
            refused["kept_series"] = kept
        return TenantUse(
            tenant=tenant,
            series=store.of_tenant(tenant),
            max_series=limits.max_series,
            samples_per_minute=limits.samples_per_minute,
            refused=refused,
        )

    async def check_silences(self, now: datetime) -> None:
        """Raise ConflictError where a tenant has as many as it may."""
        if self.tenant and len(await self.it.desk.silences(self.tenant, now)) >= _MOST_SILENCES:
            raise ConflictError(
                f"cannot add a silence: tenant {self.tenant} has {_MOST_SILENCES}; end some first"
            )


def require_all(actor: Actor) -> None:
    """Raise ForbiddenError for callers of a tenant: it is about everybody's."""
    if actor.reach.tenant is not None:
        raise ForbiddenError(
            f"cannot do this as {actor.name}: it is about all tenants; see"
            " /api/monitoring/tenants for your own"
        )
