"""What the gateway keeps of answers, and for how long."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from intertie.suite.values import Duration, Flag, Model, Size, at

_MEBI = 1024 * 1024
_MIN_SIZE = 1024 * 1024


class Caching(Model):
    """Answers that are kept at the gateway (RFC 9111).

    What a service says of its answers holds; what is said here holds where it says nothing.
    """

    enabled: Flag = True
    """Off, no request takes the way through the cache."""
    default_ttl: Duration = 300.0
    """How long an answer is fresh whose service says nothing of it, if its status allows that."""
    negative_ttl: Duration = 10.0
    """In its place for answers that refuse: 404, 405, 410, 414 and 501."""
    cache_control: Annotated[str, Field(pattern=r"^[ -~]{0,200}$")] = "public, max-age=300"
    """Told to clients as `Cache-Control` where the service says nothing. To somebody who is
    logged in it is told as `private`."""
    stale_if_error: Duration = 0.0
    """So long after its time an answer stands in for a service that fails, unless that forbids
    it."""
    max_size: Size = 64 * _MEBI
    """Memory for all answers together."""
    max_object: Size = 8 * _MEBI
    """The largest answer that is kept; larger ones are passed on only."""

    @model_validator(mode="after")
    def _sizes_fit(self) -> Self:
        if self.max_size < _MIN_SIZE:
            raise at("max_size", "expected 1MB or more")
        if not 0 < self.max_object <= self.max_size:
            raise at("max_object", "expected more than 0 and no more than `max_size`")
        return self


class RouteCaching(Model):
    """What one route says of it."""

    cache_ttl: Duration | None = None
    """In place of `default_ttl`; 0 means that nothing of the route is ever kept."""
    cache_shared: Flag = False
    """One copy of an answer for all identities of a tenant. Otherwise only what a service calls
    `public`, or gives an `s-maxage`, is shared, and the rest is kept for each identity apart."""
    cache_cookies: Flag = False
    """Keep answers that set cookies, too."""


def is_cached(caching: Caching | None, route: RouteCaching) -> bool:
    """Whether requests of the route take the way through the cache."""
    return caching is not None and caching.enabled and route.cache_ttl != 0
