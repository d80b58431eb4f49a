"""One call on its way through the pipeline, and what all calls share."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from time import monotonic, time
from typing import TYPE_CHECKING, Any, Protocol

from anyio import CapacityLimiter, sleep
from pydantic import BaseModel

from intertie.integrations.message import Request, Response, Transport
from intertie.integrations.operation import Operation
from intertie.limits.counters import Counters
from intertie.limits.memory import MemoryCounters

if TYPE_CHECKING:
    from intertie.integrations.breaker import Evidence
    from intertie.integrations.connector import Connector
    from intertie.integrations.credentials import OAuth2

_THREADS = 32


@dataclass(slots=True)
class Call:
    """Steps fill it in, from the outside to the transport."""

    connection: "Connector"
    operation: Operation[Any, Any]
    arguments: BaseModel
    key: str | None = None
    """Keeps it from being done twice."""
    url: str | None = field(default=None, repr=False)
    """In place of the operation's path: the next page, where the vendor says its address."""
    request: Request | None = None
    attempt: int = 0
    """Of the vendor's being asked; the first is 1."""
    answer: Any = field(default=None, repr=False)
    """Read, as the operation's model. Any: each operation has its own."""
    token: str = field(default="", repr=False)
    """The access token that was shown, to be refused by name."""


Step = Callable[[Call], Awaitable[Response]]


class Grants(Protocol):
    """Where access tokens come from: people grant, we renew, all processes have the same."""

    def held(self, connection: "Connector") -> str | None:
        """The access token, if one is at hand that is good for a while."""
        ...

    async def token(self, connection: "Connector", auth: "OAuth2") -> str:
        """An access token that is good for a while. Raises AuthExpiredError, VendorDownError."""
        ...

    async def refused(self, connection: "Connector", token: str) -> None:
        """The vendor did not take this one: the next is another."""
        ...

    def scopes(self, connection: "Connector") -> frozenset[str] | None:
        """What was granted; None where nobody knows."""
        ...


class Shared(Protocol):
    """What all connections of some kinds have in common; the registry closes it at its end."""

    async def aclose(self) -> None:
        """Close all that is open in it."""
        ...


class Observer(Protocol):
    """Told of each call when it is over; it must be quick, and may not fail."""

    def began(self, call: Call) -> object:
        """Something that `ended` gets back, for instance a span."""
        ...

    def ended(self, call: Call, mark: object, took_s: float, fault: Exception | None) -> None:
        """`fault` is None for a call that was answered as it should be."""
        ...


@dataclass(slots=True)
class Tools:
    """What all connections of a registry share."""

    transport: Transport
    grants: Grants | None = None
    counters: Counters = field(default_factory=MemoryCounters)
    observers: tuple[Observer, ...] = ()
    evidence: "dict[str, Evidence]" = field(default_factory=dict[str, "Evidence"])
    """Of each kind and address: how it does for all tenants."""
    pipelines: dict[type, Step] = field(default_factory=dict[type, Step])
    tenant_rates: Mapping[str, int] = field(default_factory=dict[str, int])
    """Requests a minute that a tenant may cause in all."""
    sharers: dict[str, set[str]] = field(default_factory=dict[str, set[str]])
    """Tenants that share one allowance of a vendor."""
    shares: int = 0
    """How often `sharers` changed: what was reckoned from it before is void."""
    clock: Callable[[], float] = time
    """Seconds since 1970."""
    steady: Callable[[], float] = monotonic
    """Seconds, for lengths of time."""
    sleep: Callable[[float], Awaitable[None]] = sleep
    """Between attempts."""
    threads: CapacityLimiter = field(default_factory=lambda: CapacityLimiter(_THREADS))
    """For libraries that block."""
    shared: dict[str, Shared] = field(default_factory=dict[str, Shared])
    """By the name of the library."""
    holds: dict[str, float] = field(default_factory=dict[str, float])
    """Until when (`steady`) nothing is asked, by allowance: the vendor said so."""
