"""Bodies of the management API; what `/openapi.json` publishes."""

import re
from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from intertie.control.rule_difference import RuleDifference
from intertie.runtime.change import Change
from intertie.suite.values import MAX_DURATION_S, parse_duration

_SHORTEST = 2
_TTL = r"^([1-9][0-9]{0,2}d)?([1-9][0-9]{0,3}h)?([1-9][0-9]{0,5}m)?([1-9][0-9]{0,7}s)?$"
_Text = Annotated[str, Field(pattern=_TTL, min_length=_SHORTEST)]
_Number = Annotated[float, Field(ge=1, le=MAX_DURATION_S)]


def _whole(value: object) -> object:
    """JSON has one kind of number: 3.0 is 3."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _ttl(value: object) -> object:
    if not isinstance(value, str):
        return value
    if len(value) < _SHORTEST or not re.search(_TTL, value):
        raise ValueError("expected a duration such as 30s, 5m or 1h30m")
    return parse_duration(value)


Flag = Annotated[bool, Field(strict=True)]
Ttl = Annotated[
    float,
    Field(strict=True, ge=1, le=MAX_DURATION_S),
    BeforeValidator(_ttl, json_schema_input_type=_Text | _Number),
]


class Body(BaseModel):
    """Base of request bodies: unknown keys are refused."""

    model_config = ConfigDict(extra="forbid")


class ServicesBody(Body):
    """Which services to act on."""

    services: Annotated[list[str], Field(min_length=1, max_length=1000)]


class StartBody(ServicesBody):
    """Which services to start."""

    no_deps: Flag = False
    """Start just these, whatever they depend on."""


class ScaleBody(Body):
    """How many replicas to have."""

    replicas: Annotated[int, Field(strict=True, ge=1, le=256), BeforeValidator(_whole)]


class RunBody(Body):
    """What to run once."""

    command: Annotated[list[str], Field(max_length=1000)] = []
    """Empty: the service's own."""
    environment: Annotated[dict[str, str], Field(max_length=1000)] = {}
    """Added to the service's."""
    no_deps: Flag = False
    """Do not start what the service depends on."""


class TokenBody(Body):
    """Whom a token is for."""

    subject: Annotated[str, Field(min_length=1, max_length=200)]
    roles: Annotated[list[str], Field(max_length=50)] = []
    ttl: Ttl | None = None
    """None means the suite file's `token_expiry`."""


class TokenAnswer(BaseModel):
    """RFC 6749 section 5.1."""

    access_token: str
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105 - a scheme, not a secret
    expires_in: int


class ReplicaView(BaseModel):
    """One replica as it is now."""

    index: int
    state: str
    pid: int | None
    port: int | None
    since: datetime
    restarts: int
    reason: str
    flapping: bool = False
    """Its health changes too often to be believed."""


class ServiceView(BaseModel):
    """A service and its replicas; `kind` is engine for what Intertie itself brings."""

    name: str
    kind: Literal["service", "engine"]
    status: Literal["UP", "DEGRADED", "DOWN"]
    depends_on: list[str]
    replicas: list[ReplicaView]


class ServicePage(BaseModel):
    """A page of services; `total` counts all of them."""

    items: list[ServiceView]
    page: int
    limit: int
    total: int


class ChangePage(BaseModel):
    """A page of changes, newest first."""

    items: list[Change]
    page: int
    limit: int
    total: int


class Accepted(BaseModel):
    """Something was begun; follow it at `/api/changes/{id}`."""

    id: str


class PlanView(BaseModel):
    """What `apply` would do."""

    steps: list[dict[str, object]]
    lines: list[str]
    """The same for a person."""
    rules: RuleDifference | None = None
    """What changed rules would have told of the past; None: none changes, or none run."""


class DependencyHealth(BaseModel):
    """A service in the health JSON."""

    status: Literal["UP", "DEGRADED", "DOWN"]
    dependencies: dict[str, str] = {}
    error: str | None = None


class HealthView(BaseModel):
    """The health JSON; UP needs every service UP."""

    status: Literal["UP", "DEGRADED", "DOWN"]
    timestamp: datetime
    services: dict[str, DependencyHealth]
    addresses: dict[str, str]
    """Where the gateway and this API listen."""


class LiveView(BaseModel):
    """The daemon answers."""

    status: Literal["UP"] = "UP"
