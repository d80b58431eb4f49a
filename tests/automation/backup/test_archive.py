import fcntl
import os
import random
import shutil
import signal
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from anyio import move_on_after, open_process, sleep_forever

from intertie.automation.backup.archive import ArchiveEngine
from intertie.automation.backup.drill import Practice, drill
from intertie.automation.backup.port import BackupError
from intertie.automation.backup.snapshots import Surroundings, stage
from intertie.suite.schedule import BackupSource, Drill
from tests.automation.backup.engines import AT, EngineContract
from tests.automation.backup.trees import flip, look, plant
from tests.waiting import eventually

pytestmark = pytest.mark.anyio


@pytest.fixture
def engine(tmp_path: Path) -> ArchiveEngine:
    """A repository of its own."""
    return ArchiveEngine(repository=tmp_path / "repository", key_file=tmp_path / "key")


class TestArchiveEngine(EngineContract):
    pass


async def test_nobody_else_may_read_it(engine: ArchiveEngine, tmp_path: Path) -> None:
    """Archives and the key are of their owner, and content is encrypted."""
    source = tmp_path / "source"
    source.mkdir()
    (source / "a").write_text("in plain sight")
    await engine.init()
    taken = await engine.snapshot(source, at=AT)

    archive = engine.repository / f"{taken.id}.tar.zst.age"

    assert archive.stat().st_mode & 0o777 == 0o600
    assert engine.key_file.stat().st_mode & 0o777 == 0o600
    assert b"in plain sight" not in archive.read_bytes()


async def test_another_key_opens_nothing(engine: ArchiveEngine, tmp_path: Path) -> None:
    """It is said before anything is written, and verification says it too."""
    await engine.init()
    taken = await engine.snapshot(plant(tmp_path / "source"), at=AT)
    stranger = ArchiveEngine(repository=tmp_path / "other", key_file=tmp_path / "other key")
    await stranger.init()
    thief = ArchiveEngine(repository=engine.repository, key_file=stranger.key_file)

    with pytest.raises(BackupError, match="not the one"):
        await thief.restore(taken.id, tmp_path / "out")

    assert not (await thief.verify()).passed


async def test_a_lost_key_is_not_replaced(engine: ArchiveEngine) -> None:
    """A new key would hide that nothing can be restored."""
    await engine.init()
    engine.key_file.unlink()

    with pytest.raises(BackupError, match="missing"):
        await engine.init()

    assert not engine.key_file.exists()


@pytest.mark.slow
async def test_a_password_opens_it_anywhere(tmp_path: Path) -> None:
    """The repository alone and the password are enough; a wrong one is said to be wrong."""
    engine = ArchiveEngine(
        repository=tmp_path / "repository", key_file=tmp_path / "unused", password="right"
    )
    source = plant(tmp_path / "source")
    await engine.init()
    taken = await engine.snapshot(source, at=AT)
    shutil.copytree(engine.repository, tmp_path / "elsewhere")

    there = ArchiveEngine(
        repository=tmp_path / "elsewhere", key_file=tmp_path / "unused", password="right"
    )
    await there.restore(taken.id, tmp_path / "out")
    wrong = ArchiveEngine(
        repository=tmp_path / "elsewhere", key_file=tmp_path / "unused", password="not-this"
    )
    with pytest.raises(BackupError, match="wrong password") as failed:
        await wrong.snapshot(source, at=AT)

    assert look(tmp_path / "out") == look(source)
    assert "not-this" not in str(failed.value) + repr(wrong)


async def test_every_flipped_bit_is_found_by_a_drill(engine: ArchiveEngine, tmp_path: Path) -> None:
    """Wherever in the repository one bit changes, the next drill fails."""
    source = tmp_path / "source"
    source.mkdir()
    (source / "data").write_bytes(os.urandom(20_000))
    around = Surroundings(root=tmp_path)
    staging = tmp_path / "staging"
    staging.mkdir()
    await stage(
        {"source": BackupSource(kind="folder", path="source")}, staging, at=AT, around=around
    )
    await engine.init()
    await engine.snapshot(staging, at=AT)
    await engine.snapshot(staging, at=AT)
    practice = Practice(engine=engine, scratch=tmp_path / "scratch", config=Drill())
    files = [path for path in engine.repository.iterdir() if path.stat().st_size]
    ends = [path.stat().st_size for path in files]
    missed: list[str] = []
    dice = random.Random()  # noqa: S311 — no secret

    assert (await drill(practice, now=AT)).passed
    for _ in range(int(os.environ.get("INTERTIE_FLIPS", "20"))):
        (file,) = dice.choices(files, weights=ends)
        at, bit = dice.randrange(file.stat().st_size), dice.randrange(8)
        flip(file, at=at, bit=bit)
        if (await drill(practice, now=AT)).passed:
            missed.append(f"{file.name} at {at}, bit {bit}")
        flip(file, at=at, bit=bit)

    assert missed == []
    assert (await drill(practice, now=AT)).passed


async def test_small_files_are_watched_too(engine: ArchiveEngine, tmp_path: Path) -> None:
    """A flipped bit in an index or in the recipient is found as well."""
    await engine.init()
    await engine.snapshot(plant(tmp_path / "source"), at=AT)

    for file in (*engine.repository.glob("*.json"), engine.repository / "recipient"):
        for at in range(0, file.stat().st_size, 7):
            flip(file, at=at, bit=5)
            assert not (await engine.verify()).passed, f"{file.name} at {at}"
            flip(file, at=at, bit=5)

    assert (await engine.verify()).passed


async def test_a_lost_file_is_found(engine: ArchiveEngine, tmp_path: Path) -> None:
    """A snapshot without its archive, or without its index, is listed with its fault."""
    await engine.init()
    taken = await engine.snapshot(plant(tmp_path / "source"), at=AT)
    archive = engine.repository / f"{taken.id}.tar.zst.age"
    index = engine.repository / f"{taken.id}.json"

    index.rename(tmp_path / "index")
    (without_index,) = await engine.list()
    (tmp_path / "index").rename(index)
    archive.unlink()
    (without_archive,) = await engine.list()

    assert without_index.at == AT
    assert without_index.fault == "its index file is missing"
    assert without_archive.fault == "its archive is missing"
    assert not (await engine.verify()).passed


async def test_a_cut_archive_restores_nothing_quietly(
    engine: ArchiveEngine, tmp_path: Path
) -> None:
    """An archive that ends early is called damaged."""
    await engine.init()
    taken = await engine.snapshot(plant(tmp_path / "source"), at=AT)
    archive = engine.repository / f"{taken.id}.tar.zst.age"
    os.truncate(archive, archive.stat().st_size // 2)

    with pytest.raises(BackupError, match="damaged"):
        await engine.restore(taken.id, tmp_path / "out")


_TAKE = """
import anyio, sys
from datetime import UTC, datetime
from pathlib import Path
from intertie.automation.backup.archive import ArchiveEngine
root = Path(sys.argv[1])
engine = ArchiveEngine(repository=root / "repository", key_file=root / "key")
anyio.run(lambda: engine.snapshot(root / "big", at=datetime.now(UTC)))
"""


@pytest.mark.slow
async def test_a_killed_run_spoils_nothing(engine: ArchiveEngine, tmp_path: Path) -> None:
    """What was there stays good; what was begun is gone with the next run."""
    await engine.init()
    old = await engine.snapshot(plant(tmp_path / "source"), at=AT)
    (tmp_path / "big").mkdir()
    (tmp_path / "big" / "random").write_bytes(os.urandom(20_000_000))
    os.truncate(tmp_path / "big" / "random", 40_000_000_000)  # not over before it is killed

    def begun() -> bool:
        found = list(engine.repository.glob(".*.partial"))
        return bool(found) and found[0].stat().st_size > 2_000_000

    async with await open_process([sys.executable, "-c", _TAKE, str(tmp_path)]) as run:
        await eventually(begun)
        run.send_signal(signal.SIGKILL)
        assert await run.wait() == -signal.SIGKILL

    assert await engine.list() == [old]
    assert (await engine.verify()).passed
    new = await engine.snapshot(tmp_path / "source", at=AT)
    assert {one.id for one in await engine.list()} == {old.id, new.id}
    assert not list(engine.repository.glob(".*.partial"))


async def test_a_second_writer_is_refused(engine: ArchiveEngine, tmp_path: Path) -> None:
    """Two runs never write at once: the second says that there is a first."""
    await engine.init()
    with (engine.repository / ".lock").open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(BackupError, match="another backup"):
            await engine.snapshot(plant(tmp_path / "source"), at=AT)


async def test_a_cancelled_run_leaves_nothing(engine: ArchiveEngine, tmp_path: Path) -> None:
    """It stops in the middle and takes away what it wrote."""
    await engine.init()
    source = tmp_path / "source"
    source.mkdir()
    os.mkfifo(source / "never")  # skipped
    (source / "big").write_bytes(bytes(1))
    os.truncate(source / "big", 40_000_000_000)

    with move_on_after(0.2) as scope:
        await engine.snapshot(source, at=AT)
        await sleep_forever()

    assert scope.cancelled_caught
    assert await engine.list() == []
    assert not list(engine.repository.glob(".*.partial"))


async def test_who_is_unknown_cannot_be_restored(engine: ArchiveEngine, tmp_path: Path) -> None:
    """Also not with a name that points elsewhere."""
    await engine.init()

    for id in ("nobody", "../../etc"):
        with pytest.raises(BackupError, match="no such backup"):
            await engine.restore(id, tmp_path / "out")
        with pytest.raises(BackupError, match="no such backup"):
            await engine.forget([id])


async def test_files_that_only_grow_are_read_only(engine: ArchiveEngine, tmp_path: Path) -> None:
    """They are verified and restored as ever."""
    growing = replace(engine, append_only=True)
    await growing.init()

    taken = await growing.snapshot(plant(tmp_path / "source"), at=AT)

    await growing.restore(taken.id, tmp_path / "out")
    kept = sorted(engine.repository.glob(f"{taken.id}*"))
    assert [each.stat().st_mode & 0o777 for each in kept] == [0o400, 0o400]
    assert (await growing.verify()).passed
    assert look(tmp_path / "out") == look(tmp_path / "source")
