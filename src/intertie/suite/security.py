"""Who may use the gateway, from where, and from which web pages."""

import re
from ipaddress import ip_network
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from intertie.suite.values import (
    Duration,
    Flag,
    Method,
    Model,
    Name,
    Period,
    UrlPath,
    at,
    one_or_more,
)

_ORIGIN = re.compile(r"https?://(\*\.)?[a-z0-9.-]{1,253}(:[0-9]{1,5})?|\*", re.IGNORECASE)
_URL = r"^https?://[^\s#?]+$"


def _network(value: str) -> str:
    try:
        return str(ip_network(value))
    except ValueError as exc:
        raise ValueError("expected an address or network such as 10.0.0.0/8") from exc


def _origin(value: str) -> str:
    if not _ORIGIN.fullmatch(value):
        raise ValueError("expected an origin such as https://*.example.com")
    return value.lower()


Network = Annotated[str, AfterValidator(_network)]
Networks = Annotated[
    tuple[Network, ...], BeforeValidator(one_or_more, json_schema_input_type=str | list[str])
]
Origin = Annotated[str, AfterValidator(_origin)]
_SAID_BY_THE_GATEWAY = frozenset(
    {"host", "content-length", "transfer-encoding", "connection"}
    | {"x-forwarded-user", "x-client-id", "x-tenant-id", "x-roles"}
)
HeaderNames = tuple[Annotated[str, Field(pattern=r"^[A-Za-z0-9!#$%&'*+.^`|~-]{1,100}$")], ...]
AuthMethod = Literal["jwt", "api_key", "session", "signature"]


class TokenIssuer(Model):
    """A foreign issuer whose tokens are accepted."""

    issuer: Annotated[str, Field(min_length=1)]
    """What a token's `iss` must be."""
    audiences: Annotated[tuple[str, ...], Field(min_length=1)]
    """One of these must be in a token's `aud`."""
    jwks_uri: Annotated[str, Field(pattern=_URL)] | None = None
    """Where its keys are; read by the gateway, and again every `jwks_cache`."""
    jwks_file: str | None = None
    """A file with its keys, in place of `jwks_uri`; relative to the suite file's folder."""
    jwks_cache: Period = 300.0
    """How long its keys are used before they are read again."""
    roles_claim: str = "roles"
    """Where its tokens name roles: a list of text, `realm_access.roles` for one inside a table."""


class Authentication(Model):
    """How a caller proves who it is."""

    methods: Annotated[tuple[AuthMethod, ...], Field(min_length=1)] | None = None
    """What is accepted on routes with `auth_required`: a token in `authorization: Bearer`, a key in
    `x-api-key`, the cookie of a login, a request signed with a sealed key (RFC 9421). None is
    tokens, and with `identity` all of them but signatures."""
    token_expiry: Period = 3600.0
    """How long a token made here is valid."""
    refresh_enabled: Flag = True
    """Whether a login also gets a refresh token; it is used once, and replaced."""
    refresh_expiry: Period = 30 * 86400.0
    """How long a refresh token may lie unused."""
    issuers: tuple[TokenIssuer, ...] = ()
    """Foreign ones, beside the suite's own."""
    api_keys: Literal["hashed", "sealed"] = "hashed"
    """`hashed`: only a hash of a key is kept, and looked up beside the gateway. `sealed`: also the
    key, encrypted, so that the gateway itself can compare it, which is quicker."""


class Cors(Model):
    """Which web pages of other origins may use the API from a browser."""

    allowed_origins: Annotated[
        tuple[Origin, ...],
        Field(min_length=1),
        BeforeValidator(one_or_more, json_schema_input_type=str | list[str]),
    ]
    """`https://*.example.com` is every name below example.com, not itself; scheme and port must be
    the same. `*` is any, and then no credentials are allowed."""
    allowed_methods: tuple[Method, ...] | None = None
    """None allows those of the route."""
    allowed_headers: HeaderNames = ("authorization", "content-type", "x-api-key", "x-request-id")
    """What a page may send."""
    exposed_headers: HeaderNames = ("ratelimit", "ratelimit-policy", "retry-after", "x-request-id")
    """What a page may read."""
    allow_credentials: Flag = False
    """Whether cookies are sent along."""
    max_age: Duration = 3600.0
    """How long a browser may remember the answer."""
    allow_private_network: Flag = False
    """Whether a public page may reach a gateway in a private network."""


class Csrf(Model):
    """Requests that change something must come from a page of our own."""

    enabled: Flag = True
    """Whether the origin of POST, PUT, PATCH and DELETE is looked at."""
    additional_origins: tuple[Origin, ...] = ()
    """Others that may send them too."""


class Addresses(Model):
    """From where requests may come."""

    allow: Networks = ()
    """Only from these; empty is from everywhere."""
    deny: Networks = ()
    """Not from these, even if allowed."""
    countries: tuple[Annotated[str, Field(pattern=r"^[A-Z]{2}$")], ...] = ()
    """Only from these (ISO 3166); needs `geo_database`."""
    denied_countries: tuple[Annotated[str, Field(pattern=r"^[A-Z]{2}$")], ...] = ()
    """Not from these; needs `geo_database`."""


class ExternalAuthorization(Model):
    """A policy of one's own decides, request by request, on routes with `external_auth`."""

    service: Name
    """Who is asked: a service, or one of `external`. 200 lets in; all other answers but 5xx are
    told to the client."""
    path: UrlPath = "/"
    """Before the path that the client asked for."""
    timeout: Period = 0.5
    """Of one question."""
    failure: Literal["closed", "open"] = "closed"
    """What becomes of requests when it does not answer, or with 5xx: 503, or all are let in."""
    headers: HeaderNames = ()
    """Of the request, that it is told beside who asks. No credential is, unless named here; a token
    that the gateway has checked never."""
    answer_headers: HeaderNames = ()
    """Of its answer, that the service of the route is told."""

    @model_validator(mode="after")
    def _leaves_what_the_gateway_says(self) -> Self:
        for name in self.answer_headers:
            if name.lower() in _SAID_BY_THE_GATEWAY:
                raise at("answer_headers", f"{name} is for the gateway alone to say")
        return self


class SecurityHeaders(Model):
    """Set on every answer that does not have them."""

    enabled: Flag = True
    """Whether any is set."""
    content_security_policy: str | None = None
    """None leaves it to the services."""
    frame_options: Literal["DENY", "SAMEORIGIN"] | None = "SAMEORIGIN"
    """Who may show pages in a frame."""
    referrer_policy: str | None = "strict-origin-when-cross-origin"
    """What is told of where a reader came from."""


class Security(Model):
    """Who may use the gateway, from where, and from which web pages."""

    authentication: Authentication = Authentication()
    """How a caller proves who it is."""
    cors: Cors | None = None
    """None lets no page of another origin read answers."""
    csrf: Csrf = Csrf()
    """For routes that accept the cookie of a login."""
    addresses: Addresses = Addresses()
    """Of all routes; a route may say its own."""
    external_authorization: ExternalAuthorization | None = None
    """Who else is asked, on routes with `external_auth`."""
    headers: SecurityHeaders = SecurityHeaders()
    """Set on every answer that does not have them."""
    trusted_proxies: Networks = ()
    """Whose `x-forwarded-for` is believed, from right to left; nobody's by default."""
    geo_database: str | None = None
    """A MaxMind database of countries; relative to the suite file's folder."""
