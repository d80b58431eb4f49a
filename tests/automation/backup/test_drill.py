import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

import pytest

from intertie.automation.backup.archive import ArchiveEngine
from intertie.automation.backup.drill import DrillResult, Practice, drill
from intertie.automation.backup.port import Snapshot
from intertie.automation.backup.snapshots import SOURCES, Surroundings, stage
from intertie.errors import IntertieError
from intertie.suite.schedule import BackupSource, Drill

pytestmark = pytest.mark.anyio
AT = datetime(2026, 1, 1, tzinfo=UTC)
NOW = AT + timedelta(hours=6)


@dataclass(slots=True)
class Ground:
    """A repository with backups of a small database, and its drills."""

    folder: Path
    started: list[tuple[str, int]] = field(default_factory=list[tuple[str, int]])
    ticks: Iterator[int] = field(default_factory=count)

    @property
    def engine(self) -> ArchiveEngine:
        """One whose key lies beside."""
        return ArchiveEngine(repository=self.folder / "repository", key_file=self.folder / "key")

    async def take(self, at: datetime, *, meddle: bool = False) -> Snapshot:
        """A backup, or one in which what is kept is not what was recorded."""
        staging = self.folder / f"staging {at:%m%dT%H}"
        staging.mkdir()
        with closing(sqlite3.connect(self.folder / "a.db", isolation_level=None)) as connection:
            connection.execute("CREATE TABLE IF NOT EXISTS t (n)")
            connection.execute("INSERT INTO t VALUES (1)")
        source = BackupSource(kind="sqlite", path="a.db", service="api")
        around = Surroundings(root=self.folder)
        await stage({"db": source}, staging, at=at, around=around)
        if meddle:
            with closing(sqlite3.connect(staging / SOURCES / "db" / "a.db")) as connection:
                connection.execute("DELETE FROM t")
                connection.commit()
        await self.engine.init()
        return await self.engine.snapshot(staging, at=at)

    async def start(self, service: str, folder: Path) -> None:
        """As a service would open its data."""
        with closing(sqlite3.connect(folder / "a.db")) as connection:
            (rows,) = connection.execute("SELECT count(*) FROM t").fetchone()
        self.started.append((service, rows))

    async def drill(self, config: Drill | None = None, *, id: str | None = None) -> DrillResult:
        """Each look at the clock is a second later."""
        practice = Practice(
            engine=self.engine,
            scratch=self.folder / "scratch",
            config=config or Drill(),
            start=self.start,
            clock_s=lambda: float(next(self.ticks)),
        )
        found = await drill(practice, now=NOW, id=id)
        left = self.folder / "scratch"
        assert not left.exists() or not list(left.iterdir())
        return found


@pytest.fixture
def ground(tmp_path: Path) -> Ground:
    """With no backup yet."""
    return Ground(tmp_path)


async def test_a_good_backup_passes(ground: Ground) -> None:
    """The newest is restored, its service is started on it, and both times are measured."""
    await ground.take(AT - timedelta(days=1))
    newest = await ground.take(AT)

    found = await ground.drill()

    assert found.passed
    assert found.snapshot == newest.id
    assert (found.rto_s, found.rpo_s) == (1.0, 6 * 3600.0)
    assert ground.started == [("api", 2)]
    assert DrillResult.model_validate_json(found.model_dump_json()) == found


async def test_an_older_one_can_be_practised(ground: Ground) -> None:
    """By its id; how old the newest is stays what it is."""
    old = await ground.take(AT - timedelta(days=1))
    await ground.take(AT)

    found = await ground.drill(id=old.id)

    assert (found.snapshot, found.rpo_s) == (old.id, 6 * 3600.0)
    assert ground.started == [("api", 1)]


async def test_too_late_is_a_finding(ground: Ground) -> None:
    """A restore that takes too long, and a newest backup that is too old."""
    await ground.take(AT)

    found = await ground.drill(Drill.model_validate({"rto": "0.5s", "rpo": "1h"}))

    assert found.findings == (
        "the restore took 1.0 s and may take 0.5 s",
        "the newest backup is 21600 s old and may be 3600 s old",
    )


async def test_what_differs_from_the_record_is_named(ground: Ground) -> None:
    """Though each byte is as it was kept; no service is started on it."""
    await ground.take(AT, meddle=True)

    found = await ground.drill()

    assert "db: table 't' differs: 1 rows before, 0 now" in found.findings
    assert ground.started == []


async def test_a_service_that_does_not_start_is_named(ground: Ground) -> None:
    """With its own reason."""
    await ground.take(AT)

    async def start(service: str, _: Path) -> None:
        raise IntertieError(f"cannot start {service}: it is unwell")

    practice = Practice(
        engine=ground.engine, scratch=ground.folder / "scratch", config=Drill(), start=start
    )

    found = await drill(practice, now=NOW)

    assert found.findings == ("db: api does not start on it: cannot start api: it is unwell",)


async def test_no_backup_is_a_finding(ground: Ground) -> None:
    """Also when it is one that is asked for by name, and when there is no repository."""
    nowhere = await ground.drill()
    await ground.engine.init()
    nothing = await ground.drill()
    await ground.take(AT)
    nobody = await ground.drill(id="nobody")

    assert not nowhere.passed
    assert nothing.findings == ("cannot practise a restore: there is no backup yet",)
    assert nobody.findings == ("cannot practise a restore: there is no backup nobody",)


async def test_a_faulty_backup_counts_as_none(ground: Ground) -> None:
    """How old the newest is, is told of the newest good one."""
    await ground.take(AT - timedelta(hours=1))
    newest = await ground.take(AT)
    (ground.engine.repository / f"{newest.id}.json").unlink()

    found = await ground.drill()

    assert found.rpo_s == 7 * 3600.0
    assert found.findings == (f"{newest.id}: its index file is missing",)
