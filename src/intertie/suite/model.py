"""What is wanted: the suite file as frozen values.

Where Docker Compose has a key for a thing, ours has the same name and meaning; each field's
description is published in the JSON Schema. Interpolation, overlays and `extends` are done before
these models see the data (`suite.load`); rules across services are checked in `suite.check`.
"""

import re
import shlex
import signal
from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    field_validator,
    model_validator,
)

_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
_UNIT_S = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def parse_duration(value: object) -> float:
    """Seconds in `1h30m`, `500ms`, `30s` or a plain number of seconds.

    Raises ValueError for anything else, also for negative numbers.
    """
    if isinstance(value, int | float) and not isinstance(value, bool) and value >= 0:
        return float(value)
    text = value.strip() if isinstance(value, str) else ""
    parts = _DURATION.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise ValueError("expected a duration such as 500ms, 30s, 5m or 1h30m")
    return sum(float(number) * _UNIT_S[unit] for number, unit in parts)


def _signal(value: str) -> str:
    name = value if value.startswith("SIG") else f"SIG{value}"
    if name not in signal.Signals.__members__:
        raise ValueError("expected a signal name such as SIGTERM or SIGINT")
    return name


def _argv(value: object) -> object:
    if isinstance(value, str):
        return shlex.split(value)
    return value


def _environment(value: object) -> object:
    """Compose's two spellings: a map, or a list of NAME=value."""
    if isinstance(value, list):
        pairs = [str(item).partition("=") for item in value]
        return {name: text for name, _, text in pairs}
    if isinstance(value, dict):
        return {name: _scalar(item) for name, item in value.items()}
    return value


def _scalar(value: object) -> object:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int | float) else value


def _dependencies(value: object) -> object:
    """Compose's short form: a list of names, each meaning service_started."""
    if isinstance(value, list):
        return {name: {} for name in value}
    if isinstance(value, dict):
        return {name: item or {} for name, item in value.items()}
    return value


Duration = Annotated[
    float,
    BeforeValidator(parse_duration, json_schema_input_type=str | float),
    Field(description="A duration: 500ms, 30s, 5m, 1h30m, or a number of seconds."),
]
Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_.-]{0,62}$")]
Argv = Annotated[tuple[str, ...], BeforeValidator(_argv, json_schema_input_type=str | list[str])]
PortNumber = Annotated[int, Field(ge=1, le=65535)]
Port = PortNumber | Literal["auto"]
Signal = Annotated[str, AfterValidator(_signal)]
UrlPath = Annotated[str, Field(pattern=r"^/")]
Method = Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
DEFAULT_METHODS: tuple[Method, ...] = (
    "GET",
    "HEAD",
    "POST",
    "PUT",
    "PATCH",
    "DELETE",
    "OPTIONS",
)


class Model(BaseModel):
    """Base of all suite models: frozen, unknown keys are faults."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class Dependency(Model):
    condition: Literal["service_started", "service_healthy", "service_completed_successfully"] = (
        "service_started"
    )
    """What must be true of the other service before this one starts."""


class Healthcheck(Model):
    """Exactly one of `http`, `tcp` and `test`; how often, and how many times in a row."""

    http: UrlPath | None = None
    """Path asked for with GET on the service's port; any 2xx is healthy."""
    tcp: bool | None = None
    """The service's port accepts connections."""
    test: Argv | None = None
    """Command; exit code 0 is healthy. Compose's `CMD` and `CMD-SHELL` prefixes are understood."""
    interval: Duration = 5.0
    """Between checks once healthy. While starting, checks ramp from 5 ms up to this."""
    timeout: Duration = 5.0
    """For one check."""
    failure_threshold: Annotated[int, Field(ge=1)] = 3
    """Failures in a row that turn a healthy service DOWN."""
    success_threshold: Annotated[int, Field(ge=1)] = 1
    """Successes in a row that turn a service UP."""
    start_period: Duration = 60.0
    """A service that is not healthy this long after its start has failed to start."""

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        kinds = [kind for kind in (self.http, self.tcp, self.test) if kind]
        if len(kinds) != 1:
            raise ValueError("expected exactly one of http, tcp, test")
        return self


class Restart(Model):
    """When an ended replica is started again, and how long to wait before."""

    policy: Literal["no", "on-failure", "always", "unless-stopped"] = "no"
    max_attempts: Annotated[int, Field(ge=1)] | None = None
    """Restarts allowed within `window`; one more failure and the service is FAILED."""
    window: Duration = 300.0
    backoff: Literal["exponential", "fixed"] = "exponential"
    delay: Duration = 0.5
    """The first restart comes at once; the second waits up to this long, then doubling."""
    max_delay: Duration = 30.0


class Service(Model):
    """One program of the suite. Its replicas each get an own port and log files."""

    command: Argv
    """Program and arguments; a string is split as a shell would, without running a shell."""
    working_dir: str | None = None
    """Relative to the suite file's folder, which is the default."""
    environment: Annotated[
        dict[str, str],
        BeforeValidator(
            _environment,
            json_schema_input_type=dict[str, str | int | float | bool] | list[str],
        ),
    ] = {}
    env_file: Annotated[
        tuple[str, ...],
        BeforeValidator(
            lambda v: [v] if isinstance(v, str) else v,
            json_schema_input_type=str | list[str],
        ),
    ] = ()
    """Files of NAME=value lines, read before `environment`; later files win."""
    port: Port | None = None
    """Given to the process as PORT. `auto` takes a free one at each start."""
    depends_on: Annotated[
        dict[Name, Dependency],
        BeforeValidator(
            _dependencies,
            json_schema_input_type=dict[str, Dependency | None] | list[str],
        ),
    ] = {}
    healthcheck: Healthcheck | None = None
    restart: Restart = Restart()
    stop_signal: Signal = "SIGTERM"
    stop_grace_period: Duration = 10.0
    """From the stop signal to SIGKILL of the whole group."""
    replicas: Annotated[int, Field(ge=1, le=256)] = 1
    profiles: tuple[Name, ...] = ()
    """Started only when one of these profiles is active; none means always."""

    @field_validator("command")
    @classmethod
    def _not_empty(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not value:
            raise ValueError("expected a program to run")
        return value

    @field_validator("restart", mode="before")
    @classmethod
    def _restart_word(cls, value: object) -> object:
        return {"policy": value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _ports_fit(self) -> Self:
        check = self.healthcheck
        if self.port is None and check is not None and (check.http or check.tcp):
            raise ValueError("a http or tcp healthcheck needs `port`")
        if isinstance(self.port, int) and self.replicas > 1:
            raise ValueError("several replicas cannot share a fixed port: use `port: auto`")
        return self


class Route(Model):
    """Requests whose path begins with `path`, at a segment border, go to `service`."""

    path: UrlPath
    """`{name}` stands for one segment: `/media/{id}/stream`. The route with most segments wins,
    literal ones before named ones."""
    service: Name
    methods: tuple[Method, ...] = DEFAULT_METHODS
    """Others are answered 405."""
    strip: bool = False
    """Forward the path without the route's `path`."""
    auth_required: bool = True
    """A valid token is needed; the identity is forwarded as `x-forwarded-user` (JSON)."""
    timeout: Duration = 30.0
    """For the whole answer; 0 means none (streams)."""
    websocket: bool = False
    max_body: Annotated[int, Field(gt=0)] | None = None
    """Largest request body in bytes; larger ones are answered 413."""


class Jwt(Model):
    """Tokens the gateway accepts: those of the suite's own issuer."""

    audience: str = "intertie"
    token_expiry: Duration = 3600.0


class Gateway(Model):
    """The one door: a real Envoy in front of the services."""

    host: str = "127.0.0.1"
    port: Port = 8000
    routes: tuple[Route, ...] = ()
    """The longest path wins, whatever the order."""
    jwt: Jwt = Jwt()
    concurrency: Annotated[int, Field(ge=1, le=256)] = 1
    """Envoy worker threads."""


class Api(Model):
    """The management API."""

    host: str = "127.0.0.1"
    port: Port = 8080


class Suite(Model):
    """Everything wanted, after interpolation, overlays and checks."""

    suite: Name
    services: Annotated[dict[Name, Service], Field(min_length=1)]
    gateway: Gateway | None = None
    api: Api = Api()
