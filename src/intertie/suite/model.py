"""What is wanted: the suite file as frozen values.

Where Docker Compose has a key for a thing, ours has the same name and meaning; each field's
description is published in the JSON Schema. Interpolation, overlays and `extends` are done before
these models see the data (`suite.load`); rules across services are checked in `suite.check`.
"""

import re
import shlex
import signal
from typing import Annotated, Literal, Self, cast

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

MAX_PORT = 65535
MAX_DURATION_S = 10 * 365 * 86400.0

_DURATION = re.compile(r"([0-9]{1,18}(?:\.[0-9]{1,18})?)(ms|s|m|h|d)")
_NUMBER = re.compile(r"[0-9]{1,18}(?:\.[0-9]{1,18})?")
_SEGMENT = re.compile(r"\{[a-z][a-z0-9_]*\}|(?!\.{1,2}$)[A-Za-z0-9._~!$&'()*+,;=:@%-]+")
_UNIT_S = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def parse_duration(value: object) -> float:
    """Seconds in `1h30m`, `500ms`, `30s` or a plain number of seconds.

    Raises ValueError for anything else, also for negative numbers and for more than ten years.
    """
    seconds = _seconds(value)
    if seconds is None or not 0 <= seconds <= MAX_DURATION_S:
        raise ValueError("expected a duration such as 500ms, 30s, 5m or 1h30m")
    return float(seconds)


def _parse_period(value: object) -> float:
    seconds = parse_duration(value)
    if seconds == 0:
        raise ValueError("expected a duration longer than 0")
    return seconds


def _seconds(value: object) -> float | None:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    text = value.strip() if isinstance(value, str) else ""
    if _NUMBER.fullmatch(text):
        return float(text)
    parts = _DURATION.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        return None
    return sum(float(number) * _UNIT_S[unit] for number, unit in parts)


def _whole(value: object) -> object:
    """Interpolation gives text; digits in text are a number all the same."""
    return int(value) if isinstance(value, str) and re.fullmatch(r"[0-9]{1,18}", value) else value


def _flag(value: object) -> object:
    return {"true": True, "false": False}.get(value, value) if isinstance(value, str) else value


def _port(value: object) -> object:
    number = _whole(value)
    if number == "auto" or (type(number) is int and 1 <= number <= MAX_PORT):
        return number
    raise ValueError(f"expected a port number from 1 to {MAX_PORT}, or auto")


def _at(key: str, message: str) -> PydanticCustomError:
    """A broken rule between keys of one table, laid at one of them."""
    return PydanticCustomError("rule", "{message}", {"message": message, "key": key})


def _signal(value: str) -> str:
    name = value if value.startswith("SIG") else f"SIG{value}"
    if name not in signal.Signals.__members__:
        raise ValueError("expected a signal name such as SIGTERM or SIGINT")
    return name


def _argv(value: object) -> object:
    if isinstance(value, list | tuple):
        return cast("object", value)
    if not isinstance(value, str):
        raise ValueError("expected a command: text, or a list of text")
    try:
        return shlex.split(value)
    except ValueError as exc:
        raise ValueError(f"expected a command with every quote closed, got {value!r}") from exc


def _environment(value: object) -> object:
    """Compose's two spellings: a map, or a list of NAME=value."""
    if isinstance(value, list):
        pairs = [str(item).partition("=") for item in cast("list[object]", value)]
        if not all(equals for _, equals, _ in pairs):
            raise ValueError("expected a list of NAME=value")
        return {name: text for name, _, text in pairs}
    if isinstance(value, dict):
        items = cast("dict[object, object]", value).items()
        return {name: _scalar(item) for name, item in items}
    return value


def _scalar(value: object) -> object:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int | float) else value


def _dependencies(value: object) -> object:
    """Compose's short form: a list of names, each meaning service_started."""
    if isinstance(value, list):
        return {name: {} for name in cast("list[object]", value)}
    if isinstance(value, dict):
        items = cast("dict[object, object]", value).items()
        return {name: {} if item is None else item for name, item in items}
    return value


def _policy(value: object) -> object:
    """Compose's short form: the policy as a word, `on-failure:3` for three attempts."""
    if not isinstance(value, str):
        return value
    policy, colon, attempts = value.partition(":")
    return {"policy": policy, "max_attempts": attempts} if colon else {"policy": policy}


def _one_or_more(value: object) -> object:
    return [value] if isinstance(value, str) else value


def _check_variable(value: str) -> str:
    if not value or "=" in value:
        raise ValueError("expected the name of an environment variable")
    return value


def _check_route_path(value: str) -> str:
    segments = value.removeprefix("/").removesuffix("/").split("/") if value != "/" else []
    if not value.startswith("/") or not all(map(_SEGMENT.fullmatch, segments)):
        raise ValueError("expected a path such as /api/users or /api/users/{id}")
    return value


_DurationText = Annotated[str, Field(pattern=r"^\s*([0-9.]+|([0-9]+(\.[0-9]+)?(ms|s|m|h|d))+)\s*$")]
Duration = Annotated[
    float, BeforeValidator(parse_duration, json_schema_input_type=_DurationText | float)
]
Period = Annotated[
    float, BeforeValidator(_parse_period, json_schema_input_type=_DurationText | float)
]
Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_.-]{0,62}$")]
Argv = Annotated[tuple[str, ...], BeforeValidator(_argv, json_schema_input_type=str | list[str])]
Count = Annotated[int, Field(strict=True, ge=1), BeforeValidator(_whole)]
SmallCount = Annotated[int, Field(strict=True, ge=1, le=256), BeforeValidator(_whole)]
Flag = Annotated[bool, Field(strict=True), BeforeValidator(_flag)]
PortNumber = Annotated[int, Field(ge=1, le=MAX_PORT)]
Port = Annotated[PortNumber | Literal["auto"], BeforeValidator(_port)]
Variable = Annotated[str, AfterValidator(_check_variable)]
Signal = Annotated[str, AfterValidator(_signal)]
UrlPath = Annotated[str, Field(pattern=r"^/[!-~]*$")]
RoutePath = Annotated[UrlPath, AfterValidator(_check_route_path)]
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
    """A service that has to be there before this one starts."""

    condition: Literal["service_started", "service_healthy", "service_completed_successfully"] = (
        "service_started"
    )
    """What must be true of the other service before this one starts."""


class Healthcheck(Model):
    """Exactly one of `http`, `tcp` and `test`; how often, and how many times in a row."""

    http: UrlPath | None = None
    """Path asked for with GET on the service's port; any 2xx is healthy."""
    tcp: Flag | None = None
    """The service's port accepts connections."""
    test: Argv | None = None
    """Command; exit code 0 is healthy. Compose's `CMD` and `CMD-SHELL` prefixes are understood."""
    interval: Period = 5.0
    """Between checks once healthy. While starting, checks ramp from 5 ms up to this."""
    timeout: Period = 5.0
    """For one check."""
    failure_threshold: Count = 3
    """Failures in a row that turn a healthy service DOWN."""
    success_threshold: Count = 1
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
    """`no` leaves it ended; `on-failure` is for exit codes other than 0 and for signals."""
    max_attempts: Count | None = None
    """Restarts allowed within `window`; one more failure and the service is FAILED."""
    window: Duration = 300.0
    """Restarts longer ago than this are forgotten."""
    backoff: Literal["exponential", "fixed"] = "exponential"
    """Whether the wait doubles from restart to restart or stays at `delay`."""
    delay: Duration = 0.5
    """The first restart comes at once; the second waits up to this long, then doubling."""
    max_delay: Duration = 30.0
    """The wait grows up to this."""


class Service(Model):
    """One program of the suite. Its replicas each get an own port and log files."""

    command: Argv
    """Program and arguments; a string is split as a shell would, without running a shell."""
    working_dir: str | None = None
    """Relative to the suite file's folder, which is the default."""
    environment: Annotated[
        dict[Variable, str],
        BeforeValidator(
            _environment,
            json_schema_input_type=dict[str, str | int | float | bool] | list[str],
        ),
    ] = {}
    """Variables of the process. Values may hold `${secret:name}`, filled in at its start."""
    env_file: Annotated[
        tuple[str, ...],
        BeforeValidator(_one_or_more, json_schema_input_type=str | list[str]),
    ] = ()
    """Files of NAME=value lines, read before `environment`; later files win."""
    port: Port | None = None
    """Given to the process as PORT. `auto` takes a free one, and keeps it over restarts."""
    depends_on: Annotated[
        dict[Name, Dependency],
        BeforeValidator(
            _dependencies,
            json_schema_input_type=dict[str, Dependency | None] | list[str],
        ),
    ] = {}
    """Services that must be there before this one starts; a list means service_started."""
    healthcheck: Healthcheck | None = None
    """When the service counts as healthy; without one, as soon as it runs."""
    restart: Annotated[Restart, BeforeValidator(_policy, json_schema_input_type=str | Restart)] = (
        Restart()
    )
    """What happens when it ends: a map, or just the policy (`on-failure:3` for three attempts)."""
    stop_signal: Signal = "SIGTERM"
    """Asks the process to end."""
    stop_grace_period: Duration = 10.0
    """From the stop signal to SIGKILL of the whole group."""
    replicas: SmallCount = 1
    """Processes of it; several need `port: auto` or no port."""
    profiles: tuple[Name, ...] = ()
    """Started only when one of these profiles is active; none means always."""

    @field_validator("command")
    @classmethod
    def _not_empty(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not value:
            raise ValueError("expected a program to run")
        return value

    @model_validator(mode="after")
    def _ports_fit(self) -> Self:
        check = self.healthcheck
        if self.port is None and check is not None and (check.http or check.tcp):
            raise _at("healthcheck", "a http or tcp healthcheck needs `port`")
        if isinstance(self.port, int) and self.replicas > 1:
            raise _at("port", "several replicas cannot share a fixed port: use `port: auto`")
        return self


class Route(Model):
    """Requests whose path begins with `path`, at a segment border, go to `service`."""

    path: RoutePath
    """`{name}` stands for one segment: `/media/{id}/stream`. The route with most segments wins,
    literal ones before named ones."""
    service: Name
    """Each of its ready replicas gets requests in turn."""
    methods: tuple[Method, ...] = DEFAULT_METHODS
    """Others are answered 405."""
    strip: Flag = False
    """Forward the path without the route's `path`, of which only the part before the first `{name}`
    is taken away."""
    strip_prefix: RoutePath | None = None
    """Forward the path without this beginning of it; `strip` need not be said."""
    auth_required: Flag = True
    """A valid token is needed; the identity is forwarded as `x-forwarded-user` (JSON)."""
    timeout: Duration = 30.0
    """For the whole answer; 0 means none (streams)."""
    websocket: Flag = False
    """Let a client turn its request into a WebSocket."""
    max_body: Count | None = None
    """Largest request body in bytes; larger ones are answered 413."""

    @model_validator(mode="before")
    @classmethod
    def _prefix_means_strip(cls, data: object) -> object:
        if isinstance(data, dict) and "strip_prefix" in data:
            return {"strip": True, **cast("dict[str, object]", data)}
        return data

    @model_validator(mode="after")
    def _prefix_fits(self) -> Self:
        prefix = self.strip_prefix
        if prefix is None:
            return self
        if not self.strip:
            raise _at("strip_prefix", "`strip: false` says the opposite")
        if "{" in prefix or not f"{self.path}/".startswith(f"{prefix.rstrip('/')}/"):
            raise _at("strip_prefix", f"expected a literal beginning of {self.path}, got {prefix}")
        return self


class Jwt(Model):
    """Tokens the gateway accepts: those of the suite's own issuer."""

    audience: str = "intertie"
    """What a token's `aud` must hold."""
    token_expiry: Duration = 3600.0
    """How long a token made here is valid."""


class Gateway(Model):
    """The one door: a real Envoy in front of the services."""

    host: str = "127.0.0.1"
    """Address it listens on; 0.0.0.0 is every address of the machine."""
    port: Port = 8000
    """Port it listens on."""
    routes: tuple[Route, ...] = ()
    """The longest path wins, whatever the order."""
    jwt: Jwt = Jwt()
    """Which tokens `auth_required` routes accept."""
    concurrency: SmallCount = 1
    """Envoy worker threads."""


class Api(Model):
    """The management API."""

    host: str = "127.0.0.1"
    """Address it listens on."""
    port: Port = 8080
    """Port it listens on."""


class Suite(Model):
    """Everything wanted, after interpolation, overlays and checks."""

    suite: Name
    """Its name."""
    services: Annotated[dict[Name, Service], Field(min_length=1)]
    """The programs, by name."""
    gateway: Gateway | None = None
    """None is run unless this is given."""
    api: Api = Api()
    """Where the management API listens."""
