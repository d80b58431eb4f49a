"""What is measured, how long that is kept, what is alarming, and who is told."""

from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from intertie.suite.heartbeats import DeadMansSwitch
from intertie.suite.on_call import Rota, targets, unknown
from intertie.suite.records import Records
from intertie.suite.rule_tests import RuleTest
from intertie.suite.secret import Reference
from intertie.suite.slo import Slo
from intertie.suite.status_page import StatusPage
from intertie.suite.tenant_monitoring import TenantMonitoring
from intertie.suite.tracing import SuiteTracing
from intertie.suite.values import (
    Count,
    Duration,
    Flag,
    LabelName,
    LabelTexts,
    Model,
    Name,
    Period,
    PortNumber,
    Size,
    UrlPath,
    Words,
    at,
    one_or_more,
)

Function = Literal["avg", "max", "min", "95percentile"]
Step = Literal["1m", "5m", "1h", "1d"]
Severity = Literal["critical", "warning"]
MetricName = Annotated[str, Field(pattern=r"^[a-zA-Z_:][a-zA-Z0-9_:]{0,199}$")]
Expression = Annotated[str, Field(min_length=1, max_length=4000)]
Names = Annotated[
    tuple[Name, ...], BeforeValidator(one_or_more, json_schema_input_type=str | list[str])
]
Targets = Annotated[
    tuple[
        Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_.-]{0,62}(/[a-z0-9][a-z0-9_.-]{0,62})?$")],
        ...,
    ],
    BeforeValidator(one_or_more, json_schema_input_type=str | list[str]),
]


class Retention(Model):
    """How long samples are kept; what is older is removed."""

    high_resolution: Period = 7 * 86400.0
    """Each sample as it came."""
    medium_resolution: Period = 30 * 86400.0
    """One value for five minutes, each of `functions`."""
    low_resolution: Period = 365 * 86400.0
    """One value for an hour and for a day."""
    max_size: Size = 2 << 30
    """Of the whole store on the disk: when it is reached, the oldest samples go first, and an alert
    `MetricsStoreFull` tells it before."""


class Aggregation(Model):
    """Which values of an interval are computed, always from the samples themselves."""

    functions: Annotated[
        tuple[Function, ...], BeforeValidator(one_or_more, json_schema_input_type=list[str] | str)
    ] = ("avg", "max", "min", "95percentile")
    """What is computed."""
    intervals: Annotated[
        tuple[Step, ...], BeforeValidator(one_or_more, json_schema_input_type=list[str] | str)
    ] = ("1m", "5m", "1h", "1d")
    """Over what."""


class Scrape(Model):
    """A page in the Prometheus or OpenMetrics format that is read each interval."""

    service: Name | None = None
    """A service of the suite; each of its replicas is read."""
    url: Annotated[str, Field(pattern=r"^https?://[!-~]+$")] | None = None
    """Or any other address."""
    path: UrlPath = "/metrics"
    """Of the service."""
    labels: LabelTexts = {}
    """Added to each of its series."""
    timeout: Period = 10.0
    """After which it counts as down."""

    @model_validator(mode="after")
    def _one_target(self) -> Self:
        if (self.service is None) == (self.url is None):
            raise at("service", "expected either `service` or `url`")
        return self


class Collection(Model):
    """What is measured, and how often."""

    interval: Annotated[Period, Field(ge=1)] = 60.0
    """Between two samples of a series, from 1s."""
    retention: Retention = Retention()
    """How long they are kept."""
    aggregation: Aggregation = Aggregation()
    """What is computed of them."""
    scrape: dict[Name, Scrape] = {}
    """Pages of metrics that are read too, by job name."""
    max_series: Count = 100_000
    """New series beyond these are refused, and counted by the job that brings them."""


class BusinessMetric(Model):
    """A figure of what the suite is for, fed by events of the bus or over HTTP."""

    kind: Literal["counter", "gauge"] = "counter"
    """A counter only grows: each feed adds to it. A gauge is what was told last."""
    unit: Annotated[str, Field(max_length=30)] = ""
    """Such as EUR or users."""
    description: Annotated[str, Field(max_length=500)] = ""
    """For whoever reads it."""
    topic: Annotated[str, Field(max_length=200)] | None = None
    """Events that feed it, as `orders.paid` or `orders.*`; None: only over HTTP."""
    value: Annotated[str, Field(max_length=200)] | None = None
    """Where in an event's data the number is, as `amount` or `order.total`; None: 1 for each."""
    labels: Annotated[dict[LabelName, str], Field(max_length=5)] = {}
    """Labels, and where in an event's data each is."""


class Rule(Model):
    """When something is alarming."""

    expr: Expression
    """`error_rate > 5%`, `response_time_p95 > 1000ms`, or PromQL."""
    for_: Annotated[Duration, Field(alias="for")] = 0.0
    """It must be so for this long."""
    keep_firing_for: Duration = 0.0
    """It goes on for this long after it was so last."""
    recovery: Expression | None = None
    """It ends only once this is so; None: once `expr` is not so."""
    severity: Severity = "warning"
    """How bad it is."""
    labels: LabelTexts = {}
    """Added to its alerts."""
    annotations: LabelTexts = {}
    """Texts for people; `{{ $value }}` and `{{ $labels.name }}` are filled in."""
    no_data: Literal["ok", "alert", "keep"] = "ok"
    """What no sample at all means: nothing, an alert of its own, or as before."""


class Inhibition(Model):
    """While one alert fires, others are not told."""

    source: LabelTexts
    """Labels of the one."""
    target: LabelTexts
    """Labels of the others."""
    equal: Annotated[
        tuple[LabelName, ...], BeforeValidator(one_or_more, json_schema_input_type=list[str] | str)
    ] = ()
    """Labels that must be the same on both."""


class Mute(Model):
    """A window in which nothing is told of some alerts."""

    schedule: str
    """When it begins, as cron has it: `0 3 * * 0`."""
    duration: Period
    """How long it is."""
    timezone: str = "UTC"
    """Of the schedule."""
    matchers: LabelTexts = {}
    """Labels of the alerts; none: all."""


class Alarming(Model):
    """What is alarming."""

    critical: Annotated[
        tuple[Expression, ...], BeforeValidator(one_or_more, json_schema_input_type=list[str] | str)
    ] = ()
    """Short rules of that severity."""
    warning: Annotated[
        tuple[Expression, ...], BeforeValidator(one_or_more, json_schema_input_type=list[str] | str)
    ] = ()
    """Short rules of that severity; one about the same as a critical one is not told beside it."""
    rules: dict[Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,99}$")], Rule] = {}
    """Whole rules, by the name of their alerts."""
    inhibit: tuple[Inhibition, ...] = ()
    """Alerts that hide others."""
    mute: dict[Name, Mute] = {}
    """Windows without notices."""
    group_by: Annotated[
        tuple[LabelName, ...], BeforeValidator(one_or_more, json_schema_input_type=list[str] | str)
    ] = ("alertname",)
    """Alerts with the same values of these are told together."""
    group_wait: Duration = 0.0
    """How long the first notice of a group waits for more."""
    tests: tuple[RuleTest, ...] = ()
    """What is expected of the rules: `intertie alerts test` says whether it is so."""
    evaluation_interval: Annotated[Period, Field(ge=1)] | None = None
    """How often rules are looked at; None: each time samples came."""


class SeverityLevel(Model):
    """How insistently alerts of a severity are told."""

    notification_interval: Period
    """A notice is repeated this often while nobody has acknowledged it."""
    escalation_timeout: Period
    """When nobody has acknowledged it for so long, `escalate_to` is told too."""


class NoticeTemplate(Model):
    """What a channel says in place of the usual words: templates of Jinja."""

    subject: Annotated[str, Field(min_length=1, max_length=1000)] | None = None
    """One line; None: the usual one."""
    text: Annotated[str, Field(min_length=1, max_length=20_000)] | None = None
    """The rest, plain; None: the usual words."""


class EmailChannel(Model):
    """Mail by SMTP."""

    kind: Literal["email"]
    """What it is."""
    host: str = "127.0.0.1"
    """Of the server that takes it."""
    port: PortNumber = 587
    """Of the server."""
    tls: Literal["starttls", "tls", "none"] = "starttls"
    """How the connection is encrypted."""
    username: str | None = None
    """To log in with."""
    password: Reference | None = None
    """To log in with: a reference such as `${secret:smtp}`."""
    sender: Annotated[str, Field(min_length=3)]
    """The address it is from."""
    to: Annotated[Words, Field(min_length=1)]
    """The addresses it goes to."""
    template: Name | None = None
    """Of `monitoring.templates`: its words; None: the usual ones."""


class SlackChannel(Model):
    """A Slack channel, by an incoming webhook."""

    kind: Literal["slack"]
    """What it is."""
    url: Annotated[str, Field(min_length=1)]
    """Of the webhook: a reference such as `${secret:slack}`."""
    template: Name | None = None
    """Of `monitoring.templates`: its words; None: the usual ones."""


class WebhookChannel(Model):
    """An address that takes alerts as JSON, in the format of Alertmanager's webhooks."""

    kind: Literal["webhook"]
    """What it is."""
    url: Annotated[str, Field(min_length=1)]
    """Where they are posted."""
    secret: Reference | None = None
    """Signs each (HMAC-SHA256 of the body, header `X-Intertie-Signature`): a reference."""


class AppriseChannel(Model):
    """Any service that Apprise knows: push, SMS and some hundred more (extra `notify`)."""

    kind: Literal["apprise", "push_notification", "sms"]
    """What it is; the words differ only for readers."""
    url: Annotated[str, Field(min_length=1)]
    """As Apprise writes it; a reference where it holds a secret."""
    template: Name | None = None
    """Of `monitoring.templates`: its words; None: the usual ones."""


Channel = Annotated[
    EmailChannel | SlackChannel | WebhookChannel | AppriseChannel, Field(discriminator="kind")
]


class AlertIntegration(Model):
    """Who is told, and how."""

    channels: Targets = ()
    """Channels of `monitoring.channels` that are told of each alert, and rotas of
    `monitoring.on_call`: whoever is on call at that moment."""
    severity_levels: dict[Severity, SeverityLevel] = {
        "critical": SeverityLevel(notification_interval=300, escalation_timeout=1800),
        "warning": SeverityLevel(notification_interval=1800, escalation_timeout=7200),
    }
    """How insistently."""
    escalate_to: Targets = ()
    """Channels and rotas that are told when nobody acknowledges."""
    fallback: Names = ()
    """Channels that are told when one of the others cannot be reached."""
    resolved: Flag = True
    """Whether it is told when an alert has ended."""


class RemoteWrite(Model):
    """A Prometheus, VictoriaMetrics or the like that samples are sent on to, by remote write."""

    url: Annotated[str, Field(pattern=r"^https?://[!-~]+$", max_length=2000)]
    """Such as `http://prometheus:9090/api/v1/write`."""
    headers: dict[Annotated[str, Field(pattern=r"^[A-Za-z0-9-]{1,100}$")], str] = {}
    """Of each request; values may hold `${secret:name}`."""
    only: Annotated[
        tuple[Expression, ...], BeforeValidator(one_or_more, json_schema_input_type=list[str] | str)
    ] = ()
    """Series that fit one of these, as `up` or `{service=~"web|shop"}`; none: all."""


class Monitoring(Model):
    """What is measured, and who is told when that is not well."""

    metrics_collection: Collection = Collection()
    """What is measured."""
    metrics: dict[MetricName, BusinessMetric] = {}
    """Figures of what the suite is for."""
    records: Records = {}
    """Figures that PromQL gives of others at each look, before alerts are looked at; by name."""
    alerts: Alarming = Alarming()
    """What is alarming."""
    alert_integration: AlertIntegration = AlertIntegration()
    """Who is told."""
    channels: dict[Name, Channel] = {}
    """Ways to tell people, by name."""
    templates: dict[Name, NoticeTemplate] = {}
    """Words of notices, by the name that channels give."""
    remote_write: dict[Name, RemoteWrite] = {}
    """Where samples are sent on to as they are measured, by name."""
    on_call: dict[Name, Rota] = {}
    """People who are on call in turn, by name of the rota."""
    dead_mans_switch: DeadMansSwitch = DeadMansSwitch()
    """Heartbeats, so that also the end of monitoring is told."""

    tracing: SuiteTracing | None = None
    """Traces of requests; None makes none."""
    slo: dict[Name, Slo] = {}
    """What is promised, by name."""
    status_page: StatusPage | None = None
    """A page that tells whether services are well; None shows none."""
    tenants: dict[Name, TenantMonitoring] = {}
    """Limits and channels of tenants, by their names in `tenants` of the suite."""

    @property
    def own_names(self) -> tuple[str, ...]:
        """Names of series that are the suite's own: no misspelt words of rules."""
        return (*self.metrics, *self.records)

    @model_validator(mode="after")
    def _templates_are_known(self) -> Self:
        for name, each in self.channels.items():
            used = None if isinstance(each, WebhookChannel) else each.template
            if used is not None and used not in self.templates:
                why = f"`{name}` names template {used!r}, which `templates` does not have"
                raise at("channels", why)
        return self

    @model_validator(mode="after")
    def _channels_are_known(self) -> Self:
        told = self.alert_integration
        for why in unknown(self.on_call, self.channels):
            raise at("on_call", why)
        rotas = frozenset(targets(self.on_call))
        for name in (*told.channels, *told.escalate_to, *told.fallback):
            if name not in self.channels and name not in rotas:
                raise at("alert_integration", f"it names {name!r}, which `channels` does not have")
        for tenant, each in self.tenants.items():
            for name in each.channels:
                if name not in self.channels:
                    why = f"`{tenant}` names {name!r}, which `channels` does not have"
                    raise at("tenants", why)
        for name in told.fallback:
            if name in rotas:
                raise at("alert_integration", f"`fallback` names {name!r}: expected channels only")
        return self
