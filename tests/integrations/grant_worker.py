"""A process that uses a connection, and may be made to die at a moment of its renewal."""

import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio
from anyio import create_task_group, to_thread
from pydantic import SecretStr

from intertie.errors import IntertieError
from intertie.identity.sealed import Sealer
from intertie.integrations import rest
from intertie.integrations.call import Tools
from intertie.integrations.config import IntegrationConfig, RetryPolicy
from intertie.integrations.credentials import OAuth2, Renewal
from intertie.integrations.data import Probe
from intertie.integrations.grants import GrantDesk
from intertie.integrations.message import Request, Response, Transport
from intertie.integrations.operation import Answer, Nothing, get
from intertie.integrations.registry import IntegrationRegistry
from intertie.integrations.transport import AiohttpTransport
from intertie.integrations.vault import GRANTS, Vault
from intertie.store import Record, Records, open_records
from tests.integrations.oauth_server import CLIENT

POINTS = ("asking", "asked", "answered", "saving", "saved")
"""Before the request; while the vendor works; with its answer; before and after the write."""
LEASE_S = 3.0
"""Of one that is to die: who comes after it waits so long; its vendor has two thirds of it."""


class Settings(rest.Settings):
    """An app of the server."""

    client_id: str = CLIENT[0]
    client_secret: SecretStr = SecretStr(CLIENT[1])


class Me(Answer):
    """Who."""

    id: str


class ServedIntegration(rest.RestIntegration):
    """Of the real server; `served` says where it is."""

    kind = "served"
    settings_type = Settings
    probe = Probe("me")
    me = get("/me", Nothing, Me)


def served(url: str, renewal: Renewal = "may_rotate") -> type[ServedIntegration]:
    """The connector, for the server at this address."""
    way = OAuth2(token=f"{url}/token", authorize=f"{url}/authorize", renewal=renewal)

    class Here(ServedIntegration):
        kind = "served"
        base = url
        ways = (way,)

    return Here


def die() -> None:
    """At once, as by the kernel."""
    os.kill(os.getpid(), signal.SIGKILL)


@dataclass
class Deadly:
    """A transport with which the process dies at the token endpoint."""

    inner: Transport
    point: str
    answers: int = 0

    async def send(self, request: Request) -> Response:
        """See Transport."""
        if not request.url.endswith("/token"):
            return await self.inner.send(request)
        if self.point == "asking":
            die()
        if self.point == "asked":
            async with create_task_group() as group:
                group.start_soon(self.inner.send, request)
                await anyio.sleep(0.02)
                die()
        answer = await self.inner.send(request)
        self.answers += 1
        if self.point == "answered":
            die()
        return answer

    async def aclose(self) -> None:
        """See Transport."""
        await self.inner.aclose()


@dataclass
class DeadlyRecords:
    """Records with which the process dies around the write of an answer."""

    inner: Records
    transport: Deadly

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    async def put(self, collection: str, *told: Any, **more: Any) -> Record:
        """See Records."""
        meant = collection == GRANTS and self.transport.answers > 0
        if meant and self.transport.point == "saving":
            die()
        record = await self.inner.put(collection, *told, **more)
        if meant and self.transport.point == "saved":
            die()
        return record


@dataclass
class Worker:
    """One process's connection."""

    connection: Any
    desk: GrantDesk


@asynccontextmanager
async def worker(
    folder: Path, url: str, *, point: str = "", lease_s: float = 30.0
) -> AsyncIterator[Worker]:
    """With the records and the key that are in the folder."""
    transport = Deadly(AiohttpTransport(inside=True), point)
    async with open_records(f"sqlite://{folder / 'grants.db'}") as opened:
        records: Any = DeadlyRecords(opened, transport)
        vault = await Vault.open(records, Sealer.open(folder / "keys" / "master.json"))
        desk = GrantDesk(records, vault, lease_s=lease_s)
        registry = IntegrationRegistry(Tools(transport, grants=desk))
        config = IntegrationConfig(
            name="main", retry_policy=RetryPolicy(max_attempts=1), timeout=60.0
        )
        connection: Any = registry.register(served(url), config, "acme")
        try:
            yield Worker(connection, desk)
        finally:
            await registry.aclose()


async def main(folder: Path, url: str, calls: int, lease_s: float) -> None:
    """Ready; then, when told to, so many calls at once; then how they went."""
    point = os.environ.get("DIE_AT", "")
    async with worker(folder, url, point=point, lease_s=lease_s) as made:
        print("ready", flush=True)
        await to_thread.run_sync(sys.stdin.readline)
        faults: list[str] = []

        async def call() -> None:
            try:
                await made.connection.me()
            except IntertieError as exc:
                faults.append(str(exc))

        async with create_task_group() as group:
            for _ in range(calls):
                group.start_soon(call)
        print(json.dumps({"good": calls - len(faults), "faults": faults}), flush=True)


if __name__ == "__main__":
    anyio.run(main, Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), float(sys.argv[4]))
