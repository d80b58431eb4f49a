"""Connections on the real transport, judged by a vendor's own description."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

from intertie.integrations.call import Tools
from intertie.integrations.config import IntegrationConfig
from intertie.integrations.message import Request, Response
from intertie.integrations.registry import IntegrationRegistry
from intertie.integrations.rest import RestIntegration
from intertie.integrations.transport import AiohttpTransport
from tests.integrations.stage import Held
from tests.integrations.vendor import Vendor, violations

I = TypeVar("I", bound=RestIntegration)  # noqa: E741


@dataclass
class Watching:
    """The real transport; what the judge finds wrong with the requests is kept."""

    inner: AiohttpTransport = field(default_factory=AiohttpTransport)
    asked: list[str] = field(default_factory=list)
    """Method and address of each request."""
    wrong: list[str] = field(default_factory=list)

    async def send(self, request: Request) -> Response:
        """See Transport."""
        response = await self.inner.send(request)
        self.asked.append(f"{request.method} {request.url}")
        self.wrong += violations(response.headers)
        return response

    async def aclose(self) -> None:
        """See Transport."""
        await self.inner.aclose()


@asynccontextmanager
async def judged(
    kind: type[I], judge: Vendor, config: dict[str, Any]
) -> AsyncIterator[tuple[I, Watching]]:
    """A connection of `kind` to the judge in the vendor's place."""
    assert kind.base.startswith(judge.base)
    transport = Watching()
    registry = IntegrationRegistry(Tools(transport, grants=Held()))
    told = {**config, "base_url": judge.url + kind.base.removeprefix(judge.base)}
    made = registry.register(kind, IntegrationConfig(name="main", config=told))
    assert isinstance(made, kind)
    try:
        yield made, transport
    finally:
        await registry.aclose()
