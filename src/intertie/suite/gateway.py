"""The one door of a suite: a real Envoy in front of the services."""

from typing import Annotated, Literal

from pydantic import Field

from intertie.suite.cache import Caching
from intertie.suite.external import External
from intertie.suite.limits import RateLimiting
from intertie.suite.openapi import ImportedRoute, OpenApiImport
from intertie.suite.route import Route
from intertie.suite.security import Security
from intertie.suite.streams import Stream
from intertie.suite.tls import Tls
from intertie.suite.upstream import Upstream
from intertie.suite.values import Duration, Flag, Model, Name, Percent, Port, SmallCount

PolicyWord = Literal["rate limiting", "authentication", "caching", "circuit breaking"]


class Jwt(Model):
    """Tokens of the suite's own issuer."""

    audience: str = "intertie"
    """What a token's `aud` must hold."""
    token_expiry: Duration | None = None
    """In place of `security.authentication.token_expiry`."""


class Compression(Model):
    """Answers are compressed for clients that can read them so."""

    enabled: Flag = False
    """A route may say otherwise."""
    encodings: tuple[Literal["br", "zstd", "gzip"], ...] = ("br", "zstd", "gzip")
    """What a client may choose from."""


class Tracing(Model):
    """Spans of requests, as OTLP over HTTP."""

    endpoint: Annotated[str, Field(pattern=r"^https?://[^\s#?]+$")]
    """Of a collector: `http://127.0.0.1:4318/v1/traces`."""
    sampling: Annotated[Percent, Field(le=100)] = 10.0
    """Part of the requests that nobody has decided about yet; a traced caller's are all traced."""
    authorization: Annotated[str | None, Field(exclude=True, repr=False)] = None
    """Sent to the collector."""


class Gateway(Model):
    """The one door: a real Envoy in front of the services."""

    host: str = "127.0.0.1"
    """Address it listens on; 0.0.0.0 is every address of the machine."""
    port: Port = 8000
    """Port it listens on."""
    tls: Tls | None = None
    """None answers unencrypted requests."""
    routes: tuple[Route, ...] = ()
    """The longest path wins, whatever the order."""
    openapi: tuple[OpenApiImport, ...] = ()
    """Documents whose operations become routes, beside `routes`."""
    external: dict[Name, External] = {}
    """Services that others run; routes name them as they name those of the suite."""
    streams: tuple[Stream, ...] = ()
    """What is not HTTP, each on a port of its own."""
    policies: tuple[PolicyWord, ...] = ()
    """Each of these is switched on as its own key has it by default."""
    security: Security = Security()
    """Who may use it, from where, and from which web pages."""
    upstreams: dict[Name, Upstream] = {}
    """How it talks to services; those not named are spoken to by default."""
    caching: Caching | None = None
    """Answers that are kept at the gateway; None keeps none."""
    rate_limiting: RateLimiting | None = None
    """How often a client may ask; None limits only routes with a rate of their own."""
    compression: Compression = Compression()
    """Answers are compressed for clients that can read them so."""
    tracing: Tracing | None = None
    """None makes no spans."""
    count_statuses: Flag | None = None
    """Requests of each service and each route are counted by status, for a tenth of a small
    request's time; None: if the suite is monitored when it is started."""
    jwt: Jwt = Jwt()
    """Tokens of the suite's own issuer."""
    concurrency: SmallCount = 1
    """Envoy worker threads."""

    @property
    def written(self) -> tuple[Route, ...]:
        """The routes that the file has itself."""
        return tuple(each for each in self.routes if not isinstance(each, ImportedRoute))

    @property
    def checks_requests(self) -> bool:
        """Whether any request is held against a document."""
        return any(each.validate_requests for each in self.openapi)

    @property
    def cache(self) -> Caching | None:
        """That said, or, where only the policy is switched on, that of the default."""
        if self.caching is None and "caching" in self.policies:
            return Caching()
        return self.caching if self.caching and self.caching.enabled else None

    @property
    def limits(self) -> RateLimiting | None:
        """Those said, or, where only the policy is switched on, those of the default."""
        if self.rate_limiting is None and "rate limiting" in self.policies:
            return RateLimiting()
        return self.rate_limiting

    @property
    def token_expiry(self) -> float:
        """In seconds."""
        said = self.jwt.token_expiry
        return self.security.authentication.token_expiry if said is None else said
