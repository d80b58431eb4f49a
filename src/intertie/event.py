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
