"""One route of the gateway: which requests it takes, and what becomes of them."""

import re
from typing import Annotated, Literal, Self, cast

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from intertie.suite.cache import RouteCaching
from intertie.suite.limits import Windows
from intertie.suite.security import Addresses, AuthMethod, Cors
from intertie.suite.transform import BodyTransform
from intertie.suite.values import (
    DEFAULT_METHODS,
    Count,
    Duration,
    Flag,
    Method,
    Model,
    Name,
    Percent,
    Period,
    Roles,
    RoutePath,
    Words,
    at,
    one_or_more,
    scalar,
)

_HOST = re.compile(r"(\*\.)?(?:(?!-)[a-z0-9-]{1,63}(?<!-)\.)*(?!-)[a-z0-9-]{1,63}(?<!-)")
_HEADER = r"^[A-Za-z0-9!#$%&'*+.^`|~-]{1,100}$"
_NOT_FOR_ROUTES = {"host", "content-length", "transfer-encoding", "connection"}
_PLACES = re.compile(r"\{([a-z][a-z0-9_]*)\}")


def _host(value: str) -> str:
    if not _HOST.fullmatch(value.lower()):
        raise ValueError("expected a host such as api.example.com or *.example.com")
    return value.lower()


def _matches(value: object) -> object:
    """`name: text` is short for an exact match; `name: null` for being there."""
    if not isinstance(value, dict):
        return value
    items = cast("dict[str, object]", value).items()
    return {
        name: {"present": True}
        if item is None
        else item
        if isinstance(item, dict | Matcher)
        else {"exact": scalar(item)}
        for name, item in items
    }


Host = Annotated[str, AfterValidator(_host)]
HeaderName = Annotated[str, Field(pattern=_HEADER)]
HeaderText = Annotated[str, Field(max_length=4096, pattern=r"^[^\r\n\x00]*$")]
Share = Annotated[Percent, Field(le=100)]


class Matcher(Model):
    """What a header, query parameter or cookie must hold; one of these."""

    exact: str | None = None
    """The same text."""
    prefix: Annotated[str, Field(min_length=1)] | None = None
    """Text that begins so."""
    regex: Annotated[str, Field(min_length=1, max_length=1000)] | None = None
    """Text all of which this regular expression (RE2) matches."""
    present: Flag | None = None
    """Whether it must be there at all."""

    @model_validator(mode="after")
    def _says_one(self) -> Self:
        said = [name for name in ("exact", "prefix", "regex", "present") if self._has(name)]
        if len(said) != 1:
            raise ValueError("expected one of exact, prefix, regex and present")
        return self

    def _has(self, name: str) -> bool:
        return getattr(self, name) is not None


Matchers = Annotated[
    dict[HeaderName, Matcher],
    BeforeValidator(
        _matches, json_schema_input_type=dict[HeaderName, Matcher | str | int | bool | None]
    ),
]


class Part(Model):
    """A part of a route's requests."""

    service: Name
    """Where it goes."""
    weight: Annotated[int, Field(strict=True, ge=0, le=10_000)]
    """Beside those of the others."""


class Redirect(Model):
    """An answer that sends the client elsewhere."""

    to: Annotated[str, Field(pattern=r"^(https?://[^\s]+|/[!-~]*)$")]
    """An address, or a path on the same host; `{name}` is a segment of the route's path."""
    status: Literal[301, 302, 303, 307, 308] = 308
    """308 and 307 keep the method."""
    strip_query: Flag = False
    """Whether the query is left away."""


class Answer(Model):
    """An answer that no service is asked for."""

    status: Annotated[int, Field(ge=200, le=599)] = 200
    """Of the answer."""
    body: Annotated[str, Field(max_length=65536)] = ""
    """As it is sent."""
    content_type: HeaderText = "application/json"
    """What the body is."""


class Mirror(Model):
    """Requests are also sent there; what is answered does not matter."""

    service: Name
    """Where they go."""
    percent: Share = 100.0
    """How many of them."""


class Fault(Model):
    """Trouble made on purpose, to see what clients do."""

    delay: Period | None = None
    """Before the service is asked."""
    delay_percent: Share = 100.0
    """How many requests wait."""
    abort: Annotated[int, Field(ge=200, le=599)] | None = None
    """Answered with this status; the service is not asked."""
    abort_percent: Share = 100.0
    """How many requests end so."""


RetryCause = Literal[
    "connect-failure", "refused-stream", "reset", "reset-before-request", "5xx", "gateway-error",
    "retriable-4xx", "unavailable", "resource-exhausted", "deadline-exceeded",
]  # fmt: skip


class Retries(Model):
    """A request that failed is sent to another replica, within the service's retry budget."""

    max_attempts: Annotated[int, Field(strict=True, ge=0, le=10)] = 2
    """Beside the first."""
    on: tuple[RetryCause, ...] = ("connect-failure", "refused-stream", "reset")
    """What counts as failed."""
    statuses: tuple[Annotated[int, Field(ge=400, le=599)], ...] = ()
    """Answers that count as failed."""
    per_try_timeout: Period | None = None
    """Of one attempt."""
    backoff: Period = 0.025
    """Before the second attempt; it doubles."""
    unsafe_methods: Flag = False
    """Whether a POST that the service may have got is sent again; else only one it cannot have."""


class Headers(Model):
    """What is done to headers. Text holds no formatter: `%` is a plain character."""

    set: dict[HeaderName, HeaderText] = {}
    """In place of what is there."""
    add: dict[HeaderName, HeaderText] = {}
    """Beside what is there."""
    remove: tuple[HeaderName, ...] = ()
    """Taken away."""

    @model_validator(mode="after")
    def _leaves_framing(self) -> Self:
        for name in (*self.set, *self.add, *self.remove):
            if name.lower() in _NOT_FOR_ROUTES or name.startswith(":"):
                raise ValueError(f"{name} is not for routes to change")
        return self


class Transcoding(Model):
    """JSON requests become calls of a gRPC service."""

    descriptor: str
    """The file that `protoc --include_imports --descriptor_set_out` wrote; relative to the suite
    file's folder."""
    services: Annotated[tuple[str, ...], Field(min_length=1)]
    """Full names: `shop.v1.Orders`."""
    keep_field_names: Flag = False
    """JSON has the names of the .proto file, in place of `lowerCamelCase`."""
    print_defaults: Flag = True
    """Also what is 0, empty or false."""
    stream: Literal["list", "lines", "events"] = "list"
    """How the messages of a stream are told: as one JSON list, a line each, or as server-sent
    events."""


class Route(RouteCaching):
    """Requests whose path begins with `path`, at a segment border, go to `service`."""

    path: RoutePath
    """`{name}` stands for one segment: `/media/{id}/stream`. The route with most segments wins,
    literal ones before named ones."""
    service: Name | None = None
    """Each of its ready replicas gets requests in turn."""
    split: tuple[Part, ...] = ()
    """Several services in place of one, each with its weight."""
    redirect: Redirect | None = None
    """In place of a service."""
    answer: Answer | None = None
    """In place of a service."""
    hosts: Annotated[
        tuple[Host, ...], BeforeValidator(one_or_more, json_schema_input_type=str | list[str])
    ] = ()
    """Only requests for these hosts; a route that names hosts wins over one that does not."""
    methods: tuple[Method, ...] = DEFAULT_METHODS
    """Others are answered 405."""
    headers: Matchers = {}
    """Only requests with these; of routes with one path, the one that asks for more wins."""
    query: Matchers = {}
    """Only requests with these query parameters."""
    cookies: Matchers = {}
    """Only requests with these cookies."""
    exact: Flag = False
    """Only the path itself, nothing below it."""
    strip: Flag = False
    """Forward the path without the route's `path`, of which only the part before the first `{name}`
    is taken away."""
    strip_prefix: RoutePath | None = None
    """Forward the path without this beginning of it; `strip` need not be said."""
    rewrite: RoutePath | None = None
    """Forward this path in place of the route's; `{name}` is that segment of it."""
    host_rewrite: Host | None = None
    """The host that the service is told; None is the one the client asked for."""
    request_headers: Headers = Headers()
    """What is done to them before the service gets them."""
    response_headers: Headers = Headers()
    """What is done to them before the client gets them."""
    request_body: BodyTransform | None = None
    """What JSON bodies, of at most 1 MiB, become before the service gets them."""
    response_body: BodyTransform | None = None
    """What JSON bodies, of at most 1 MiB, become before the client gets them."""
    auth_required: Flag = True
    """A valid token, key or login is needed; the identity is forwarded as `x-forwarded-user`."""
    auth_methods: tuple[AuthMethod, ...] | None = None
    """None is those of `security.authentication`."""
    roles: Roles = ()
    """One of these is needed."""
    scopes: Words = ()
    """All of these are needed, of a key or token that has scopes at all."""
    external_auth: Flag = False
    """Also the policy of `security.external_authorization` must let in."""
    feature: str | None = None
    """What the caller's tenant must have bought."""
    tenants: Annotated[
        tuple[Name, ...], BeforeValidator(one_or_more, json_schema_input_type=str | list[str])
    ] = ()
    """Only for callers of these."""
    addresses: Addresses | None = None
    """None is those of `security`."""
    cors: Cors | None = None
    """None is that of `security`."""
    rate_limit: Windows | None = None
    """In place of those of the gateway: `2000/hour`, or `2000/hour, 100/minute`."""
    unlimited: Flag = False
    """Its requests are not counted."""
    timeout: Duration = 30.0
    """For the whole answer; 0 means none (streams)."""
    idle_timeout: Period | None = None
    """Of a stream on which nothing moves; 5 minutes, or an hour where `timeout` is 0."""
    retries: Retries | None = None
    """None sends again, to another replica, what no replica got, and safe methods that were cut."""
    websocket: Flag = False
    """Let a client turn its request into a WebSocket."""
    max_body: Count | None = None
    """Largest request body in bytes; larger ones are answered 413."""
    mirror: Mirror | None = None
    """Where copies of requests go."""
    fault: Fault | None = None
    """Trouble made on purpose."""
    compression: Flag | None = None
    """None is that of the gateway."""
    grpc_json: Transcoding | None = None
    """Let JSON clients call a gRPC service."""
    grpc_web: Flag = False
    """Let browsers call a gRPC service."""

    @model_validator(mode="before")
    @classmethod
    def _prefix_means_strip(cls, data: object) -> object:
        if isinstance(data, dict) and "strip_prefix" in data:
            return {"strip": True, **cast("dict[str, object]", data)}
        return data

    @model_validator(mode="after")
    def _leads_somewhere(self) -> Self:
        ways = [self.service is not None, bool(self.split), bool(self.redirect), bool(self.answer)]
        if sum(ways) != 1:
            raise at("service", "expected one of `service`, `split`, `redirect` and `answer`")
        if self.split and not sum(part.weight for part in self.split):
            raise at("split", "expected a weight above 0")
        return self

    @model_validator(mode="after")
    def _calls_by_its_own_path(self) -> Self:
        if self.grpc_json is not None and (self.strip or self.rewrite):
            raise at("grpc_json", "the path says which method is called: no `strip`, no `rewrite`")
        return self

    @model_validator(mode="after")
    def _is_limited_or_not(self) -> Self:
        if self.unlimited and self.rate_limit is not None:
            raise at("unlimited", "`rate_limit` says the opposite")
        return self

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

    @model_validator(mode="after")
    def _rewrite_fits(self) -> Self:
        if self.rewrite and self.strip:
            raise at("rewrite", "`strip` says something else")
        wanted = _PLACES.findall(self.rewrite or "") + _PLACES.findall(
            self.redirect.to if self.redirect else ""
        )
        unknown = sorted(set(wanted) - set(_PLACES.findall(self.path)))
        if unknown:
            key = "rewrite" if self.rewrite else "redirect"
            raise at(key, f"{self.path} has no segment {{{unknown[0]}}}")
        return self

    @property
    def services(self) -> tuple[str, ...]:
        """All that its requests may go to, copies included."""
        parts = [part.service for part in self.split]
        own = [self.service] if self.service else []
        return (*own, *parts, *([self.mirror.service] if self.mirror else []))
