import shutil
import socket
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from anyio import create_task_group, create_tcp_listener
from anyio.abc import SocketAttribute, SocketStream

from intertie.automation.backup.port import Snapshot
from intertie.automation.backup.prechecks import (
    Address,
    is_local,
    need_bytes,
    network_connectivity,
    remote,
    service_status,
    source_bytes,
    storage_space,
)
from intertie.automation.backup.snapshots import Surroundings
from intertie.suite.schedule import BackupSource

pytestmark = pytest.mark.anyio
AT = datetime(2026, 1, 1, tzinfo=UTC)


def taken(size: int, *, days: int, fault: str | None = None) -> Snapshot:
    """A snapshot of so many days later."""
    at = AT + timedelta(days=days)
    return Snapshot(id=str(days), at=at, size_bytes=size, files=1, fault=fault)


def test_need_comes_from_the_newest_good_one() -> None:
    """Half as much again; what there is to take where there is no history."""
    history = [taken(10, days=1), taken(1000, days=2), taken(1, days=3, fault="damaged")]

    assert need_bytes(history, 7, at=AT) == 1500
    assert need_bytes([], 7, at=AT) == 7


def test_need_follows_the_trend() -> None:
    """Growth goes on as it was; what grew in jumps gets room for one; what shrinks gets less."""
    at = AT + timedelta(days=11)
    growing = [taken(1000 + 500 * day, days=day) for day in range(11)]
    jumping = [taken(1000 + 500 * day + 900 * (day % 2), days=day) for day in range(11)]
    shrinking = [taken(9000 - 500 * day, days=day) for day in range(11)]

    assert need_bytes(growing, 7, at=at) == 6600
    assert need_bytes(growing, 7, at=at + timedelta(days=20)) == 16500
    assert need_bytes(jumping, 7, at=at) > 7000
    assert need_bytes(shrinking, 7, at=at) == round(4000 * 1.1)
    assert need_bytes([taken(5, days=0)] * 4, 7, at=at) == 6


def test_sources_are_measured(tmp_path: Path) -> None:
    """Files and folders, without what is left out; of servers nothing is known."""
    (tmp_path / "a").write_bytes(bytes(10))
    (tmp_path / "f" / "backups").mkdir(parents=True)
    (tmp_path / "f" / "b").write_bytes(bytes(5))
    (tmp_path / "f" / "backups" / "big").write_bytes(bytes(1000))
    sources = {
        "a": BackupSource(kind="sqlite", path="a"),
        "f": BackupSource(kind="folder", path="f"),
        "r": BackupSource(kind="redis", url="redis://host"),
    }
    around = Surroundings(root=tmp_path, without=[tmp_path / "f" / "backups"])

    assert source_bytes(sources, around) == 15


def test_room_is_shared_on_one_device(tmp_path: Path) -> None:
    """Two folders that each would fit do not fit together; folders need not be there yet."""
    free = shutil.disk_usage(tmp_path).free
    most = int(free * 0.8)

    assert storage_space({tmp_path / "not" / "yet": 1}).passed
    assert storage_space({tmp_path / "a": most}).passed
    both = storage_space({tmp_path / "a": most, tmp_path / "b": most})
    assert not both.passed
    assert f"needs {2 * most}" in both.told


async def test_services_speak_for_themselves() -> None:
    """Nobody to ask is said to be so."""

    async def unwell() -> str | None:
        return "db is down"

    assert not (await service_status(unwell)).passed
    assert (await service_status(unwell)).told == "db is down"
    assert (await service_status(None)).passed


@pytest.mark.parametrize(
    ("repository", "expected"),
    [
        ("sftp:me@host:/srv/backups", Address(host="host", port=22)),
        ("sftp://me@host:2222//srv", Address(host="host", port=2222)),
        ("ssh://me@host/srv", Address(host="host", port=22)),
        ("me@host:srv", Address(host="host", port=22)),
        ("rest:https://host:8000/", Address(host="host", port=8000)),
        ("rest:http://me:secret@host/", Address(host="host", port=80)),
        ("s3:https://host:9000/bucket", Address(host="host", port=9000)),
        ("s3:host/bucket", Address(host="host", port=443)),
        ("b2:bucket:path", None),
        ("rclone:remote:path", None),
        (".intertie/backups", None),
        ("/srv/a:b", None),
        ("ssh://host:port/", None),
    ],
)
def test_machines_in_addresses(repository: str, expected: Address | None) -> None:
    """As restic and Borg write them."""
    assert remote(repository) == expected


def test_folders_are_local() -> None:
    """A colon after the first slash is part of a name."""
    assert is_local("/srv/a:b")
    assert is_local("backups")
    assert not is_local("host:backups")


async def test_a_machine_must_take_connections() -> None:
    """One that does passes; one that does not is named; a folder needs none."""

    async def close(stream: SocketStream) -> None:
        await stream.aclose()

    async with await create_tcp_listener(local_host="127.0.0.1") as listener:
        port = listener.extra(SocketAttribute.local_port)  # noqa: S610 — no Django
        async with create_task_group() as group:
            group.start_soon(listener.serve, close)
            there = await network_connectivity(f"rest:http://127.0.0.1:{port}/")
            group.cancel_scope.cancel()
    with socket.socket() as closed:  # taken, and nobody listens
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
        gone = await network_connectivity(f"rest:http://127.0.0.1:{port}/")

    assert there.passed
    assert not gone.passed
    assert f"127.0.0.1:{port} cannot be reached" in gone.told
    assert "on this machine" in (await network_connectivity("backups")).told
    assert "not checked" in (await network_connectivity("b2:bucket")).told
