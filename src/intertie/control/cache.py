"""The gateway's cache: what is in it, what must go, and what would become of a request."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from intertie.control.actor import Actor
from intertie.control.identity_desk import IdentityDesk
from intertie.errors import ConflictError, IntertieError, NotFoundError
from intertie.event import CachePurged, Payload
from intertie.suite.gateway import Gateway
from intertie.suite.model import Suite

if TYPE_CHECKING:  # its libraries are needed by suites that have a cache only
    from intertie.gateway.cache.client import CacheClient
    from intertie.gateway.cache.why import Variant

Scope = Literal["url", "prefix", "tag", "all"]

_MAX_URL = 8192
_HIDDEN = frozenset({"authorization", "cookie", "proxy-authorization", "x-api-key"})
_EVERYTHING = "*"


@dataclass(frozen=True, slots=True)
class Purged:
    """What a purge did."""

    answers: int
    """That were kept and are no more."""


@dataclass(frozen=True, slots=True)
class Request:
    """A request of a client, as far as a cache looks at it."""

    url: str
    """`/path?query` at the gateway's own address, or `http://host/path`."""
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    """Those that the gateway makes of an identity (`x-client-id`, …) may be among them."""
    tenant: str | None = None


@dataclass(frozen=True, slots=True)
class KeptAnswer:
    """One of those that are kept of an address."""

    status: int
    age_s: int
    ttl_s: int
    """Negative once it is stale."""
    lifetime_from: str
    """The field that says how long it is fresh, or `default_ttl`."""
    partition: str
    """Whose it is: `public`, `anonymous`, `one identity`."""
    selected: bool
    """It is the one this request gets."""
    vary: Mapping[str, str | None]
    """What the request that brought it said in the fields that Vary names; credentials as `…`."""
    size_bytes: int
    hits: int
    tags: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CacheReason:
    """What would happen to a request, and by which rule."""

    route: str
    verdict: str
    """`hit`, `stale hit`, `revalidate`, `miss` or `not cached`."""
    reason: str
    clause: str
    """Where the rule stands."""
    last_refusal: str | None
    """Why the last answer from the service was not kept."""
    variants: tuple[KeptAnswer, ...]


def _untold(payload: Payload, subject: str) -> None:
    """Nobody listens."""


@dataclass(frozen=True, slots=True)
class CacheControl:
    """Each purge is an event, and in the audit trail of a suite that has one."""

    suite: Callable[[], Suite | None] = lambda: None
    """As it was applied last."""
    envoy: Path = Path()
    """Where the cache's socket is."""
    tell: Callable[[Payload, str], object] = _untold
    desk: IdentityDesk = field(default_factory=IdentityDesk)

    @property
    def is_there(self) -> bool:
        """Whether the suite has a cache."""
        suite = self.suite()
        return suite is not None and suite.gateway is not None and suite.gateway.cache is not None

    async def stats(self, actor: Actor) -> Mapping[str, int]:
        """Counters since the cache was started, and how full it is. Raises GatewayError."""
        actor.require_read()
        return await self._client("look at the cache").stats()

    async def counted(self) -> Mapping[str, int]:
        """The same for metrics: empty where no cache answers."""
        if not self.is_there:
            return {}
        try:
            return await self._client("count").stats()
        except IntertieError:
            return {}

    async def purge(
        self, actor: Actor, scope: Scope, value: str = "", *, tenant: str | None = None
    ) -> Purged:
        """Forget what is at a URL, below a prefix, has a tag, or all. Raises GatewayError."""
        actor.require_write()
        client = self._client("purge the cache")
        _check(scope, value)
        count = await _forget(client, scope, value, tenant)
        told = _EVERYTHING if scope == "all" else value
        self.tell(
            CachePurged(actor=actor.name, scope=scope, value=told, tenant=tenant, answers=count),
            "gateway",
        )
        await self._write_down(actor, scope, told, tenant=tenant, count=count)
        return Purged(count)

    async def why(self, actor: Actor, asked: Request) -> CacheReason:
        """What would happen to it, without asking a service. Raises GatewayError, NotFoundError."""
        actor.require_read()
        client = self._client("explain the cache")
        url, headers = self._as_sent(asked)
        route = self._route(asked.method, url, headers)
        from intertie.gateway.cache.caller import ROUTE_HEADER  # noqa: PLC0415
        from intertie.gateway.cache.why import Question  # noqa: PLC0415

        headers[ROUTE_HEADER.decode()] = route
        found = await client.why(Question(url=url, method=asked.method, headers=headers))
        return CacheReason(
            route=route,
            verdict=found.verdict,
            reason=found.reason,
            clause=found.clause,
            last_refusal=found.last_refusal,
            variants=tuple(_kept(each) for each in found.variants),
        )

    def _client(self, what: str) -> "CacheClient":
        if not self.is_there:
            raise ConflictError(
                f"cannot {what}: the suite has no `gateway.caching`; add `caching: {{}}` to its"
                " `gateway:` and run `intertie up`"
            )
        from intertie.gateway.cache.client import CacheClient  # noqa: PLC0415
        from intertie.gateway.cache.settings import ADMIN_SOCKET  # noqa: PLC0415

        return CacheClient(self.envoy / ADMIN_SOCKET)

    def _as_sent(self, asked: Request) -> tuple[str, dict[str, str]]:
        """As the gateway passes it on: what it adds to each request is part of the address."""
        scheme, separator, rest = asked.url.partition("://")
        is_whole = bool(separator) and scheme in {"http", "https"} and bool(rest)
        if not (is_whole or asked.url.startswith("/")) or len(asked.url) > _MAX_URL:
            raise IntertieError(
                "cannot explain this request: expected /path?query or http://host/path as its URL"
            )
        headers = {name.lower(): value for name, value in asked.headers.items()}
        gateway = self._gateway
        usual = "https" if gateway.tls is not None else "http"
        headers.setdefault("x-forwarded-proto", scheme if is_whole else usual)
        if is_whole:
            headers["host"] = rest.partition("/")[0]
        else:
            headers.setdefault("host", f"127.0.0.1:{gateway.port}")
        if asked.tenant is not None:
            headers["x-tenant-id"] = asked.tenant
        return asked.url, headers

    def _route(self, method: str, url: str, headers: Mapping[str, str]) -> str:
        from intertie.gateway.explain import Asked, explain  # noqa: PLC0415
        from intertie.gateway.routes import Surroundings, build  # noqa: PLC0415

        _, separator, rest = url.partition("://")
        target = f"/{rest.partition('/')[2]}" if separator else url
        suite = self.suite()
        assert suite is not None, "it has a cache"  # noqa: S101
        around = Surroundings(issuer="", jwks={}, files=_Nothing(), descriptors=_NoBytes())
        outcome = explain(build(suite, {}, around), Asked(method.upper(), target, headers))
        if not outcome.route:
            raise NotFoundError(f"cannot explain {url[:200]!r}: {outcome.why}")
        return outcome.route

    @property
    def _gateway(self) -> Gateway:
        suite = self.suite()
        return (suite.gateway if suite else None) or Gateway()

    async def _write_down(
        self, actor: Actor, scope: Scope, value: str, *, tenant: str | None, count: int
    ) -> None:
        if self.desk.opened is None:
            return
        target = f"{tenant}/{value}" if tenant is not None else value
        await self.desk.opened.identities.audit.append(
            actor.author, "cache.purge", target=target, detail={"scope": scope, "answers": count}
        )


class _Nothing(dict[str, str]):
    """Key sets decide nothing here."""

    def __missing__(self, name: str) -> str:
        return ""


class _NoBytes(dict[str, bytes]):
    """Nor do descriptions of gRPC services."""

    def __missing__(self, name: str) -> bytes:
        return b""


def _check(scope: Scope, value: str) -> None:
    if (scope == "all") == bool(value):
        wanted = "nothing" if value else "a value"
        raise IntertieError(f"cannot purge by {scope}: expected {wanted}")
    if scope in {"url", "prefix"} and not (value.startswith("/") or "://" in value):
        raise IntertieError(
            f"cannot purge by {scope} {value[:200]!r}: expected /path or http://host/path"
        )


async def _forget(client: "CacheClient", scope: Scope, value: str, tenant: str | None) -> int:
    match scope:
        case "url":
            return await client.purge_url(value, tenant=tenant)
        case "prefix":
            return await client.purge_prefix(value, tenant=tenant)
        case "tag":
            return await client.purge_tag(value, tenant=tenant)
        case "all":
            return await client.purge_all(tenant=tenant)


def _kept(variant: "Variant") -> KeptAnswer:
    told = {
        name: "…" if name.lower() in _HIDDEN and value else value
        for name, value in variant.vary.items()
    }
    made = KeptAnswer(**variant.model_dump())
    return replace(made, vary=told)
