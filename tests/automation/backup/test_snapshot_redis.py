from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import redis
from anyio import to_thread

from intertie.automation.backup.port import BackupError
from intertie.automation.backup.snapshot_redis import DUMP, RedisPlace, dump_redis
from intertie.runtime.bus_engine import valkey_program
from intertie.suite.bus import QueueConfig, QueueType
from tests.bus.peers.server import Broker, free_port

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def server(folder: Path, *options: str) -> AsyncIterator[int]:
    """The port of a server that has loaded the dump in its folder."""
    port = free_port()
    place = ["--bind", "127.0.0.1", "--port", str(port), "--dir", str(folder)]
    kept = ["--save", "", "--dbfilename", DUMP, "--enable-debug-command", "yes"]
    quick = ["--repl-diskless-sync-delay", "0"]
    config = QueueConfig(QueueType.REDIS, host="127.0.0.1", port=port)
    argv = [str(valkey_program()), *place, *kept, *quick, *options]
    broker = Broker(config, argv, folder, ready=_has_loaded)
    await broker.start()
    try:
        yield port
    finally:
        await broker.kill()


async def _has_loaded(port: int) -> bool:
    with redis.Redis(port=port) as client:
        try:
            return bool(client.ping())
        except redis.AuthenticationError:
            return True
        except (redis.ConnectionError, redis.BusyLoadingError):
            return False


def fill(port: int) -> None:
    """Many keys of more than one kind."""
    with redis.Redis(port=port) as client, client.pipeline() as pipe:
        for n in range(30_000):
            pipe.set(f"key {n}", f"value {n}" * 5)
        pipe.hset("a hash", mapping={"ä": "ö", "e": ""})
        pipe.execute()


def content(port: int) -> str:
    """A hash of all a server holds, as the server makes it."""
    with redis.Redis(port=port) as client:
        return str(client.execute_command("DEBUG", "DIGEST"))


@pytest.mark.slow
@pytest.mark.parametrize("diskless", ["yes", "no"])
async def test_a_dump_brings_all_of_it_back(tmp_path: Path, diskless: str) -> None:
    """Another server that starts on the dump holds the same, whichever way it was sent."""
    (tmp_path / "out").mkdir()
    (tmp_path / "a").mkdir()
    async with server(tmp_path / "a", "--repl-diskless-sync", diskless) as first:
        await to_thread.run_sync(fill, first)
        before = await to_thread.run_sync(content, first)
        await dump_redis(f"redis://127.0.0.1:{first}", tmp_path / "out")

    async with server(tmp_path / "out") as second:
        assert await to_thread.run_sync(content, second) == before


@pytest.mark.slow
async def test_a_password_is_used_and_not_shown(tmp_path: Path) -> None:
    """The right one opens it; a wrong one is said to be wrong."""
    (tmp_path / "out").mkdir()
    (tmp_path / "a").mkdir()
    async with server(tmp_path / "a", "--requirepass", "p@ss") as first:
        with pytest.raises(BackupError, match="WRONGPASS") as failed:
            await dump_redis(f"redis://:not-this@127.0.0.1:{first}", tmp_path / "out")
        with pytest.raises(BackupError, match="NOAUTH"):
            await dump_redis(f"redis://127.0.0.1:{first}", tmp_path / "out")
        await dump_redis(f"redis://:p%40ss@127.0.0.1:{first}", tmp_path / "out")

    assert "not-this" not in str(failed.value)
    assert (tmp_path / "out" / DUMP).stat().st_size > 0


async def test_nobody_there_is_said(tmp_path: Path) -> None:
    """Where nobody listens there is no empty backup."""
    with pytest.raises(BackupError, match="cannot back up the redis at"):
        await dump_redis("redis://127.0.0.1:1", tmp_path)


def test_addresses() -> None:
    """What stands in an address; what is none is refused without showing it."""
    found = RedisPlace.parse("rediss://me:s%2F@host:7000/0")

    assert found == RedisPlace(host="host", port=7000, tls=True, user="me", password="s/")
    assert "s/" not in repr(found)
    assert RedisPlace.parse("redis://host") == RedisPlace(host="host", port=6379)
    for bad in ("http://secret@host", "redis://", "redis://secret@host:99999999"):
        with pytest.raises(BackupError) as failed:
            RedisPlace.parse(bad)
        assert "secret" not in str(failed.value)
