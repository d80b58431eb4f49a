"""How the gateway talks to one service."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from intertie.suite.values import Count, Duration, Flag, Model, Name, Percent, Period, UrlPath, at

Share = Annotated[Percent, Field(le=100)]


class LoadBalancing(Model):
    """Which replica gets the next request."""

    kind: Literal["round_robin", "least_request", "random", "ring_hash", "maglev"] = "round_robin"
    """The hashes send what is alike to the same replica."""
    hash_on: Literal["client", "address", "header", "cookie"] = "client"
    """What makes requests alike: who asks, from where, or a header or cookie."""
    name: str | None = None
    """Of the header or cookie."""
    cookie_ttl: Duration = 0.0
    """A cookie is made, when there is none, and lasts so long; 0 until the browser ends."""
    slow_start: Duration = 0.0
    """A new replica gets its full part after so long."""

    @model_validator(mode="after")
    def _hash_has_a_name(self) -> Self:
        if self.hash_on in {"header", "cookie"} and not self.name:
            raise at("name", f"expected the name of the {self.hash_on}")
        return self


class ActiveCheck(Model):
    """The gateway asks each replica by itself, beside the suite's own checks."""

    path: UrlPath = "/health"
    """What is asked for; any 2xx is well."""
    grpc: Flag = False
    """Asked by the health protocol of gRPC, in place of `path`."""
    grpc_service: str = ""
    """Whose health that protocol is asked for; empty is that of the whole server."""
    interval: Period = 5.0
    """From one to the next."""
    timeout: Period = 1.0
    """Of one."""
    unhealthy_threshold: Count = 3
    """Failures in a row that take a replica out."""
    healthy_threshold: Count = 1
    """Successes in a row that bring it back."""


class CircuitBreaker(Model):
    """A replica that keeps failing is left alone for a while; too much work is refused at once."""

    failure_threshold: Count = 5
    """Failures (5xx, no answer) in a row that take a replica out."""
    recovery_timeout: Period = 30.0
    """How long it is left alone; longer each time."""
    max_ejected: Share = 100.0
    """How many of the replicas may be out at once."""
    failure_ratio: Share | None = None
    """Part of the requests in `interval` that takes a replica out, of at least 50 requests."""
    interval: Period = 10.0
    """How often ratios are looked at."""
    max_connections: Count = 4096
    """To the service."""
    max_pending: Count = 4096
    """Requests that wait for a connection."""
    max_requests: Count = 8192
    """At once."""
    retry_budget: Share = 20.0
    """Part of the requests under way that may be retries."""


class Admission(Model):
    """Refuse early, with a growing chance, what would probably fail."""

    success_rate: Share = 95.0
    """Below this part of good answers, some requests are refused."""
    window: Period = 30.0
    """Over which it is looked at."""


class AdaptiveConcurrency(Model):
    """Fewer requests at once while the service answers late; those above are answered 503."""

    latency: Period
    """How long nine of ten answers take while the service is well."""
    min: Count = 10
    """At once, however late it answers."""
    max: Count = 1000
    """At once, however soon it answers."""

    @model_validator(mode="after")
    def _is_a_range(self) -> Self:
        if self.min > self.max:
            raise at("min", f"expected no more than `max`, {self.max}")
        return self


class Upstream(Model):
    """How the gateway talks to one service."""

    protocol: Literal["http1", "http2"] = "http1"
    """http2 for gRPC."""
    connect_timeout: Period = 1.0
    """Of one connection."""
    load_balancing: LoadBalancing = LoadBalancing()
    """Which replica gets the next request."""
    health_check: ActiveCheck | None = None
    """None trusts the suite's own checks."""
    circuit_breaker: CircuitBreaker | None = None
    """None takes no replica out; the limits of work at once are those of the default."""
    admission: Admission | None = None
    """None refuses nothing early."""
    adaptive_concurrency: AdaptiveConcurrency | None = None
    """None leaves the number at once to `max_concurrency`. Each route has a number of its own."""
    max_concurrency: Count | None = None
    """Requests at once; more are answered 503."""
    failover: tuple[Name, ...] = ()
    """Services that are asked, in this order, when this one has no replica that is well."""
