"""Connections to services outside: how they do, why, and what to do about it."""

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from intertie.control.actor import Actor
from intertie.errors import ConflictError, NotFoundError
from intertie.runtime.component import Status
from intertie.suite.model import Suite
from intertie.suite.values import DEFAULT_TENANT

if TYPE_CHECKING:  # needed by suites that have integrations only
    from intertie.integrations.base import BaseIntegration
    from intertie.integrations.connector import Connector
    from intertie.integrations.grants import GrantDesk, GrantState
    from intertie.integrations.observe import Metrics, Tally
    from intertie.integrations.registry import IntegrationRegistry

_PERCENT = 100.0


@dataclass(frozen=True, slots=True)
class Standing:
    """How one connection does."""

    name: str
    tenant: str
    kind: str
    status: str
    """healthy, degraded, unhealthy, disabled, unknown."""
    error: str | None
    """Why it is not healthy."""
    calls: int
    failed: int
    mean_ms: float | None
    """Of all calls that were made; None before the first."""


@dataclass(frozen=True, slots=True)
class Consent:
    """A log-in that was begun."""

    name: str
    tenant: str
    kind: str
    url: str
    """Where a person says yes."""


@dataclass(frozen=True, slots=True)
class Report:
    """All connections that a caller may see."""

    status: Status
    timestamp: str
    integrations: Sequence[Standing]


@dataclass(frozen=True, slots=True)
class Availability:
    """What a tenant was promised, and what it got."""

    tenant: str
    promised: str | None
    """Such as `99.9%`."""
    percent: float | None
    """Of calls that neither the vendor nor a lost login spoiled; None before the first."""
    kept: bool | None
    calls: int


@dataclass(frozen=True, slots=True)
class Counted:
    """One operation of one connection."""

    integration: str
    tenant: str
    kind: str
    operation: str
    calls: int
    failed: int
    attempts: int
    total_s: float
    causes: Mapping[str, int]
    """Why calls failed."""
    buckets: Mapping[str, int]
    """How many took at most so many seconds, each with those before it; `+Inf` is all."""


def _none() -> None:
    return None


def _nothing() -> Mapping[str, str]:
    return {}


@dataclass(frozen=True, slots=True)
class IntegrationControl:
    """Callers of a tenant see their own connections, and no others."""

    registry: "Callable[[], IntegrationRegistry | None]" = _none
    suite: Callable[[], Suite | None] = _none
    desk: "Callable[[], GrantDesk | None]" = _none
    callback: Callable[[], str] = str
    """Where vendors send people back to, unless the caller says otherwise."""
    refused: Callable[[], Mapping[str, str]] = _nothing
    """Those that could not be made, by label, and why."""
    rotate: "Callable[[], Awaitable[int]] | None" = None
    now: Callable[[], datetime] = field(default=lambda: datetime.now(UTC))

    def report(self, actor: Actor) -> Report:
        """All of them as they were when they were looked at last."""
        actor.require_read()
        found = [*self._standings(actor)]
        return Report(_overall(found), self.now().isoformat(), found)

    async def check(self, actor: Actor, name: str, tenant: str | None = None) -> Mapping[str, Any]:
        """Look at one now. Raises NotFoundError."""
        actor.require_read()
        found = self._find(actor, name, tenant)
        registry = self.registry()
        assert registry is not None, "it is in there"  # noqa: S101
        told = await registry.check(found)
        return {**_named(found), "status": found.status.value, **told}

    async def connect(
        self, actor: Actor, name: str, *, tenant: str | None = None, redirect_uri: str = ""
    ) -> Consent:
        """Begin a log-in at the vendor. Raises NotFoundError, InvalidError."""
        actor.require_write()
        found = self._find(actor, name, tenant)
        desk = self._grants(found)
        url = await desk.begin(self._granted(found), redirect_uri or self.callback())
        return Consent(**_named(found), url=url)

    async def finish(self, state: str, code: str) -> str:
        """A person came back from the vendor: the label of what is connected now.

        Whoever has the state may do this once: it was given to who began. Raises InvalidError.
        """
        registry, desk = self.registry(), self.desk()
        if registry is None or desk is None:
            raise NotFoundError("cannot finish the log-in: the suite has no integrations")
        label = await desk.finish(state, code, find=registry.get)
        tenant, _, name = label.partition("/")
        if (found := registry.get(name, tenant)) is not None:
            self._granted(found).breaker.worked()
            await registry.check(found)
        return label

    async def disconnect(self, actor: Actor, name: str, tenant: str | None = None) -> bool:
        """Give the grant back and forget it; whether the vendor took notice."""
        actor.require_write()
        found = self._find(actor, name, tenant)
        return await self._grants(found).revoke(self._granted(found))

    async def grant(
        self, actor: Actor, name: str, tenant: str | None = None
    ) -> "GrantState | None":
        """What is known of its grant; None without one. Raises NotFoundError."""
        actor.require_read()
        found = self._find(actor, name, tenant)
        return await self._grants(found).state(self._granted(found))

    async def rotate_keys(self, actor: Actor) -> int:
        """Seal everything under new keys; how many things that were. Raises ConflictError."""
        actor.require_write()
        if self.rotate is None:
            raise ConflictError("cannot rotate keys: the suite has no integrations")
        return await self.rotate()

    def _grants(self, found: "BaseIntegration") -> "GrantDesk":
        desk = self.desk()
        if desk is None:
            raise ConflictError(f"cannot log in as {found.label}: no grants can be kept")
        return desk

    def _granted(self, found: "BaseIntegration") -> "Connector":
        from intertie.integrations.connector import Connector  # noqa: PLC0415

        if not isinstance(found, Connector):
            raise ConflictError(f"cannot log in as {found.label}: its kind has no log-in")
        return found

    def availability(self, actor: Actor) -> Sequence[Availability]:
        """What each tenant was promised and what it got, since the suite was started."""
        actor.require_read()
        tenants = ((s := self.suite()) and s.tenants) or {}
        names = {DEFAULT_TENANT: None, **{name: each.sla for name, each in tenants.items()}}
        metrics = self._metrics()
        return [
            _availability(name, sla, metrics.of_tenant(name) if metrics else None)
            for name, sla in names.items()
            if actor.reach.tenant in {None, name}
        ]

    def counted(self, actor: Actor) -> Sequence[Counted]:
        """Each operation of each connection."""
        actor.require_read()
        return [each for each in self.all_counted() if actor.reach.tenant in {None, each.tenant}]

    def all_counted(self) -> Iterator[Counted]:
        """The same for the metrics page."""
        from intertie.integrations.observe import BOUNDS_S  # noqa: PLC0415

        for labels, tally in self._metrics() or ():
            sums = [sum(tally.buckets[: i + 1]) for i in range(len(tally.buckets))]
            bounds = [*(f"{bound:g}" for bound in BOUNDS_S), "+Inf"]
            yield Counted(
                integration=labels["integration"],
                tenant=labels["tenant"],
                kind=labels["kind"],
                operation=labels["operation"],
                calls=tally.calls,
                failed=tally.failed,
                attempts=tally.attempts,
                total_s=tally.total_s,
                causes=dict(tally.causes),
                buckets=dict(zip(bounds, sums, strict=True)),
            )

    def _standings(self, actor: Actor) -> Iterator[Standing]:
        metrics = self._metrics()
        for each in self.registry() or ():
            if actor.reach.tenant in {None, each.tenant}:
                tally = metrics.of(each.tenant, each.config.name) if metrics else None
                yield _standing(each, tally)
        kinds = ((s := self.suite()) and s.integrations) or {}
        for label, why in self.refused().items():
            tenant, _, name = label.partition("/")
            if actor.reach.tenant in {None, tenant}:
                kind = kinds[name].kind if name in kinds else ""
                yield Standing(name, tenant, kind, "unhealthy", why, 0, 0, None)

    def _find(self, actor: Actor, name: str, tenant: str | None) -> "BaseIntegration":
        whose = actor.reach.tenant or tenant
        if actor.reach.tenant is not None and tenant not in {None, actor.reach.tenant}:
            raise NotFoundError(f"cannot find integration {name[:80]!r}")
        registry = self.registry()
        found = registry.get(name, whose) if registry is not None else None
        if found is None:
            of = f" of {whose}" if whose else ""
            raise NotFoundError(f"cannot find integration {name[:80]!r}{of}")
        return found

    def _metrics(self) -> "Metrics | None":
        registry = self.registry()
        if registry is None:
            return None
        from intertie.integrations.observe import Metrics  # noqa: PLC0415

        found = (each for each in registry.tools.observers if isinstance(each, Metrics))
        return next(found, None)


def _standing(connection: "BaseIntegration", tally: "Tally | None") -> Standing:
    mean_ms = tally.total_s / tally.calls * 1000 if tally and tally.calls else None
    return Standing(
        name=connection.config.name,
        tenant=connection.tenant,
        kind=connection.kind,
        status=connection.status.value,
        error=connection.trouble or None,
        calls=tally.calls if tally else 0,
        failed=tally.failed if tally else 0,
        mean_ms=mean_ms,
    )


def _overall(found: Sequence[Standing]) -> Status:
    counting = [each for each in found if each.status != "disabled"]
    if counting and all(each.status == "unhealthy" for each in counting):
        return Status.DOWN
    hurt = any(each.status in {"unhealthy", "degraded"} for each in counting)
    return Status.DEGRADED if hurt else Status.UP


def _named(connection: "BaseIntegration") -> Mapping[str, Any]:
    name = connection.config.name
    return {"name": name, "tenant": connection.tenant, "kind": connection.kind}


def _availability(tenant: str, sla: str | None, tally: "Tally | None") -> Availability:
    if tally is None or not tally.calls:
        return Availability(tenant, sla, None, None, 0)
    percent = _PERCENT * (tally.calls - tally.down) / tally.calls
    kept = percent >= float(sla.rstrip("%")) if sla else None
    return Availability(tenant, sla, percent, kept, tally.calls)
