"""What the media services depend on, and how each is really tried."""

import os
import shutil
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

from anyio import to_thread

from intertie.errors import IntertieError, NotFoundError
from intertie.service import Service
from intertie_media.settings import Settings
from intertie_media.storage import Storage

Verdict = Literal["UP", "DEGRADED", "DOWN"]

LOW_DISK_BYTES = 1 << 30
NO_DISK_BYTES = 100 << 20


@dataclass(frozen=True, slots=True)
class Check:
    """One dependency. `probe` raises when it is not there."""

    probe: Callable[[], Awaitable[None]]
    critical: bool = True
    """Without it the service cannot do its work; without another one it is only DEGRADED."""


def depend(service: Service, checks: Mapping[str, Check]) -> None:
    """Have them tried for the service's `/health`."""
    for name, check in checks.items():
        service.health_check(name, critical=check.critical)(check.probe)


def worst(verdicts: Mapping[str, Verdict]) -> Verdict:
    """DOWN before DEGRADED before UP."""
    found = set(verdicts.values())
    return "DOWN" if "DOWN" in found else "DEGRADED" if "DEGRADED" in found else "UP"


def storage_checks(storage: Storage, settings: Settings) -> dict[str, Check]:
    """Database, blobs and the disk both are on."""
    return {
        "database": Check(partial(_database, storage)),
        "blobs": Check(partial(_blobs, storage, settings.service)),
        "disk": Check(partial(_disk, settings.data, NO_DISK_BYTES)),
        "disk-reserve": Check(partial(_disk, settings.data, LOW_DISK_BYTES), critical=False),
    }


def program_check(locate: Callable[[], Path]) -> Check:
    """Whether the program is there and may be run."""

    async def probe() -> None:
        path = await to_thread.run_sync(locate)
        if not os.access(path, os.X_OK):
            raise IntertieError(f"cannot run {path}")

    return Check(probe)


async def _database(storage: Storage) -> None:
    with suppress(NotFoundError):
        await storage.records.get("health", "none")


async def _blobs(storage: Storage, service: str) -> None:
    key = f"health/{service}"
    await storage.blobs.put(key, b"ok")
    await storage.blobs.delete(key)


async def _disk(folder: Path, least_bytes: int) -> None:
    usage = await to_thread.run_sync(shutil.disk_usage, folder)
    if usage.free < least_bytes:
        raise IntertieError(f"{usage.free >> 20} MiB left on the disk of {folder}")
