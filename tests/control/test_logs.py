"""Read what services wrote."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from intertie.control.logs import Logs
from intertie.control.services import Services
from intertie.errors import IntertieError, NotFoundError
from intertie.runtime.change import Changes
from intertie.runtime.logs import Filter
from intertie.store.sqlite import SqliteRecords
from tests.harness import Bench
from tests.runtime.stage import Stage, shell, staged
from tests.waiting import eventually

pytestmark = pytest.mark.slow


def test_logs_outlive_the_service(running: Bench) -> None:
    """What a stopped service said can still be read."""
    running.ok("stop", "echo")

    lines = running.ok("logs", "echo", "--tail", "1").out
    running.ok("start", "web")

    assert "hello from echo" in lines


def test_an_unknown_service_is_told_before_the_first_line(running: Bench) -> None:
    """With the nearest name."""
    failed = running("logs", "ecco")

    assert failed.code == 1
    assert "did you mean 'echo'?" in failed.err


@pytest.mark.anyio
async def test_lines_can_be_filtered_and_searched(tmp_path: Path) -> None:
    """By stream and words, in the services named; unknown names and patterns are told."""
    async with staged(tmp_path) as stage, opened(tmp_path, stage) as logs:
        await stage.run(api=shell("echo level=info msg=a; echo level=error msg=b >&2; sleep 1000"))
        await eventually(lambda: sum(map(bool, stage.logs.sizes("api", 0).values())) == 2)

        async with logs.read(["api"], tail=9, follow=True, only=Filter(level="error")) as lines:
            assert (await anext(lines)).message == "b"
        async with logs.read([], tail=9, follow=False, only=Filter(stream="out")) as lines:
            assert [line.message async for line in lines] == ["a"]
        assert [line.message for line in await logs.search([], "msg=")] == ["a", "b"]
        with pytest.raises(NotFoundError, match="did you mean 'api'"):
            await logs.search(["apy"], "x")
        with pytest.raises(IntertieError, match="no regular expression"):
            async with logs.read([], tail=9, follow=False, only=Filter(grep="(")):
                pass


@asynccontextmanager
async def opened(folder: Path, stage: Stage) -> AsyncIterator[Logs]:
    """Over what runs on the stage."""
    async with SqliteRecords.open(folder / "records.db") as records:
        changes = Changes(records, stage.hub, now=lambda: datetime.now(UTC))
        yield Logs(Services(stage.supervisor, changes), stage.logs)
