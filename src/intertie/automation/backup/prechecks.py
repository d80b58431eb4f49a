"""What must be well before a backup begins."""

import os
import shutil
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from statistics import linear_regression, pstdev
from urllib.parse import urlsplit

from anyio import connect_tcp, fail_after

from intertie.automation.backup.port import Snapshot
from intertie.automation.backup.snapshots import Surroundings
from intertie.automation.backup.tree import measure
from intertie.suite.schedule import BackupSource

GROWTH = 1.5
"""A backup may be so much bigger than the last one, while there are too few to see a trend."""
_MARGIN = 1.1
_TREND_FROM = 4
_TREND_OF = 14
_DAY_S = 86400.0
_CONNECT_S = 10.0
_PORTS = {"ssh": 22, "sftp": 22, "http": 80, "https": 443}
_ELSEWHERE = ("b2:", "azure:", "gs:", "swift:", "rclone:")

ServiceStatus = Callable[[], Awaitable[str | None]]
"""Why the services are not fit for a backup, or None."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """One check."""

    name: str
    passed: bool
    told: str
    """What was found, for a person."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Of a repository on another machine."""

    host: str
    port: int


def need_bytes(history: Sequence[Snapshot], source_bytes: int, *, at: datetime) -> int:
    """What the next backup may take, from the sizes of those before.

    With at least four good ones: where a line through the newest ones will be at that time, with
    twice their spread about it, and never less than a tenth more than the newest. With fewer: half
    as much again as the newest. With none: what there is to take.
    """
    good = sorted((one for one in history if one.fault is None), key=lambda one: one.at)
    if not good:
        return source_bytes
    newest = good[-1].size_bytes
    if len(good) < _TREND_FROM:
        return round(newest * GROWTH)
    return round(max(_foreseen(good[-_TREND_OF:], at), newest * _MARGIN))


def _foreseen(good: Sequence[Snapshot], at: datetime) -> float:
    """See `need_bytes`; least squares."""
    days = [(one.at - at).total_seconds() / _DAY_S for one in good]
    sizes = [float(one.size_bytes) for one in good]
    if len(set(days)) == 1:
        return max(sizes)
    slope, now = linear_regression(days, sizes)
    rests = [size - (slope * day + now) for day, size in zip(days, sizes, strict=True)]
    return now + 2 * pstdev(rests)


def source_bytes(sources: Mapping[str, BackupSource], around: Surroundings) -> int:
    """Of all files and folders; of servers it is not known. Raises OSError."""
    places = [
        (around.root / one.path).resolve() for one in sources.values() if one.path is not None
    ]
    without = {path.resolve() for path in around.without}
    return sum(measure(place, without=without)[1] for place in places)


def storage_space(needs: Mapping[Path, int]) -> Checked:
    """Whether folders have room for so many bytes; those on one device share it. Raises OSError."""
    wanted: dict[int, int] = {}
    place_of: dict[int, Path] = {}
    for folder, need in needs.items():
        place = _existing(folder)
        device = os.stat(place).st_dev
        wanted[device] = wanted.get(device, 0) + need
        place_of.setdefault(device, place)
    for device, need in wanted.items():
        free = shutil.disk_usage(place_of[device]).free
        if free < need:
            told = f"{place_of[device]} has {free} bytes left and needs {need}"
            return Checked(name="storage_space", passed=False, told=told)
    told = f"{sum(wanted.values())} bytes are needed and free"
    return Checked(name="storage_space", passed=True, told=told)


def _existing(folder: Path) -> Path:
    return next(
        place for place in (folder.absolute(), *folder.absolute().parents) if place.exists()
    )


async def service_status(ask: ServiceStatus | None) -> Checked:
    """Whether the services are fit for a backup."""
    why = await ask() if ask else None
    told = why or ("the services are well" if ask else "no service belongs to this backup")
    return Checked(name="service_status", passed=why is None, told=told)


async def network_connectivity(repository: str) -> Checked:
    """Whether the repository's machine takes connections."""
    name = "network_connectivity"
    if is_local(repository):
        told = "the repository is on this machine: there is no network to check"
        return Checked(name=name, passed=True, told=told)
    address = remote(repository)
    if address is None:
        told = "not checked: the repository's address does not name a machine"
        return Checked(name=name, passed=True, told=told)
    try:
        with fail_after(_CONNECT_S):
            async with await connect_tcp(address.host, address.port):
                told = f"{address.host}:{address.port} takes connections"
                return Checked(name=name, passed=True, told=told)
    except TimeoutError:
        why = "no answer"
    except OSError as exc:
        why = str(exc)
    told = f"{address.host}:{address.port} cannot be reached: {why}"
    return Checked(name=name, passed=False, told=told)


def is_local(repository: str) -> bool:
    """Whether it is a folder of this machine."""
    beginning = repository.partition("/")[0]
    return ":" not in beginning or beginning == "file:"


def remote(repository: str) -> Address | None:
    """The machine in an address as restic or Borg has it; None where it names none."""
    if repository.startswith(_ELSEWHERE) or is_local(repository):
        return None
    text = repository.removeprefix("rest:").removeprefix("s3:")
    if repository.startswith("s3:") and "://" not in text:
        text = f"https://{text}"
    if text.startswith("sftp:") and "://" not in text:
        text = text.removeprefix("sftp:")
    if "://" not in text:  # user@host:path
        host = text.partition(":")[0].rpartition("@")[2]
        return Address(host=host, port=_PORTS["ssh"]) if host else None
    try:
        parts = urlsplit(text)
        port = parts.port or _PORTS.get(parts.scheme)
    except ValueError:
        return None
    return Address(host=parts.hostname, port=port) if parts.hostname and port else None
