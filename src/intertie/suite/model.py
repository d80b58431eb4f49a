"""What is wanted: the suite file as frozen values.

Where Docker Compose has a key for a thing, ours has the same name and meaning; each field's
description is published in the JSON Schema. Interpolation, overlays and `extends` are done before
these models see the data (`suite.load`); rules across services are checked in `suite.check`.
"""

from typing import Annotated, Literal, Self, cast

from pydantic import Field, model_validator

from intertie.suite.bus import Bus
from intertie.suite.logging import SuiteLogging, unknown_targets
from intertie.suite.plugins import Plugins
from intertie.suite.recovery import Automation
from intertie.suite.service import Service
from intertie.suite.values import (
    DEFAULT_METHODS,
    Count,
    Duration,
    Flag,
    Method,
    Model,
    Name,
    Port,
    RoutePath,
    SmallCount,
    at,
)


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
            raise at("strip_prefix", "`strip: false` says the opposite")
        if "{" in prefix or not f"{self.path}/".startswith(f"{prefix.rstrip('/')}/"):
            raise at("strip_prefix", f"expected a literal beginning of {self.path}, got {prefix}")
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
    bus: Bus | None = None
    """None is run unless this is given; `{}` is an embedded one."""
    plugins: Plugins | None = None
    """Python code that is called at moments of the suite's life; without this, a folder `plugins/`
    beside the file is looked into, if there is one."""
    logging: SuiteLogging = SuiteLogging()
    """Where log lines are sent, beside the files that hold them."""
    automation: Automation = Automation()
    """What is done without being asked for."""
    orphans: Literal["adopt", "reap"] = "adopt"
    """Services that a killed daemon left running are taken over, or ended and started anew."""

    @model_validator(mode="after")
    def _names_are_known(self) -> Self:
        for name, service in self.services.items():
            for target in unknown_targets(service.logging, self.logging.forward):
                raise at("logging", f"`{name}` sends its lines to {target!r}, which is not here")
        recovery = self.automation.recovery
        for name in (recovery.services or ()) if recovery else ():
            if name not in self.services:
                raise at("automation", f"recovery names {name!r}, which is no service")
        for key, forward in self.logging.forward.items():
            for name in forward.services:
                if name not in self.services:
                    raise at("logging", f"`{key}` names {name!r}, which is no service")
        return self
