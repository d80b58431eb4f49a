"""Deliveries of vendors: from the gateway into the ledger, and from there onto the bus."""

import logging
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from anyio import TASK_STATUS_IGNORED, create_task_group
from anyio.abc import TaskStatus
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from intertie.api.server import ApiServer
from intertie.bus.client import connect
from intertie.integrations.registry import IntegrationRegistry
from intertie.integrations.vault import Vault
from intertie.integrations.webhooks.delivery import Delivery
from intertie.integrations.webhooks.ledger import SqliteLedger
from intertie.integrations.webhooks.outbox import Outbox, Publish
from intertie.integrations.webhooks.receiver import MAX_BODY_BYTES, Receiver
from intertie.suite.bus import QueueConfig

log = logging.getLogger(__name__)

PATH = "/webhooks"
SOCKET = "webhooks.sock"
"""In Envoy's folder, where both are started: the path of a socket must be short."""
_PURPOSE = "delivery"


class Webhooks:
    """A component. Without a bus, deliveries are kept until the suite has one."""

    def __init__(
        self,
        registry: IntegrationRegistry,
        vault: Vault,
        *,
        ledger: Path,
        listener: socket.socket,
        public_url: str,
        bus: QueueConfig | None,
        source: str,
    ) -> None:
        """`public_url` is that of the gateway: some vendors sign it."""
        self._registry = registry
        self._vault = vault
        self._ledger = ledger
        self._listener = listener
        self._public_url = public_url
        self._bus = bus
        self._source = source

    async def run(self, *, task_status: TaskStatus[None] = TASK_STATUS_IGNORED) -> None:
        """See Component."""
        async with AsyncExitStack() as stack:
            stack.enter_context(self._listener)
            opened = SqliteLedger.open(self._ledger, seal=self._seal, unseal=self._unseal)
            ledger = await stack.enter_async_context(opened)
            publish = await stack.enter_async_context(self._publisher())
            receiver = Receiver(self._registry, ledger)
            async with create_task_group() as group:
                await group.start(
                    ApiServer(application(receiver, self._public_url), self._listener).run
                )
                if publish is not None:
                    group.start_soon(Outbox(ledger, publish).run)
                task_status.started()

    async def _seal(self, tenant: str, name: str, payload: bytes) -> bytes:
        return (await self._vault.seal(tenant, name, payload, purpose=_PURPOSE)).encode()

    async def _unseal(self, tenant: str, name: str, payload: bytes) -> bytes:
        return await self._vault.unseal(tenant, name, payload.decode(), purpose=_PURPOSE)

    @asynccontextmanager
    async def _publisher(self) -> AsyncIterator[Publish | None]:
        if self._bus is None:
            log.warning("deliveries are kept, not published", extra={"why": "there is no `bus:`"})
            yield None
            return
        async with connect(self._bus, source=self._source) as client:

            async def publish(topic: str, data: Mapping[str, Any], key: str) -> None:
                id = f"{key}/{data['id']}"
                await client.publish(data, key, topic=topic, key=key, id=id)

            yield publish


def application(receiver: Receiver, public_url: str) -> Starlette:
    """`/webhooks/TENANT/NAME`."""

    async def take(request: Request) -> Response:
        body = await _body(request)
        if body is None:
            return Response(status_code=413)
        query = f"?{request.url.query}" if request.url.query else ""
        headers: dict[str, list[str]] = {}
        for name, value in request.headers.items():
            headers.setdefault(name, []).append(value)
        path = request.scope["raw_path"].decode("ascii", "replace")
        delivery = Delivery(
            request.method,
            f"{public_url}{path}{query}",
            headers,
            body,
            datetime.now(UTC),
        )
        words = request.path_params
        reply = await receiver.receive(words["tenant"], words["name"], delivery)
        return Response(reply.body, reply.status, headers=dict(reply.headers))

    return Starlette(routes=[Route(f"{PATH}/{{tenant}}/{{name}}", take, methods=["GET", "POST"])])


async def _body(request: Request) -> bytes | None:
    """All of it; None when it is too much."""
    parts, size = [], 0
    try:
        async for part in request.stream():
            size += len(part)
            if size > MAX_BODY_BYTES:
                return None
            parts.append(part)
    except ClientDisconnect:
        return None
    return b"".join(parts)
