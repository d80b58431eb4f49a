"""Event: CloudEvents 1.0 attributes plus one of the payload models below.

Types and payloads are the public contract; a new event is a new payload model here.
"""

from datetime import datetime
from typing import Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, SerializerFunctionWrapHandler, model_serializer


class Payload(BaseModel):
    """Base of all payloads; `type` is the CloudEvents type they travel under."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)
    type: ClassVar[str]


class ServiceStarted(Payload):
    """A replica runs and, where it declares a health check, is healthy."""

    type: ClassVar[str] = "suite.service_started"
    service: str
    replica: int
    pid: int
    port: int | None
    took_s: float
    """From spawn to ready."""


class ServiceStopped(Payload):
    """A replica ended, on request or by itself."""

    type: ClassVar[str] = "suite.service_stopped"
    service: str
    replica: int
    pid: int
    exit_code: int | None
    """None when ended by a signal, or when the daemon did not start it and cannot know."""
    signal: int | None
    wanted: bool
    """True when a stop was asked for."""


class ServiceFailed(Payload):
    """A replica cannot be started, or died and will or will not be tried again."""

    type: ClassVar[str] = "suite.service_error"
    service: str
    replica: int
    error: str
    retry_in_s: float | None
    """Seconds to the next try; None when given up."""


class HealthChanged(Payload):
    """A replica's health check changed its verdict."""

    type: ClassVar[str] = "suite.health_check"
    service: str
    replica: int
    status: Literal["UP", "DOWN"]
    reason: str


class ServiceFlapping(Payload):
    """A replica's health changes so often that neither verdict can be believed."""

    type: ClassVar[str] = "suite.service_flapping"
    service: str
    replica: int
    changes: int
    """Of its verdict within `window_s`."""
    window_s: float


class HookFailed(Payload):
    """A command declared for a moment of a service's life did not do its work."""

    type: ClassVar[str] = "suite.hook_failed"
    service: str
    replica: int
    moment: Literal["pre_start", "post_start", "pre_stop", "post_stop", "stop_command"]
    error: str


class ChangeProgressed(Payload):
    """A change began, finished a step, or ended."""

    type: ClassVar[str] = "suite.change"
    change: str
    status: Literal["doing", "done", "failed", "aborted"]
    step: str
    error: str | None = None


class GatewayApplied(Payload):
    """The gateway accepted (or refused) a generation of its configuration."""

    type: ClassVar[str] = "suite.gateway_applied"
    generation: str
    accepted: bool
    error: str | None = None


class QuotaExceeded(Payload):
    """A client used up one of its limits; at most once a minute for each of both."""

    type: ClassVar[str] = "suite.quota_exceeded"
    client: str
    """`user:ada`, `key:3f9a`; an address where nobody is known."""
    tenant: str
    policy: str
    """Names of the limits that refuse."""
    code: str
    route: str
    """Of the first request that was refused."""
    count: int
    """Requests that were refused since the last such event."""


class AuthRefused(Payload):
    """The gateway did not let a client in; at most once a minute for each client and reason."""

    type: ClassVar[str] = "suite.auth_refused"
    client: str
    """`user:ada`, `key:3f9a`; an address where nobody is known."""
    tenant: str
    policy: str
    """The rule that refuses: `api_key`, `role:admin`."""
    code: str
    """Why, as a word that does not change: `key_expired`, `role_missing`."""
    route: str
    """Of the first request that was refused."""
    count: int
    """Requests that were refused since the last such event."""


class CachePurged(Payload):
    """Somebody made the gateway's cache forget answers."""

    type: ClassVar[str] = "suite.cache_purged"
    actor: str
    scope: Literal["url", "prefix", "tag", "all"]
    value: str
    """The URL, prefix or tag; `*` for all."""
    tenant: str | None
    """None is every tenant."""
    answers: int
    """That were kept."""


class AlertFiring(Payload):
    """Something has become alarming."""

    type: ClassVar[str] = "alert.firing"
    alert: str
    """Name of its rule."""
    severity: str
    labels: dict[str, str]
    """What tells it from others of its rule, the two above included."""
    annotations: dict[str, str]
    """Texts for people."""
    value: str
    """Of the rule's expression; a text, for it may be no number."""


class AlertResolved(Payload):
    """It is not so any more."""

    type: ClassVar[str] = "alert.resolved"
    alert: str
    severity: str
    labels: dict[str, str]


class TaskFinished(Payload):
    """A run of a task is over, or was cut short and is tried again."""

    type: ClassVar[str] = "suite.task_finished"
    task: str
    verdict: Literal["success", "failure", "crashed", "skipped", "cancelled"]
    run: int
    """Number of the run; it stays the same when it is tried again."""
    scheduled_at: datetime
    attempt: int
    late: bool
    """It began more than a minute after its time."""
    again: bool
    """It is tried again."""
    error: str


class HealthFound(Payload):
    """A look at the suite as a whole found something no longer well, or well again."""

    type: ClassVar[str] = "suite.health_found"
    check: str
    """service_status, resource_usage, error_rates or response_times."""
    measure: str
    what: str
    """A service, a disk, or `machine`."""
    value: float
    threshold: float
    well: bool


class RemediationMoved(Payload):
    """An alert was answered, or is not; or what was done about it has come to an end."""

    type: ClassVar[str] = "suite.remediation"
    id: int
    """Of the answer; it stays the same as the answer moves on."""
    rule: str
    alert: str
    service: str
    """Empty: it is about none."""
    action: str
    mode: Literal["shadow", "approve", "automatic"]
    attempt: int
    status: str
    """`doing`, `waiting` for recovery, `recovered`, `not_recovered`, `failed`, `interrupted`;
    `proposed`, `withdrawn`, `expired`, `declined`; `shadow`, `refused`, `given_up`."""
    why: str


class ControlCommand(Payload):
    """What `suite.control.start`, `.stop` and `.restart` carry; the topic says which."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    type: ClassVar[str] = "suite.control"
    services: tuple[str, ...] = ()
    """Empty means all."""
    idempotency_key: str | None = None
    """Commands with the same key are one command. None: the event's own id is the key."""


class ControlAnswered(Payload):
    """The one answer to a command."""

    type: ClassVar[str] = "suite.control.answer"
    command: Literal["start", "stop", "restart"]
    idempotency_key: str
    status: Literal["done", "failed", "refused"]
    services: tuple[str, ...]
    change: str | None
    """Id of the change that did it; None when it was refused."""
    took_s: float
    """From taking the command to its end."""
    error: str | None = None


class Event(BaseModel):
    """A CloudEvents 1.0 envelope in structured JSON mode."""

    model_config = ConfigDict(frozen=True)

    specversion: Literal["1.0"] = "1.0"
    id: str
    source: str
    type: str
    subject: str
    """What it is about: a service, a change or the gateway."""
    time: datetime
    datacontenttype: Literal["application/json"] = "application/json"
    data: dict[str, object]
    """The payload, as JSON values; the model is the one whose `type` equals ours."""
    traceparent: str | None = None
    """W3C trace context of what caused it (CloudEvents' distributed tracing extension)."""

    @model_serializer(mode="wrap")
    def _without_null(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """An attribute that is not there is left out: CloudEvents 1.0 knows no null."""
        found: dict[str, Any] = dump(self)
        if self.traceparent is None:
            found.pop("traceparent", None)
        return found
