from pathlib import Path

import pytest
from anyio import create_task_group

from intertie.drivers import Exit
from intertie.errors import DriverError
from intertie.plan import Step
from intertie.runtime.jobs import FIRST_INDEX
from tests.runtime.stage import service, staged
from tests.waiting import eventually

pytestmark = pytest.mark.anyio


def unseen(step: Step, status: object, error: str | None = None) -> None:
    """Nobody looks at the progress."""


async def test_a_job_runs_beside_the_service_in_its_environment(tmp_path: Path) -> None:
    """With log files of its own, and never with the replica's port."""
    async with staged(tmp_path) as stage:
        await stage.run(api=service(port="auto", environment={"COLOUR": "blue"}))
        pid = stage.pid("api")
        job = stage.supervisor.new_job("api")

        command = ["sh", "-c", "echo $COLOUR ${PORT:-none} $X; exit 3"]
        ended = await job.run(command, {"X": "y"}, unseen)

        assert ended == Exit(3, None)
        assert await stage.text("api", FIRST_INDEX) == ["blue none y"]
        assert stage.pid("api") == pid


async def test_jobs_side_by_side_have_logs_of_their_own(tmp_path: Path) -> None:
    """And a later one does not show what an earlier one wrote."""
    async with staged(tmp_path) as stage:
        await stage.know(api=service())
        first, second = stage.supervisor.new_job("api"), stage.supervisor.new_job("api")
        async with create_task_group() as group:
            group.start_soon(lambda: first.run(["echo", "one"], {}, unseen))
            group.start_soon(lambda: second.run(["echo", "two"], {}, unseen))
        assert await stage.text("api", first.index) == ["one"]
        assert await stage.text("api", second.index) == ["two"]

        await stage.supervisor.new_job("api").run(["echo", "three"], {}, unseen)

        assert await stage.text("api", FIRST_INDEX) == ["three"]


async def test_a_cancelled_job_leaves_nothing(tmp_path: Path) -> None:
    """Its processes are gone when the cancelling is done; the stage looks after the rest."""
    async with staged(tmp_path) as stage:
        await stage.know(api=service())
        async with create_task_group() as group:
            job = stage.supervisor.new_job("api")
            group.start_soon(lambda: job.run(["sh", "-c", "sleep 99 & sleep 99"], {}, unseen))
            await eventually(lambda: len(stage.ledger.entries()) == 1)
            group.cancel_scope.cancel()

        assert stage.ledger.entries() == []


async def test_a_job_that_cannot_be_started_says_why(tmp_path: Path) -> None:
    """Its number is free again."""
    async with staged(tmp_path) as stage:
        await stage.know(api=service())

        with pytest.raises(DriverError, match="does not exist"):
            await stage.supervisor.new_job("api").run(["/no/such"], {}, unseen)

        assert stage.supervisor.new_job("api").index == FIRST_INDEX
