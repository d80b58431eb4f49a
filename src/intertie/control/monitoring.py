"""What is measured and what is alarming: asked, silenced, acknowledged, fed."""

import json
import re
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

from intertie.control.actor import Actor
from intertie.control.monitoring_reach import Seen, TenantUse, require_all
from intertie.control.slo import Promised
from intertie.errors import IntertieError, NotFoundError
from intertie.runtime.component import Health, Status
from intertie.suite.monitoring import Function, Monitoring, Step
from intertie.trace_context import trace_id_of

if TYPE_CHECKING:  # needed by suites that are monitored only
    from intertie.monitor.alerting import Alerting
    from intertie.monitor.collect.collector import Collector
    from intertie.monitor.collect.events import Feeds
    from intertie.monitor.collect.otlp import Intake
    from intertie.monitor.desk import AlertDesk
    from intertie.monitor.heartbeat_listen import Listener
    from intertie.monitor.heartbeat_send import Pulse
    from intertie.monitor.ledger import Row
    from intertie.monitor.recorder import Recorder
    from intertie.monitor.remote_write import RemoteWrites
    from intertie.monitor.rules import AlertRule
    from intertie.monitor.sample import Matcher, Source
    from intertie.monitor.sender import Sender
    from intertie.monitor.stages import Alert, Silence
    from intertie.monitor.store import MetricsStore
    from intertie.monitor.tenant_quota import Quotas

State = Literal["pending", "firing", "resolved"]

_MOST_SERIES = 10_000
_NONE = (
    "cannot look at monitoring: this suite has none, or it does not run yet; add `monitoring: {}`"
    " to its file, then `intertie apply`"
)


@dataclass(frozen=True, slots=True)
class Watching:
    """All that there is while a suite is monitored."""

    config: Monitoring
    source: "Source"
    store: "MetricsStore"
    desk: "AlertDesk"
    alerting: "Alerting"
    sender: "Sender"
    feeds: "Feeds"
    intake: "Intake"
    collector: "Collector"
    remote: "RemoteWrites"
    recorder: "Recorder"
    quotas: "Quotas"
    listener: "Listener"
    pulse: "Pulse"

    @property
    def promised(self) -> Promised:
        """What objectives are looked at with."""
        return Promised(self.config.slo, self.store, self.source)

    def health(self) -> Health:
        """Degraded while something cannot be measured, kept or told."""
        troubles = [
            f"channel {name}: {count.last_error}"
            for name, count in self.sender.counts().items()
            if count.last_error_at is not None
            and (count.last_sent_at is None or count.last_sent_at < count.last_error_at)
        ]
        troubles += [each.trouble for each in self.pulse.sent.values() if each.trouble]
        collected = self.collector.health()
        others = (collected, self.remote.health(), self.recorder.health())
        troubles = [each.reason for each in others if each.reason] + troubles
        return Health(Status.DEGRADED, "; ".join(troubles)) if troubles else Health(Status.UP)


@dataclass(frozen=True, slots=True)
class HeldBack:
    """Why nobody is told of an alert."""

    stage: str
    """inhibit, silence, mute, flap, wait or acknowledge."""
    why: str


@dataclass(frozen=True, slots=True)
class AlertView:
    """Something alarming, or about to be."""

    fingerprint: str
    name: str
    severity: str
    state: State
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    value: float | None
    """Of its rule's expression; None where it is no number."""
    since: datetime
    held: tuple[HeldBack, ...] = ()
    """Why nobody is told; nothing: it is told."""
    trace_id: str = ""
    """Of the look that made it fire: its log lines, notices and spans have it."""


@dataclass(frozen=True, slots=True)
class RuleView:
    """A rule, and what it gives now."""

    name: str
    severity: str
    shown: str
    """As it was written."""
    expr: str
    """The PromQL it stands for."""
    for_s: float
    keep_firing_for_s: float
    evaluated_at: datetime | None
    now: tuple[tuple[Mapping[str, str], float], ...] | None
    """Labels and values that make it alarming now; None: there are no samples to look at."""
    alerts: tuple[AlertView, ...]


@dataclass(frozen=True, slots=True)
class Summaries:
    """A series, summarised interval by interval."""

    metric: str
    labels: Mapping[str, str]
    function: str
    exact: bool
    """Whether all values come from the samples themselves."""
    points: tuple[tuple[datetime, float], ...]
    """Where an interval begins, and its value."""


@dataclass(frozen=True, slots=True)
class SilenceView:
    """Alerts that nobody is told of for a time."""

    id: str
    matchers: tuple[str, ...]
    starts_at: datetime
    ends_at: datetime
    created_by: str
    comment: str


@dataclass(frozen=True, slots=True)
class NoticeView:
    """What somebody was told, or is to be."""

    id: str
    kind: str
    group: str
    channel: str
    planned_at: datetime
    status: str
    tries: int
    answer: str
    trace_id: str = ""
    """Of what it is about."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How monitoring itself does."""

    status: Status
    reason: str
    interval_s: float
    series: int
    samples: int
    size_bytes: int
    oldest: datetime | None
    fullness: float
    """Share of `max_size` in use."""
    refused: Mapping[str, int]
    """Samples of series beyond `max_series`, by metric."""
    rules: int
    firing: int


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of pushed samples."""

    points: int
    rejected: int
    why: str

    def as_otlp(self, content_type: str) -> bytes:
        """The answer that OTLP wants: what could not be taken, if anything."""
        from opentelemetry.proto.collector.metrics.v1 import (  # noqa: PLC0415
            metrics_service_pb2 as service,
        )

        if "json" in content_type:
            told = {"rejectedDataPoints": str(self.rejected), "errorMessage": self.why}
            return json.dumps({"partialSuccess": told} if self.rejected else {}).encode()
        answer = service.ExportMetricsServiceResponse()
        if self.rejected:
            answer.partial_success.rejected_data_points = self.rejected
            answer.partial_success.error_message = self.why
        found: bytes = answer.SerializeToString()
        return found


@dataclass(frozen=True, slots=True)
class MonitoringControl:
    """Each call raises NotFoundError where the suite is not monitored.

    Callers of a tenant see and change what bears its label, and learn of nothing else.
    """

    now_watching: Callable[[], Watching | None] = lambda: None
    now: Callable[[], datetime] = lambda: datetime.now(UTC)

    async def standing(self, actor: Actor) -> Standing:
        """How it does, and how much is kept; not for callers of a tenant."""
        actor.require_read()
        it = self._it(actor)
        require_all(actor)
        stats = await it.store.stats()
        health = it.health()
        return Standing(
            status=health.status,
            reason=health.reason,
            interval_s=it.config.metrics_collection.interval,
            series=stats.series,
            samples=stats.samples,
            size_bytes=stats.size_bytes,
            oldest=None if stats.oldest_ms is None else _moment(stats.oldest_ms),
            fullness=it.store.fullness,
            refused=it.store.refused,
            rules=len(it.alerting.rules.rules),
            firing=sum(each.fires(self.now()) for each in it.alerting.alerts),
        )

    async def instant(self, actor: Actor, text: str, at_ms: int) -> Mapping[str, object]:
        """`data` as Prometheus has it. Raises IntertieError for what cannot be asked."""
        seen = self._seen(actor)
        async with seen.turn():
            value = await seen.compiled(text).instant(seen.source, at_ms)
        return value.as_json()

    async def range(
        self, actor: Actor, text: str, start_ms: int, end_ms: int, *, step_ms: int
    ) -> Mapping[str, object]:
        """`data` as Prometheus has it. Raises IntertieError for what cannot be asked."""
        from intertie.monitor.promql import query  # noqa: PLC0415

        seen = self._seen(actor)
        asked = seen.compiled(text)
        async with seen.turn():
            found = await asked.range(seen.source, start_ms, end_ms=end_ms, step_ms=step_ms)
        return query.tracks_as_json(found)

    def exemplars(
        self, actor: Actor, text: str, start_ms: int, end_ms: int
    ) -> list[dict[str, object]]:
        """`data` as Prometheus has it. Raises IntertieError for what cannot be asked."""
        return self._seen(actor).exemplars(text, start_ms, end_ms)

    async def series(self, actor: Actor, selectors: Sequence[str]) -> list[dict[str, str]]:
        """Names and labels of all that fit one of the selectors, each once, sorted."""
        seen = self._seen(actor)
        found = set[Any]()
        for text in selectors:
            for matchers in seen.selectors(text):
                found.update(await seen.store.series(matchers, _MOST_SERIES))
        return [{"__name__": each.name, **dict(each.labels)} for each in sorted(found)]

    async def label_names(self, actor: Actor) -> list[str]:
        """Of all series, sorted."""
        store = self._seen(actor).store
        names = {"__name__"}
        for name in await store.names():
            names |= set(await store.labels(name))
        return sorted(names)

    async def label_values(self, actor: Actor, label: str) -> list[str]:
        """Of all series, sorted."""
        store = self._seen(actor).store
        if label == "__name__":
            return list(await store.names())
        values: set[str] = set()
        for name in await store.names():
            values |= set((await store.labels(name)).get(label, ()))
        return sorted(values)

    async def summaries(
        self,
        actor: Actor,
        selector: str,
        *,
        step: Step,
        functions: Sequence[Function] | None,
        since: datetime,
        until: datetime,
    ) -> Sequence[Summaries]:
        """Each series that fits, by interval; the newest samples may be one tick behind."""
        seen = self._seen(actor)
        wanted = functions or seen.it.config.metrics_collection.aggregation.functions
        found: list[Summaries] = []
        for matchers in seen.selectors(selector):
            for each in await seen.store.aggregate(
                matchers, _ms(since), _ms(until), step=step, functions=wanted
            ):
                times, values = each.times.tolist(), each.values.tolist()
                points = tuple((_moment(t), v) for t, v in zip(times, values, strict=True))
                labels = dict(each.series.labels)
                found.append(Summaries(each.series.name, labels, each.function, each.exact, points))
        return found

    def alerts(self, actor: Actor) -> Sequence[AlertView]:
        """Those that are pending or fire, and such as have just ended; the worst first."""
        seen = self._seen(actor)
        rules = seen.it.alerting.rules.rules
        views = [view for rule in rules for view in self._of_rule(seen, rule.name)]
        order = {"firing": 0, "pending": 1, "resolved": 2}
        return sorted(views, key=lambda v: (order[v.state], v.severity, v.name, v.fingerprint))

    async def explain(self, actor: Actor, name: str) -> RuleView:
        """One rule, what it gives now, and why nobody is told.

        Those of a tenant know it while they have an alert of it.
        """
        seen = self._seen(actor)
        it, rules = seen.it, self._rules(seen)
        rule = next((each for each in rules if each.name == name), None)
        if rule is None:
            known = ", ".join(each.name for each in rules) or "none"
            raise NotFoundError(f"cannot explain rule {name[:100]!r}: known are {known}")
        found = await it.alerting.explain(rule, _ms(self.now()))
        evaluated = it.alerting.evaluated_ms.get(name)
        return RuleView(
            name=rule.name,
            severity=rule.severity,
            shown=seen.text(rule.shown),
            expr=seen.text(rule.expr),
            for_s=rule.for_ms / 1000,
            keep_firing_for_s=rule.keep_firing_for_ms / 1000,
            evaluated_at=_moment(evaluated) if evaluated else None,
            now=None
            if found is None
            else tuple((dict(labels), v) for labels, v in found if seen.sees(dict(labels))),
            alerts=tuple(self._of_rule(seen, name)),
        )

    async def silence(
        self, actor: Actor, matchers: Sequence[str], *, duration_s: float, comment: str
    ) -> SilenceView:
        """Tell nobody of alerts that fit all of `alertname=Down`, `service=~a|b`, for so long."""
        from intertie.monitor.stages import Silence  # noqa: PLC0415

        seen = self._seen(actor)
        it = seen.it
        actor.require_own_write()
        now = self.now()
        silence = Silence(
            id=secrets.token_hex(4),
            matchers=seen.matchers([_matcher(each) for each in matchers]),
            starts_at=now,
            ends_at=now + timedelta(seconds=duration_s),
            created_by=actor.name,
            comment=comment,
            tenant=seen.tenant,
        )
        await seen.check_silences(now)
        await it.desk.silence(silence)
        it.alerting.look_again()
        return _silence(silence)

    async def silences(self, actor: Actor) -> Sequence[SilenceView]:
        """Those that have not ended."""
        seen = self._seen(actor)
        return [_silence(each) for each in await seen.it.desk.silences(seen.tenant, self.now())]

    async def unsilence(self, actor: Actor, id: str) -> SilenceView:
        """End one now. Raises NotFoundError."""
        seen = self._seen(actor)
        actor.require_own_write()
        ended = await seen.it.desk.expire(seen.tenant, id, self.now())
        seen.it.alerting.look_again()
        return _silence(ended)

    async def acknowledge(
        self, actor: Actor, group: str, *, duration_s: float | None, comment: str
    ) -> None:
        """Somebody looks after it: no repeats, no escalation. Raises NotFoundError.

        `group`: the name of a rule, or the key of a group as notices have it.
        """
        from intertie.monitor.escalation import Ack  # noqa: PLC0415

        seen = self._seen(actor)
        it = seen.it
        actor.require_own_write()
        now = self.now()
        until = None if duration_s is None else now + timedelta(seconds=duration_s)
        state = await it.desk.state()
        keys = [
            key
            for key, episode in state.episodes.items()
            if group in {key, episode.labels.get("alertname")} and seen.sees(episode.labels)
        ]
        if not keys:
            raise NotFoundError(f"cannot acknowledge {group[:200]!r}: nobody is told of such a one")
        for key in keys:
            await it.desk.acknowledge(key, Ack(actor.name, now, until, comment))
        it.alerting.look_again()

    async def notices(self, actor: Actor, *, most: int) -> Sequence[NoticeView]:
        """What was told, the newest first."""
        seen = self._seen(actor)
        rows = await seen.it.desk.notices(most=most, tenant=seen.tenant)
        return [_notice(each) for each in rows]

    def feed(self, actor: Actor, name: str, value: float, labels: Mapping[str, str]) -> None:
        """Feed a figure of `monitoring.metrics`. Raises IntertieError."""
        it = self._it(actor)
        actor.require_own_write()
        if name not in it.config.metrics:
            raise NotFoundError(f"cannot feed {name[:100]!r}: `monitoring.metrics` has none such")
        tenant = actor.reach.tenant
        if tenant is not None:
            it.quotas.spend(tenant, 1)
        why = it.feeds.feed(name, value, labels, tenant=tenant)
        if why is not None:
            raise IntertieError(f"cannot feed {name}: {why}")

    async def push(self, actor: Actor, body: bytes, content_type: str, *, gzipped: bool) -> Taken:
        """Take samples of an OTLP request, those of a tenant's callers as that tenant's.

        Raises IntertieError when none of it can be taken, TooMuchError when it may be later.
        """
        it = self._it(actor)
        actor.require_own_write()
        tenant = actor.reach.tenant
        export = await it.intake.take(body, content_type, gzipped=gzipped, tenant=tenant)
        return Taken(len(export.points), export.rejected, export.why)

    def rules_as_prometheus(self, actor: Actor) -> dict[str, Any]:
        """`data` of `/api/v1/rules`."""
        seen = self._seen(actor)
        rules = [
            {
                "name": rule.name,
                "query": seen.text(rule.expr),
                "duration": rule.for_ms / 1000,
                "keepFiringFor": rule.keep_firing_for_ms / 1000,
                "labels": dict(rule.labels),
                "annotations": dict(rule.annotations),
                "alerts": [_as_prometheus(each) for each in self._active(seen, rule.name)],
                "state": self._state(seen, rule.name),
                "health": "ok",
                "type": "alerting",
            }
            for rule in self._rules(seen)
        ]
        rules = [*seen.records(), *rules]
        return {"groups": [{"name": "suite", "file": "suite", "interval": 0, "rules": rules}]}

    def alerts_as_prometheus(self, actor: Actor) -> list[dict[str, Any]]:
        """`data.alerts` of `/api/v1/alerts`."""
        seen = self._seen(actor)
        names = [rule.name for rule in seen.it.alerting.rules.rules]
        return [_as_prometheus(each) for name in names for each in self._active(seen, name)]

    def tenants(self, actor: Actor) -> Sequence[TenantUse]:
        """How much each tenant sends and may send, by name; a tenant's callers see their own."""
        seen = self._seen(actor)
        return [seen.use(name) for name in sorted(seen.it.quotas.tenants) if seen.is_of(name)]

    def _seen(self, actor: Actor) -> Seen:
        return Seen(self._it(actor), actor.reach.tenant or "")

    def _rules(self, seen: Seen) -> "Sequence[AlertRule]":
        rules = seen.it.alerting.rules.rules
        return [each for each in rules if not seen.tenant or self._of_rule(seen, each.name)]

    def _it(self, actor: Actor) -> Watching:
        actor.require_own_read()
        found = self.now_watching()
        if found is None:
            raise NotFoundError(_NONE)
        return found

    def _active(self, seen: Seen, rule: str) -> Sequence[AlertView]:
        return [each for each in self._of_rule(seen, rule) if each.state != "resolved"]

    def _state(self, seen: Seen, rule: str) -> str:
        states = {each.state for each in self._active(seen, rule)}
        return "firing" if "firing" in states else "pending" if states else "inactive"

    def _of_rule(self, seen: Seen, rule: str) -> Sequence[AlertView]:
        held: dict[str, list[HeldBack]] = {}
        for each in seen.it.alerting.held:
            # Why may tell of alerts and people that are not the tenant's.
            why = HeldBack(each.stage, seen.text(each.why))
            held.setdefault(each.alert.fingerprint, []).append(why)
        standing = seen.it.alerting.standing(rule)
        return [_view(each, held) for each in standing if seen.sees(each[0].labels)]


def _view(
    found: "tuple[Alert, State]",
    held: Mapping[str, Sequence[HeldBack]],
) -> AlertView:
    alert, state = found
    value = alert.value
    return AlertView(
        fingerprint=alert.fingerprint,
        name=alert.labels.get("alertname", ""),
        severity=alert.severity,
        state=state,
        labels=dict(alert.labels),
        annotations=dict(alert.annotations),
        value=value if value is not None and abs(value) < float("inf") else None,
        since=alert.starts_at,
        held=tuple(held.get(alert.fingerprint, ())),
        trace_id=trace_id_of(alert.trace),
    )


def _as_prometheus(view: AlertView) -> dict[str, Any]:
    return {
        "labels": view.labels,
        "annotations": view.annotations,
        "state": view.state,
        "activeAt": view.since.isoformat().replace("+00:00", "Z"),
        "value": repr(view.value),
    }


def _silence(silence: "Silence") -> SilenceView:
    return SilenceView(
        id=silence.id,
        matchers=tuple(f"{each.label}{each.op}{each.value}" for each in silence.matchers),
        starts_at=silence.starts_at,
        ends_at=silence.ends_at,
        created_by=silence.created_by,
        comment=silence.comment,
    )


def _notice(row: "Row") -> NoticeView:
    return NoticeView(
        id=row.id,
        kind=row.kind,
        group=row.group,
        channel=row.channel,
        planned_at=row.planned_at,
        status=row.status,
        tries=row.tries,
        answer=row.answer,
        trace_id=trace_id_of(json.loads(row.text).get("trace", "")),
    )


def _matcher(text: str) -> "Matcher":
    from intertie.monitor.sample import Matcher  # noqa: PLC0415

    found = re.fullmatch(r"([a-zA-Z_][a-zA-Z0-9_]{0,99})(=~|!~|!=|=)(.*)", text, re.DOTALL)
    if found is None:
        raise IntertieError(
            f"cannot use {text[:100]!r} to choose alerts: expected label=value, or != =~ !~"
        )
    return Matcher(found[1], found[2], found[3])  # type: ignore[arg-type] # one of the four


def _moment(at_ms: int) -> datetime:
    return datetime.fromtimestamp(at_ms / 1000, UTC)


def _ms(at: datetime) -> int:
    return round(at.timestamp() * 1000)
