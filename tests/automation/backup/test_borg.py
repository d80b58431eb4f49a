from dataclasses import replace
from pathlib import Path

import pytest
from anyio import open_process, to_thread

from intertie.automation.backup.borg import BorgEngine
from intertie.automation.backup.port import BackupError
from tests.automation.backup.engines import AT, EngineContract
from tests.automation.backup.trees import flip, plant
from tests.waiting import eventually

pytestmark = [pytest.mark.anyio, pytest.mark.slow]


@pytest.fixture
def engine(tmp_path: Path) -> BorgEngine:
    """A repository of its own."""
    return BorgEngine(
        repository=str(tmp_path / "repository"), password="right", base=tmp_path / "base"
    )


class TestBorgEngine(EngineContract):
    pass


async def test_a_wrong_password_opens_nothing(engine: BorgEngine) -> None:
    """It is said so, and the password is not shown."""
    await engine.init()
    other = BorgEngine(repository=engine.repository, password="not-this", base=engine.base)

    with pytest.raises(BackupError, match="incorrect") as failed:
        await other.init()

    assert "not-this" not in str(failed.value) + repr(other)


async def test_a_flipped_bit_is_found(engine: BorgEngine, tmp_path: Path) -> None:
    """Reading all data finds it."""
    await engine.init()
    await engine.snapshot(plant(tmp_path / "source"), at=AT)
    data = [path for path in (tmp_path / "repository" / "data").rglob("*") if path.is_file()]
    flip(max(data, key=lambda path: path.stat().st_size), at=100_000)

    assert not (await engine.verify()).passed


async def test_a_lock_of_somebody_else_stays(engine: BorgEngine, tmp_path: Path) -> None:
    """Who is locked out is told how to remove the lock; it is not removed for them."""
    await engine.init()
    taken = await engine.snapshot(plant(tmp_path / "source"), at=AT)
    lock = tmp_path / "repository" / "lock.exclusive"
    env = {
        "PATH": "/usr/bin:/bin",
        "BORG_PASSPHRASE": engine.password,
        "BORG_REPO": engine.repository,
        "BORG_BASE_DIR": str(engine.base),
    }

    async with await open_process(["borg", "with-lock", "::", "cat"], env=env) as holder:
        await eventually(lock.exists)
        with pytest.raises(BackupError, match="break-lock"):
            await engine.forget([taken.id])
        assert lock.exists()
        assert holder.stdin
        await holder.stdin.aclose()
        await holder.wait()


async def test_a_repository_that_only_grows_is_made_so(engine: BorgEngine, tmp_path: Path) -> None:
    """And is so again after something was removed on purpose."""
    growing = replace(engine, append_only=True)
    config = Path(engine.repository) / "config"
    await growing.init()
    before = await to_thread.run_sync(config.read_text)
    taken = await growing.snapshot(plant(tmp_path / "source"), at=AT)

    await growing.forget([taken.id])

    assert "append_only = 1" in before
    assert "append_only = 1" in await to_thread.run_sync(config.read_text)
    assert await growing.list() == []
    assert (await growing.verify()).passed
