"""Connections on a vendor that a test plays."""

import json
import socket
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

from intertie.integrations.base import BaseIntegration
from intertie.integrations.call import Tools
from intertie.integrations.config import IntegrationConfig
from intertie.integrations.connector import Connector
from intertie.integrations.message import Request, Response
from intertie.integrations.observe import Metrics
from intertie.integrations.registry import IntegrationRegistry
from intertie.limits.memory import MemoryCounters

I = TypeVar("I", bound=BaseIntegration)  # noqa: E741
Answers = Callable[[Request], Response | Awaitable[Response]]


@dataclass
class Clock:
    """Goes when told to."""

    time_s: float = 1_800_000_000.0

    def __call__(self) -> float:
        """Seconds."""
        return self.time_s

    def us(self) -> int:
        """Microseconds, as counters want them."""
        return int(self.time_s * 1_000_000)


@contextmanager
def nobody() -> Iterator[str]:
    """An address where nobody listens, and nobody else can begin to: its port is held."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{held.getsockname()[1]}"


def answer(told: Any = None, status: int = 200, **headers: str) -> Response:
    """JSON; `_` in names of headers for `-`."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    body = b"" if told is None else json.dumps(told).encode()
    return Response(status, {"content-type": "application/json", **named}, body)


@dataclass
class Played:
    """A transport: what was asked is kept, and `answers` says what comes back."""

    answers: Answers = field(default=lambda request: answer({}))
    asked: list[Request] = field(default_factory=list)
    closed: int = 0

    async def send(self, request: Request) -> Response:
        """See Transport."""
        self.asked.append(request)
        told = self.answers(request)
        return told if isinstance(told, Response) else await told

    async def aclose(self) -> None:
        """See Transport."""
        self.closed += 1


@dataclass
class Held:
    """Grants that are just there; each refusal gives another token."""

    granted: frozenset[str] | None = None
    number: int = 1
    refusals: list[str] = field(default_factory=list)

    def held(self, connection: Connector) -> str | None:
        """See Grants."""
        return f"token-{self.number}"

    async def token(self, connection: Connector, auth: object) -> str:
        """See Grants."""
        return f"token-{self.number}"

    async def refused(self, connection: Connector, token: str) -> None:
        """See Grants."""
        self.refusals.append(token)
        self.number += 1

    def scopes(self, connection: Connector) -> frozenset[str] | None:
        """See Grants."""
        return self.granted


@dataclass
class Stage:
    """A registry without a network, a clock set by hand, and pauses that take no time."""

    vendor: Played = field(default_factory=Played)
    clock: Clock = field(default_factory=Clock)
    grants: Held = field(default_factory=Held)
    metrics: Metrics = field(default_factory=Metrics)

    def __post_init__(self) -> None:
        self.tools = Tools(
            self.vendor,
            grants=self.grants,
            counters=MemoryCounters(now_us=self.clock.us),
            observers=(self.metrics,),
            clock=self.clock,
            steady=self.clock,
            sleep=self.pause,
        )
        self.registry = IntegrationRegistry(self.tools)
        self.pauses: list[float] = []

    async def pause(self, seconds: float) -> None:
        """The clock goes on by as much."""
        self.pauses.append(seconds)
        self.clock.time_s += seconds

    def made(self, kind: type[I], tenant: str = "default", *, name: str = "main", **told: Any) -> I:
        """A connection; `config=` and the other words of IntegrationConfig."""
        made = self.registry.register(kind, IntegrationConfig(name=name, **told), tenant)
        assert isinstance(made, kind)
        return made
