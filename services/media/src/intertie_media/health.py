"""The health answer of every media service: what it depends on, really tried."""

import os
import shutil
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import Literal

import httpx
from anyio import create_task_group, fail_after, to_thread
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from intertie.errors import IntertieError, NotFoundError
from intertie_media.settings import Settings
from intertie_media.storage import Storage
from intertie_media.web import reply

Verdict = Literal["UP", "DEGRADED", "DOWN"]

CHECK_S = 2.0
LOW_DISK_BYTES = 1 << 30
NO_DISK_BYTES = 100 << 20


@dataclass(frozen=True, slots=True)
class Dependency:
    """How one thing is that a service needs."""

    status: Verdict
    error: str | None = None

    def json(self) -> dict[str, str]:
        """As it is shown."""
        return {"status": self.status, **({"error": self.error} if self.error else {})}


UP = Dependency("UP")
Check = Callable[[], Awaitable[Dependency]]


def worst(verdicts: Mapping[str, Verdict]) -> Verdict:
    """DOWN before DEGRADED before UP."""
    found = set(verdicts.values())
    return "DOWN" if "DOWN" in found else "DEGRADED" if "DEGRADED" in found else "UP"


async def examine(
    checks: Mapping[str, Check], *, within_s: float = CHECK_S
) -> dict[str, Dependency]:
    """The result of each check; all run at once, none longer than `within_s`."""
    found: dict[str, Dependency] = {}

    async def run(name: str, check: Check) -> None:
        try:
            with fail_after(within_s):
                found[name] = await check()
        except TimeoutError:
            found[name] = Dependency("DOWN", f"no answer within {within_s:g} s")
        except (IntertieError, OSError) as exc:
            found[name] = Dependency("DOWN", str(exc))

    async with create_task_group() as group:
        for name, check in checks.items():
            group.start_soon(run, name, check)
    return {name: found[name] for name in checks}


def health_routes(checks: Mapping[str, Check]) -> list[Route]:
    """`/health` tries everything (503 when DOWN); `/health/live` only says that we answer."""

    async def health(_: Request) -> Response:
        found = await examine(checks)
        verdict = worst({name: each.status for name, each in found.items()})
        body = {
            "status": verdict,
            "timestamp": datetime.now(UTC).isoformat(),
            "dependencies": {name: each.json() for name, each in found.items()},
        }
        down = verdict == "DOWN"
        return reply(body, HTTPStatus.SERVICE_UNAVAILABLE if down else HTTPStatus.OK)

    return [Route("/health", health), Route("/health/live", _live)]


def storage_checks(storage: Storage, settings: Settings) -> dict[str, Check]:
    """Database, blobs and the disk both are on."""
    return {
        "database": partial(_database, storage),
        "blobs": partial(_blobs, storage, settings.service),
        "disk": partial(_disk, settings.data),
    }


def peer_check(client: httpx.AsyncClient, url: str) -> Check:
    """Whether another service answers; this one works on without it."""

    async def check() -> Dependency:
        try:
            answer = await client.get(f"{url}/health/live")
        except httpx.HTTPError as exc:
            return Dependency("DEGRADED", f"cannot reach {url}: {str(exc) or type(exc).__name__}")
        return UP if answer.is_success else Dependency("DEGRADED", f"answers {answer.status_code}")

    return check


def program_check(locate: Callable[[], Path]) -> Check:
    """Whether the program is there and may be run."""

    async def check() -> Dependency:
        path = await to_thread.run_sync(locate)
        runnable = os.access(path, os.X_OK)
        return UP if runnable else Dependency("DOWN", f"cannot run {path}")

    return check


async def _live(_: Request) -> Response:
    return reply({"status": "UP", "timestamp": datetime.now(UTC).isoformat()})


async def _database(storage: Storage) -> Dependency:
    with suppress(NotFoundError):
        await storage.records.get("health", "none")
    return UP


async def _blobs(storage: Storage, service: str) -> Dependency:
    key = f"health/{service}"
    await storage.blobs.put(key, b"ok")
    await storage.blobs.delete(key)
    return UP


async def _disk(folder: Path) -> Dependency:
    usage = await to_thread.run_sync(shutil.disk_usage, folder)
    left = f"{usage.free >> 20} MiB left on the disk of {folder}"
    if usage.free < NO_DISK_BYTES:
        return Dependency("DOWN", left)
    return Dependency("DEGRADED", left) if usage.free < LOW_DISK_BYTES else UP
