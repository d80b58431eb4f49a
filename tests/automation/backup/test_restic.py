from pathlib import Path

import pytest
from anyio import open_process

from intertie.automation.backup.port import BackupError
from intertie.automation.backup.restic import ResticEngine
from tests.automation.backup.engines import AT, EngineContract
from tests.automation.backup.trees import flip, plant
from tests.waiting import eventually

pytestmark = [pytest.mark.anyio, pytest.mark.slow]


@pytest.fixture
def engine(tmp_path: Path) -> ResticEngine:
    """A repository of its own."""
    return ResticEngine(repository=str(tmp_path / "repository"), password="right")


class TestResticEngine(EngineContract):
    pass


async def test_a_wrong_password_opens_nothing(engine: ResticEngine) -> None:
    """It is said so, and the password is not shown."""
    await engine.init()
    other = ResticEngine(repository=engine.repository, password="not-this")

    with pytest.raises(BackupError, match="wrong password") as failed:
        await other.init()

    assert "not-this" not in str(failed.value) + repr(other)


async def test_a_flipped_bit_is_found(engine: ResticEngine, tmp_path: Path) -> None:
    """Reading all data finds what a look at the structure does not."""
    await engine.init()
    await engine.snapshot(plant(tmp_path / "source"), at=AT)
    packs = [path for path in (tmp_path / "repository" / "data").rglob("*") if path.is_file()]
    flip(max(packs, key=lambda path: path.stat().st_size), at=1000)

    found = await engine.verify()

    assert not found.passed
    assert "error" in found.findings[0]


async def test_a_lock_of_somebody_else_stays(engine: ResticEngine, tmp_path: Path) -> None:
    """Who is locked out is told how to remove the lock; it is not removed for them."""
    await engine.init()
    taken = await engine.snapshot(plant(tmp_path / "source"), at=AT)
    await _lock(engine)
    locks = list((tmp_path / "repository" / "locks").iterdir())

    with pytest.raises(BackupError, match="restic unlock"):
        await engine.forget([taken.id])

    assert list((tmp_path / "repository" / "locks").iterdir()) == locks


async def _lock(engine: ResticEngine) -> None:
    """Leave the lock of a run that was killed."""
    env = {
        "PATH": "/usr/bin:/bin",
        "RESTIC_PASSWORD": engine.password,
        "RESTIC_REPOSITORY": engine.repository,
    }
    argv = ["restic", "backup", "--stdin", "--no-cache"]
    locks = Path(engine.repository) / "locks"
    async with await open_process(argv, env=env) as run:
        # Written under another name first.
        await eventually(lambda: any("tmp" not in one.name for one in locks.iterdir()))
        run.kill()
