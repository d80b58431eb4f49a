"""How a service is asked whether it is well."""

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from intertie.suite.values import (
    Argv,
    Count,
    Duration,
    Flag,
    Method,
    Model,
    Period,
    Regex,
    UrlPath,
    flag,
    one_or_more,
    whole,
)

Broker = Literal["redis", "rabbitmq", "kafka", "nats"]
_Code = Annotated[int, Field(strict=True, ge=100, le=599), BeforeValidator(whole)]


def _header_value(value: str) -> str:
    if any(char in value for char in "\r\n\0"):
        raise ValueError("expected a value on one line, got one with a line break")
    return value


# RFC 9110, sections 5.1 and 5.6.2.
_HeaderName = Annotated[str, Field(pattern=r"^[!#$%&'*+.^_`|~0-9A-Za-z-]+$")]
_HeaderValue = Annotated[str, AfterValidator(_header_value)]


def _path(value: object) -> object:
    return {"path": value} if isinstance(value, str) else value


def _any_service(value: object) -> object:
    """`true` asks for the server as a whole, which gRPC names by the empty text."""
    said = flag(value)
    return "" if said is True else None if said is False else value


class HttpProbe(Model):
    """A request to the service's own port."""

    path: UrlPath
    """With its query."""
    method: Method = "GET"
    """Sent without a body."""
    headers: dict[_HeaderName, _HeaderValue] = {}
    """Added to the request; `Host` may be among them."""
    status: Annotated[
        tuple[_Code, ...],
        BeforeValidator(one_or_more, json_schema_input_type=int | list[int]),
    ] = ()
    """Status codes that are healthy; any 2xx when none is given."""
    body: Regex | None = None
    """Must be found in the first 64 KiB of the answer's body."""


class FileProbe(Model):
    """A file that the service keeps."""

    path: str
    """Relative to the service's `working_dir`."""
    max_age: Period | None = None
    """Written to no longer ago than this; otherwise its being there is enough."""


class Probe(Model):
    """Exactly one kind of check; how often, and how many times in a row."""

    http: Annotated[
        HttpProbe | None, BeforeValidator(_path, json_schema_input_type=UrlPath | HttpProbe)
    ] = None
    """Path asked for with GET on the service's port; any 2xx is healthy. A map can say more."""
    tcp: Flag | None = None
    """The service's port accepts connections."""
    test: Argv | None = None
    """Command; exit code 0 is healthy. Compose's `CMD` and `CMD-SHELL` prefixes are understood."""
    grpc: Annotated[
        str | None, BeforeValidator(_any_service, json_schema_input_type=str | bool)
    ] = None
    """The standard gRPC health service says SERVING for this name; `true` is the whole server."""
    broker: Broker | None = None
    """The service's port speaks this protocol and answers its first exchange."""
    file: Annotated[
        FileProbe | None, BeforeValidator(_path, json_schema_input_type=str | FileProbe)
    ] = None
    """This file is there. Or a map that also says how fresh it must be."""
    notify: Flag | None = None
    """The process says so itself by sd_notify: READY=1; for liveness WATCHDOG=1 each `timeout`."""
    interval: Period = 5.0
    """Between checks once healthy. While starting, checks ramp from 5 ms up to this."""
    timeout: Period = 5.0
    """For one check."""
    failure_threshold: Count = 3
    """Failures in a row that turn a healthy service DOWN."""
    success_threshold: Count = 1
    """Successes in a row that turn a service UP."""

    @property
    def needs_port(self) -> bool:
        """Whether it asks the service's port."""
        return any(kind is not None for kind in (self.http, self.tcp, self.grpc, self.broker))

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        kinds = (self.http, self.test, self.broker, self.file)
        count = sum(1 for kind in kinds if kind) + sum(map(bool, (self.tcp, self.notify)))
        if count + (self.grpc is not None) != 1:
            raise ValueError("expected exactly one of http, tcp, test, grpc, broker, file, notify")
        return self


class Flapping(Model):
    """When changes of the verdict are so many that they say more than the verdict."""

    changes: Count = 6
    """Of UP and DOWN within `window`: the service is then DEGRADED, and an event tells it."""
    window: Period = 300.0
    """Over once there was no change for as long."""


class Healthcheck(Probe):
    """Whether the service is ready. Beside it, what else is asked of its process."""

    start_period: Duration = 60.0
    """A service that is not healthy this long after its start has failed to start."""
    startup: Probe | None = None
    """Asked first; the other checks begin once it has succeeded."""
    liveness: Probe | None = None
    """Asked once it is ready. When it turns DOWN the process is ended; `restart` says what then."""
    flapping: Flapping = Flapping()
    """When a service that goes up and down is called DEGRADED."""

    @property
    def probes(self) -> tuple[Probe, ...]:
        """All of them, this one first."""
        return (self, *(probe for probe in (self.startup, self.liveness) if probe))
