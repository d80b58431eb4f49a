"""Alerting as a whole: rules are evaluated, what is alarming is written down, and people are told.

Evaluating and telling do not wait for each other: a page that cannot be delivered delays no rule.
"""

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Literal

from anyio import Event, create_task_group, move_on_after
from anyio.abc import TaskGroup, TaskStatus
from pydantic import TypeAdapter

from intertie.errors import ConflictError, IntertieError, StoreError
from intertie.event import AlertFiring, AlertResolved, Payload
from intertie.monitor.channels.port import Kind, Message, Told
from intertie.monitor.desk import AlertDesk
from intertie.monitor.evidence import Evidence
from intertie.monitor.evidence_gather import gather
from intertie.monitor.ledger import Row
from intertie.monitor.notices import Notice, due
from intertie.monitor.rule_look import look
from intertie.monitor.rule_query import over
from intertie.monitor.rules import ALERT_NAME, SEVERITY, AlertRule, Labels, Rules
from intertie.monitor.sample import Source
from intertie.monitor.sender import Sender
from intertie.monitor.stages import Alert, Held
from intertie.monitor.state_rows import from_rows, to_rows
from intertie.monitor.states import Phase, State, States, Transition, step
from intertie.suite.monitoring import Monitoring
from intertie.trace_context import use

log = logging.getLogger(__name__)

_MESSAGES = TypeAdapter(Message)
_SAVED_EVERY_MS = 60_000
_LONGEST_WAIT_S = 30.0
_MOST_EVIDENCE = 1_000
"""Of alerts; beyond it only that of alerts that are known still is kept."""
_STUCK_S = 4 * _LONGEST_WAIT_S
_KINDS: Mapping[str, Kind] = {"first": "firing"}
"""Where a notice and its message have different words."""

Standing = Literal["pending", "firing", "resolved"]
_STANDING: Mapping[Phase, Standing] = {
    "pending": "pending",
    "firing": "firing",
    "keep_firing": "firing",
    "inactive": "resolved",
}
Publish = Callable[[Payload, str], object]


class Alerting:
    """The component that tells people; `evaluate` is called whenever there are new samples."""

    def __init__(
        self,
        config: Monitoring,
        rules: Rules,
        *,
        source: Source,
        desk: AlertDesk,
        sender: Sender,
        publish: Publish,
        now: Callable[[], datetime],
        link: Callable[[], str | None] = lambda: None,
    ) -> None:
        """`link`: where alerts are to be seen."""
        self.rules = rules
        self.held: Sequence[Held] = ()
        """Alerts that fire and are not told now, and why."""
        self._config = config
        self._source = source
        self._desk = desk
        self._sender = sender
        self._publish = publish
        self._now = now
        self._link = link
        self.tracer = sender.tracer
        self._evaluate = over(source)
        self._states: dict[str, States] = {}
        self._alerts: tuple[Alert, ...] = ()
        self._bell = Event()
        self._sending: set[str] = set()
        self._saved_ms = 0
        self._last_ms = 0
        self._evaluated_ms: dict[str, int] = {}
        self._faults: dict[str, str] = {}
        self._evidence: dict[str, Evidence] = {}
        self._planned_at = now()

    @property
    def alerts(self) -> Sequence[Alert]:
        """Those that fire, and such as have just ended."""
        return self._alerts

    @property
    def evaluated_ms(self) -> Mapping[str, int]:
        """When each rule was looked at last."""
        return self._evaluated_ms

    @property
    def trouble(self) -> str:
        """Why people are not told as they should be, if so."""
        idle_s = (self._now() - self._planned_at).total_seconds()
        if idle_s > _STUCK_S:
            return f"nothing was planned for {idle_s:.0f} s"
        return "; ".join(self._faults.values())

    @property
    def is_sending(self) -> bool:
        """Whether a notice is on its way."""
        return bool(self._sending)

    def standing(self, rule: str) -> Sequence[tuple[Alert, Standing]]:
        """How alerts of the rule stand; of one that is pending, since when it is."""
        return [
            (_alert(labels, state), _STANDING[state.phase])
            for labels, state in self._states.get(rule, {}).items()
        ]

    async def restore(self) -> None:
        """Go on where the last process stopped."""
        known = {rule.name for rule in self.rules.rules}
        for name, text in (await self._desk.rules()).items():
            if name in known:
                try:
                    self._states[name] = from_rows(json.loads(text))
                except (IntertieError, ValueError) as exc:
                    log.warning("states forgotten", extra={"rule": name, "reason": str(exc)})
        self._alerts = tuple(await self._desk.active())

    async def evaluate(self, at_ms: int) -> None:
        """Look at all rules, unless that is not due yet."""
        interval_s = self._config.alerts.evaluation_interval
        if interval_s is not None and 0 <= at_ms - self._last_ms < interval_s * 1000:
            return
        self._last_ms = at_ms
        with self.tracer.within(self.tracer.begin(), "evaluate alerts") as piece:
            moved = await self._look(at_ms, piece.context.traceparent)
            piece.is_wanted = bool(moved)
            piece.fields["intertie.transitions"] = len(moved)
            self._alerts = tuple(self._as_alerts())
            if moved:
                self._tell_events(moved)
            if moved or at_ms - self._saved_ms >= _SAVED_EVERY_MS:
                self._saved_ms = at_ms
                await self._save()
        if moved:
            self.look_again()

    async def _look(self, at_ms: int, trace: str) -> Sequence[Transition]:
        """What has changed; the states, with the trace of those that began to fire, are kept."""
        moved: list[Transition] = []
        for rule in self.rules.rules:
            outcome = await look(rule, self._evaluate, at_ms)
            states, changes = step(rule, self._states.get(rule.name, {}), outcome, at_ms)
            begun = [each for each in changes if each.fired]
            marked = {each.labels: replace(each.state, trace=trace) for each in begun}
            self._states[rule.name] = {**states, **marked} if marked else states
            await self._keep_evidence(rule, begun, at_ms)
            moved += changes
            self._evaluated_ms[rule.name] = at_ms
        return moved

    def look_again(self) -> None:
        """A silence or an acknowledgement came or went."""
        self._bell.set()

    async def run(self, *, task_status: TaskStatus[None]) -> None:
        """Tell people until cancelled."""
        async with create_task_group() as group:
            task_status.started()
            while True:
                self._bell = Event()
                next_at = await self._fenced_round(group)
                with move_on_after(self._wait_s(next_at)):
                    await self._bell.wait()

    async def explain(self, rule: AlertRule, at_ms: int) -> Sequence[tuple[Labels, float]] | None:
        """What the rule's expression gives now. Raises IntertieError."""
        return await self._evaluate(rule.expr, at_ms)

    async def _fenced_round(self, group: TaskGroup) -> datetime | None:
        try:
            next_at = await self._plan()
            for row in await self._desk.unsent():
                if row.id not in self._sending:
                    self._sending.add(row.id)
                    group.start_soon(self._send, row)
        except IntertieError as exc:
            log.error("cannot plan notices", extra={"reason": str(exc)})
            self._faults["plan"] = f"cannot plan notices: {exc}"
            return None
        finally:
            self._planned_at = self._now()
        self._faults.pop("plan", None)
        return next_at

    async def _plan(self) -> datetime | None:
        plan = due(
            self._now(),
            self._alerts,
            await self._desk.state(),
            self._config,
            inhibitions=self.rules.inhibitions,
        )
        self.held = plan.held
        try:
            await self._desk.plan(plan, self._render)
        except ConflictError:  # another process planned
            return self._now()
        return plan.next_at

    async def _send(self, row: Row) -> None:
        try:
            message = _MESSAGES.validate_json(row.text)
            # Who is told in its place is written down first, so not by the sender.
            with use(self.tracer.resume(message.trace)):
                [outcome] = await self._sender.send(message, [row.channel], falls_back=False)
            if not outcome.ok:
                await self._hand_over(row)  # first: a crash in between loses nobody
            await self._desk.settle(
                row.id,
                "sent" if outcome.ok else "given_up",
                at=self._now(),
                answer=outcome.told,
                tries=outcome.tries,
            )
        except IntertieError as exc:
            log.error("cannot send a notice", extra={"notice": row.id, "reason": str(exc)})
        finally:
            self._sending.discard(row.id)

    async def _hand_over(self, row: Row) -> None:
        """Others are told in place of a channel that gave up; once, and not by each other."""
        told = self._config.alert_integration
        if row.channel in told.fallback:
            return
        for name in told.fallback:
            await self._desk.hand_over(row.id, name, at=self._now())
        self.look_again()

    async def _save(self) -> None:
        rows = {name: json.dumps(to_rows(states)) for name, states in self._states.items()}
        try:
            await self._desk.save(rows, self._alerts)
        except StoreError as exc:
            log.error("cannot keep the states of alerts", extra={"reason": str(exc)})
            self._faults["save"] = f"cannot keep the states of alerts: {exc}"
        else:
            self._faults.pop("save", None)

    def _as_alerts(self) -> list[Alert]:
        return [
            _alert(labels, state)
            for states in self._states.values()
            for labels, state in states.items()
            if state.phase != "pending"
        ]

    def _tell_events(self, moved: Sequence[Transition]) -> None:
        for each in moved:
            labels = dict(each.labels)
            name, severity = labels.get(ALERT_NAME, ""), labels.get(SEVERITY, "")
            fields = {"alert": name, "severity": severity, "labels": labels}
            if each.fired:
                log.warning("alert fires", extra=fields)
                told = AlertFiring(
                    alert=name,
                    severity=severity,
                    labels=labels,
                    annotations=dict(each.state.annotations),
                    value=repr(each.state.value),
                )
                self._publish(told, name)
            elif each.resolved:
                log.info("alert resolved", extra=fields)
                self._publish(AlertResolved(alert=name, severity=severity, labels=labels), name)

    async def _keep_evidence(
        self, rule: AlertRule, begun: Sequence[Transition], at_ms: int
    ) -> None:
        """Why alerts of the rule have begun to fire, for as long as they are known."""
        if not begun:
            return
        alerts = [(_alert(each.labels, each.state), each) for each in begun]
        for found in await gather(rule, alerts, self._source, at_ms):
            self._evidence[found.fingerprint] = found
        if len(self._evidence) > _MOST_EVIDENCE:
            known = {each.fingerprint for each in (*self._alerts, *(each for each, _ in alerts))}
            self._evidence = {n: each for n, each in self._evidence.items() if n in known}

    def _render(self, notice: Notice, channel: str) -> str:
        """The whole message: what is sent again after a crash is the same."""
        now = self._now()
        message = Message(
            key=f"{notice.id}:{channel}",
            kind=_KINDS.get(notice.kind, notice.kind),  # type: ignore[arg-type] # the same words
            title=notice.labels.get(ALERT_NAME, "alerts"),
            text="",
            severity=notice.severity,
            at=notice.due_at,
            alerts=tuple(_told(each, now) for each in notice.alerts),
            group=tuple(sorted(notice.labels.items())),
            link=self._link(),
            trace=next((each.trace for each in notice.alerts if each.trace), ""),
            evidence=tuple(
                self._evidence[each.fingerprint]
                for each in notice.alerts
                if each.fingerprint in self._evidence
            ),
        )
        return _MESSAGES.dump_json(message).decode()

    def _wait_s(self, next_at: datetime | None) -> float:
        if next_at is None:
            return _LONGEST_WAIT_S
        return min(max((next_at - self._now()).total_seconds(), 0.0), _LONGEST_WAIT_S)


def _alert(labels: Labels, state: State) -> Alert:
    return Alert(
        labels=dict(labels),
        starts_at=_moment(state.fired_at_ms or state.active_at_ms),
        annotations=dict(state.annotations),
        ends_at=None if state.resolved_at_ms is None else _moment(state.resolved_at_ms),
        value=state.value,
        trace=state.trace,
    )


def _told(alert: Alert, now: datetime) -> Told:
    return Told(
        labels=alert.labels,
        annotations=alert.annotations,
        starts_at=alert.starts_at,
        ends_at=None if alert.fires(now) else alert.ends_at,
        value=alert.value,
    )


def _moment(at_ms: int) -> datetime:
    return datetime.fromtimestamp(at_ms / 1000, UTC)
