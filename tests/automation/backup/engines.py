"""What every engine promises; the test of each engine inherits it."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from intertie.automation.backup.port import BackupEngine, BackupError, Part
from tests.automation.backup.trees import look, plant

AT = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)


class EngineContract:
    """Classes of tests inherit this and give the fixture `engine`."""

    async def test_restores_what_was_there(self, engine: BackupEngine, tmp_path: Path) -> None:
        """Bytes, rights, times, links, empty and long things come back as they were."""
        source = plant(tmp_path / "source")
        await engine.init()

        taken = await engine.snapshot(source, at=AT, meta={"for": "a, test = ünï"})
        await engine.restore(taken.id, tmp_path / "out")

        assert look(tmp_path / "out") == look(source)
        assert taken.at == AT
        assert taken.files == 8

    async def test_lists_the_newest_first(self, engine: BackupEngine, tmp_path: Path) -> None:
        """Each snapshot keeps its time and what was said of it."""
        source = plant(tmp_path / "source")
        await engine.init()
        old = await engine.snapshot(source, at=AT, meta={"n": "1"})
        new = await engine.snapshot(source, at=AT + timedelta(days=1), meta={"n": "2"})

        found = await engine.list()

        assert found == [new, old]
        assert [one.meta["n"] for one in found] == ["2", "1"]
        assert (await engine.stats()).snapshots == 2
        assert ((await engine.stats()).stored_bytes or 0) > 2_900_000

    async def test_restores_one_path(self, engine: BackupEngine, tmp_path: Path) -> None:
        """A path is a file, or a folder with all in it; nothing else comes with it."""
        source = plant(tmp_path / "source")
        await engine.init()
        taken = await engine.snapshot(source, at=AT)

        await engine.restore(taken.id, tmp_path / "out", paths=("deep/secret", "link"))

        files, _ = look(tmp_path / "out")
        assert set(files) == {"deep/secret", "link"}
        assert files["deep/secret"].mode == 0o600

    async def test_names_a_path_that_is_not_there(
        self, engine: BackupEngine, tmp_path: Path
    ) -> None:
        """An empty folder is not called a restore."""
        await engine.init()
        taken = await engine.snapshot(plant(tmp_path / "source"), at=AT)

        with pytest.raises(BackupError, match="not in the backup"):
            await engine.restore(taken.id, tmp_path / "out", paths=("nowhere",))

    async def test_writes_over_nothing(self, engine: BackupEngine, tmp_path: Path) -> None:
        """A folder with something in it is refused."""
        await engine.init()
        taken = await engine.snapshot(plant(tmp_path / "source"), at=AT)
        (tmp_path / "out").mkdir()
        (tmp_path / "out" / "mine").touch()

        with pytest.raises(BackupError, match="not empty"):
            await engine.restore(taken.id, tmp_path / "out")

    async def test_forgets(self, engine: BackupEngine, tmp_path: Path) -> None:
        """What is forgotten is gone, and the rest is whole."""
        source = plant(tmp_path / "source")
        await engine.init()
        old = await engine.snapshot(source, at=AT)
        new = await engine.snapshot(source, at=AT + timedelta(days=1))

        await engine.forget([old.id])

        assert await engine.list() == [new]
        assert (await engine.verify()).passed
        assert (await engine.verify(part=Part(number=2, of=3))).passed
        with pytest.raises(BackupError):
            await engine.restore(old.id, tmp_path / "out")

    async def test_making_it_again_changes_nothing(
        self, engine: BackupEngine, tmp_path: Path
    ) -> None:
        """A repository that is there is left as it is."""
        await engine.init()
        taken = await engine.snapshot(plant(tmp_path / "source"), at=AT)

        await engine.init()

        assert await engine.list() == [taken]
