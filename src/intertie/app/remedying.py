"""Builds what answers a suite's alerts. Loaded once a suite asks for that."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from intertie.automation.remediation import Entry, Firing, Site
from intertie.automation.remediation_deeds import ACTOR, Deeds, title
from intertie.automation.remediation_ledger import RemediationLedger
from intertie.automation.remediator import Remediator
from intertie.control.remediation import site_of
from intertie.errors import IntertieError
from intertie.event import (
    AlertFiring,
    AlertResolved,
    ChangeProgressed,
    HealthChanged,
    RemediationMoved,
    ServiceFailed,
    ServiceStarted,
    ServiceStopped,
    TaskFinished,
)
from intertie.identity.audit import Actor
from intertie.monitor.channels.port import Message
from intertie.runtime.hub import EventHub
from intertie.suite.remediation import AlertRemediation, RemediationRule
from intertie.trace_context import TraceContext, current, use

if TYPE_CHECKING:
    from intertie.app.orchestrator import Inner

_FILE = "remediation.db"
_MOST_CHANGES = 50
_TELLING = frozenset(
    kind.type
    for kind in (
        AlertFiring,
        AlertResolved,
        ChangeProgressed,
        HealthChanged,
        ServiceFailed,
        ServiceStarted,
        ServiceStopped,
    )
)
_TOLD = frozenset({"proposed", "given_up"})
"""Here a person must act."""
_AUDITED = frozenset({"doing", "waiting", "failed", "interrupted", "declined", "given_up"})


@asynccontextmanager
async def remedying(inner: "Inner") -> AsyncIterator[Remediator]:
    """It is to be run. Raises StoreError."""
    folder = inner.orchestrator.folder.automation
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    async with RemediationLedger.open(folder / _FILE) as ledger:
        yield Remediator(ledger, _Ports(inner), now=_now)


async def follow(hub: EventHub, remediator: Remediator) -> None:
    """Let it look whenever something is told that may matter."""
    while True:  # again, when so much happened at once that we were cut off
        async with hub.subscribe() as events:
            remediator.look_again()
            async for event in events:
                if event.type in _TELLING:
                    remediator.look_again()


class _Ports:
    """See remediator.Ports: a running suite."""

    def __init__(self, inner: "Inner") -> None:
        self._inner = inner
        self._orchestrator = it = inner.orchestrator
        self._deeds = Deeds(
            it.supervisor, inner.changes, it.driver, it.surroundings, self._run_task
        )

    def config(self) -> AlertRemediation | None:
        return self._orchestrator.suite.automation.remediation

    def alerts(self) -> Sequence[Firing] | None:
        watching = self._orchestrator.monitoring.watching
        if watching is None:
            return None
        now = _now()
        return [Firing(e.labels, e.starts_at) for e in watching.alerting.alerts if e.fires(now)]

    async def site(self) -> Site:
        changes = (await self._inner.changes.list(limit=_MOST_CHANGES)).items
        return site_of(self._orchestrator.suite, self._orchestrator.supervisor.snapshot(), changes)

    async def begin(self, entry: Entry, rule: RemediationRule) -> str:
        with use(self._trace(entry)):
            return await self._deeds.begin(entry, rule)

    def _trace(self, entry: Entry) -> TraceContext:
        """Of the alert that it answers, while that is known."""
        watching, tracer = self._orchestrator.monitoring.watching, self._orchestrator.tracer
        alerts = watching.alerting.alerts if watching is not None else ()
        traces = [each.trace for each in alerts if each.fingerprint == entry.fingerprint]
        return tracer.resume(traces[0]) if traces else tracer.begin()

    async def finish(self, change: str, timeout_s: float) -> None:
        await self._deeds.finish(change, timeout_s)

    async def tell(self, entry: Entry) -> None:
        with use(self._trace(entry)):
            await self._tell(entry)

    async def _tell(self, entry: Entry) -> None:
        self._orchestrator.hub.publish(payload_of(entry), entry.service or entry.rule)
        opened = self._inner.opened
        if opened is not None and entry.status in _AUDITED and entry.mode != "shadow":
            await opened.identities.audit.append(
                Actor(entry.by or ACTOR, via=ACTOR),
                f"remediation.{entry.status.replace('_', '-')}",
                target=entry.service or entry.rule,
                detail={"id": entry.id, "rule": entry.rule, "action": entry.action},
            )
        if entry.status in _TOLD and entry.mode != "shadow":
            await self._page(entry)

    async def _page(self, entry: Entry) -> None:
        suite, watching = self._orchestrator.suite, self._orchestrator.monitoring.watching
        config = suite.automation.remediation
        if watching is None or config is None:
            return
        channels = config.notify or watching.config.alert_integration.channels
        if channels:
            await watching.sender.send(message_of(entry), channels)

    async def _run_task(self, name: str) -> None:
        tasks = self._orchestrator.tasks.tasks
        if tasks is None:
            raise IntertieError(f"cannot run task {name!r}: tasks are not seen to yet")
        async with self._orchestrator.hub.subscribe() as events:
            run = await tasks.scheduler.run_now(name)
            async for event in events:
                data = event.data
                is_ours = event.type == TaskFinished.type and data.get("run") == run.id
                if is_ours and not data.get("again"):
                    if data.get("verdict") != "success":
                        raise IntertieError(f"task {name} ended: {data.get('verdict')}")
                    return
        raise IntertieError(f"cannot tell how task {name!r} ended: too much happened at once")


def payload_of(entry: Entry) -> RemediationMoved:
    """What others hear of it."""
    return RemediationMoved(
        id=entry.id,
        rule=entry.rule,
        alert=entry.alert,
        service=entry.service,
        action=entry.action,
        mode=entry.mode,
        attempt=entry.attempt,
        status=entry.status,
        why=entry.why,
    )


def message_of(entry: Entry) -> Message:
    """What a person is told who must act."""
    context = current.get()
    is_proposal = entry.status == "proposed"
    if is_proposal:
        told = (
            f"`intertie remediation approve {entry.id}` does it, until {entry.deadline:%H:%M} UTC"
        )
    else:
        told = f"{entry.why}; nothing more is done while the alert goes on"
    return Message(
        key=f"remediation:{entry.id}:{entry.status}",
        kind="task",
        title=f"remediation {'asks' if is_proposal else 'gave up'}: {title(entry)}",
        text=told,
        severity="warning" if is_proposal else "critical",
        at=_now(),
        trace=context.traceparent if context is not None else "",
    )


def _now() -> datetime:
    return datetime.now(UTC)
