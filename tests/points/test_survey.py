from datetime import UTC, datetime
from pathlib import Path

import pytest
from anyio import create_task_group, fail_after

from intertie.points.survey import IntegrationDrift, PointsMonitor, put_right, survey
from intertie.runtime.component import Status
from intertie.runtime.hub import EventHub
from intertie.suite.points import IntegrationPoints
from tests.points.machine import machine

pytestmark = pytest.mark.anyio

POINTS = {
    "backup": IntegrationPoints.model_validate(
        {"storage": {"protocol": "iscsi", "performance_tuning": {"nr_requests": 256}}}
    )
}


def put(file: Path, text: str) -> None:
    """Give it that content all at once, as the kernel does."""
    part = file.with_suffix(".part")
    part.write_text(text)
    part.replace(file)


async def test_what_may_be_set_is_set(tmp_path: Path) -> None:
    """The rest is left, with its commands."""
    root = machine(tmp_path)
    file = root / "sys/block/sda/queue/nr_requests"
    file.write_text("64\n")

    done, left = put_right(await survey(POINTS, root=root))

    assert [each.key for each in done] == ["sda.nr_requests"]
    assert file.read_text() == "256"
    assert [each.remedy for each in left] == [("apt-get install open-iscsi",)]


async def test_drift_is_an_event_and_degrades(tmp_path: Path) -> None:
    """Told once, and once more when it is right again."""
    root = machine(tmp_path, tools=("iscsiadm",))
    file = root / "sys/block/sda/queue/nr_requests"
    hub = EventHub("points", now=lambda: datetime.now(UTC))
    monitor = PointsMonitor(lambda: POINTS, hub, root=root, every_s=0.01)
    async with hub.subscribe() as events, create_task_group() as group:
        await group.start(monitor.run)
        assert monitor.health().status is Status.UP
        with fail_after(20):
            put(file, "64\n")
            drift = await events.receive()
            assert monitor.health().status is Status.DEGRADED
            assert "wanted 256, found 64" in monitor.drifted()["backup"]
            put(file, "256\n")
            again = await events.receive()
        group.cancel_scope.cancel()

    assert (drift.type, drift.data["status"]) == (IntegrationDrift.type, "differs")
    assert again.data["status"] == "ok"
    assert monitor.health().status is Status.UP
