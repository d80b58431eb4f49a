"""The configuration file of the cache process, and what one request's part of it is."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from intertie.errors import GatewayError
from intertie.gateway.cache.policy import Terms
from intertie.suite.cache import Caching, RouteCaching

Address = Annotated[str, Field(pattern=r"^(unix:.+|https?://[^/\s]+|[^/\s:]+:[0-9]{1,5})$")]
CACHE_SOCKET: Final = "cache.sock"
ORIGIN_SOCKET: Final = "cache-origin.sock"
ADMIN_SOCKET: Final = "cache-admin.sock"
_MEBI: Final = 1024 * 1024


class RouteConfig(BaseModel):
    """Of one route."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    default_ttl: float | None = Field(default=None, ge=0)
    """Seconds, where the origin says nothing; None guesses from Last-Modified."""
    negative_ttl: float = Field(default=10.0, ge=0)
    """Seconds, where the origin says nothing and refuses or fails."""
    cache_control: str = Field(default="", pattern=r"^[ -~]*$")
    """Told to clients where the origin says nothing."""
    shared: bool = False
    """One copy for all identities of a tenant."""
    store_cookies: bool = False
    """Keep answers that set cookies."""
    stale_if_error: float = Field(default=0.0, ge=0)
    """Seconds that a stale answer may stand in for a failing origin."""

    def terms(self) -> Terms:
        """As the rules take them."""
        return Terms(
            default_ttl=self.default_ttl,
            negative_ttl=self.negative_ttl,
            cache_control=self.cache_control.encode(),
            shared=self.shared,
            store_cookies=self.store_cookies,
            stale_if_error=self.stale_if_error,
        )


class CacheConfig(BaseModel):
    """All of it. `listen`, `admin`, `origin` and `max_connections` hold from start to end."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    listen: Address
    """`unix:/path` or `host:port`."""
    origin: Address
    """Where answers come from: `unix:/path` or `http://host:port`."""
    admin: Address | None = None
    """Where it is managed: `unix:/path`."""
    behind_gateway: bool = True
    """Only the gateway talks to it: what it says of tenants and identities is true. Otherwise
    these fields are taken for ordinary ones, and whoever sends credentials is partitioned by
    these."""
    max_size: int = Field(default=64 * _MEBI, ge=_MEBI)
    """Bytes of all that is kept."""
    max_object: int = Field(default=8 * _MEBI, ge=1024)
    """Bytes of the largest answer kept."""
    timeout: float = Field(default=60.0, gt=0)
    """Seconds without any byte from the origin, or taken by the client."""
    max_connections: int = Field(default=512, ge=1)
    """To the origin."""
    routes: dict[str, RouteConfig] = {}
    """By the id in `x-intertie-cache`; `""` is for requests without one."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What may change while it runs."""

    behind_gateway: bool
    max_size: int
    max_object: int
    timeout_s: float
    terms: Mapping[bytes, Terms]

    @classmethod
    def of(cls, config: CacheConfig) -> "Settings":
        """From the file."""
        return cls(
            behind_gateway=config.behind_gateway,
            max_size=config.max_size,
            max_object=config.max_object,
            timeout_s=config.timeout,
            terms={name.encode(): each.terms() for name, each in config.routes.items()},
        )


def read(path: Path) -> CacheConfig:
    """The file, checked. Raises GatewayError."""
    try:
        return CacheConfig.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as exc:
        raise GatewayError(f"cannot read the cache's configuration {path}: {exc}") from exc


def of_suite(caching: Caching, routes: Mapping[str, RouteCaching], *, folder: Path) -> CacheConfig:
    """The configuration for what the suite file says; `routes` by their ids, cached ones only.

    Its sockets lie in `folder`.
    """
    return CacheConfig(
        listen=f"unix:{folder / CACHE_SOCKET}",
        origin=f"unix:{folder / ORIGIN_SOCKET}",
        admin=f"unix:{folder / ADMIN_SOCKET}",
        max_size=caching.max_size,
        max_object=caching.max_object,
        routes={name: _of_route(caching, each) for name, each in sorted(routes.items())},
    )


def _of_route(caching: Caching, route: RouteCaching) -> RouteConfig:
    own = route.cache_ttl
    return RouteConfig(
        default_ttl=caching.default_ttl if own is None else own,
        negative_ttl=caching.negative_ttl,
        cache_control=caching.cache_control,
        shared=route.cache_shared,
        store_cookies=route.cache_cookies,
        stale_if_error=caching.stale_if_error,
    )
