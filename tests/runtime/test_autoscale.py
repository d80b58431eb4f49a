from datetime import UTC, datetime
from pathlib import Path

import pytest
from anyio import create_task_group, fail_after

from intertie.event import ChangeProgressed
from intertie.runtime.autoscale import Autoscaler, Scaler
from intertie.runtime.change import Changes
from intertie.store.sqlite import SqliteRecords
from intertie.suite.service import Autoscale
from tests.runtime.stage import service, staged
from tests.waiting import eventually

RULE = Autoscale.model_validate({"min": 2, "max": 6, "cpu": "50%", "cooldown": "100s"})


@pytest.mark.parametrize(
    ("replicas", "percent", "wanted"),
    [(2, 50, 2), (2, 54, 2), (2, 56, 3), (3, 100, 6), (4, 400, 6), (1, 0, 2)],
)
def test_there_are_as_many_as_the_load_needs(replicas: int, percent: float, wanted: int) -> None:
    """So many that each uses what is wanted, within the limits; a little off changes nothing."""
    assert Scaler(RULE).feed(replicas, percent, at_s=0) == wanted


def test_there_are_fewer_only_after_the_load_was_low_for_long() -> None:
    """And then as many as its highest point in that time needed."""
    scaler = Scaler(RULE)
    assert scaler.feed(6, 50, at_s=0) == 6

    assert scaler.feed(6, 10, at_s=50) == 6
    assert scaler.feed(6, 25, at_s=99) == 6
    assert scaler.feed(6, 10, at_s=101) == 3
    assert scaler.feed(3, 10, at_s=201) == 2


@pytest.mark.anyio
@pytest.mark.slow
async def test_a_busy_service_gets_more_replicas(tmp_path: Path) -> None:
    """By a change that tells the load; those there go on."""
    busy = service(
        ["python3", "-c", "while True: pass"],
        autoscale={"max": 2, "cpu": "5%", "interval": "200ms"},
    )
    async with staged(tmp_path) as stage, SqliteRecords.open(tmp_path / "db") as records:
        changes = Changes(records, stage.hub, now=lambda: datetime.now(UTC))
        async with create_task_group() as group:
            await group.start(changes.run)
            await stage.run(web=busy)
            pid = stage.pid("web")
            await group.start(Autoscaler(stage.supervisor, changes).run)

            with fail_after(30):
                while (await stage.next(ChangeProgressed)).data["status"] != "done":
                    pass

            [change] = (await changes.list()).items
            assert change.title.startswith("scale web to 2: ")
            assert change.actor == "autoscale"
            assert len(stage.supervisor.snapshot().services["web"].replicas) == 2
            assert stage.pid("web") == pid
            await eventually(lambda: stage.replica("web", 1).pid is not None)
            group.cancel_scope.cancel()
