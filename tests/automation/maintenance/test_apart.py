"""Tasks in processes of their own, under limits."""

from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from anyio import create_task_group, fail_after

from intertie.automation.maintenance.port import MaintenanceError
from intertie.automation.maintenance.sweep import Sweep
from intertie.drivers.process import ProcessDriver
from intertie.suite.schedule import Maintenance
from tests.automation.maintenance.stage import LATER_S, helper, make, staged
from tests.waiting import eventually

pytestmark = [pytest.mark.anyio, pytest.mark.slow]


async def test_what_a_process_did_is_read_from_what_it_prints(tmp_path: Path) -> None:
    """Though a file of the suite has the name of a module."""
    make(tmp_path / "tmp" / "old")
    (tmp_path / "logging.py").write_text("raise SystemExit(9)")
    asked = Sweep(root=tmp_path, state=".intertie", folders=("tmp",), before_s=LATER_S)

    async with staged(tmp_path) as around:
        done = await around.apart("temp_cleanup", asked.model_dump_json())

    assert (done.changed, done.told) == (1, "1 old files removed")


@pytest.mark.parametrize("asked", ["{}", "no json", '{"root": 3}'])
async def test_a_process_that_fails_says_why(tmp_path: Path, asked: str) -> None:
    """In one line."""
    async with staged(tmp_path) as around:
        with pytest.raises(MaintenanceError, match="cannot do temp_cleanup: ") as caught:
            await around.apart("temp_cleanup", asked)

    assert "\n" not in str(caught.value)
    assert "Traceback" not in str(caught.value)


async def test_it_gives_way_to_all_others(tmp_path: Path) -> None:
    """Nice 19, idle on the disk, half a processor; and a cancelled run leaves no process."""
    huge = tmp_path / "tmp"
    for number in range(3000):
        make(huge / str(number // 100) / str(number), 1)
    asked = Sweep(root=tmp_path, state=".intertie", folders=("tmp",), before_s=LATER_S)
    seen: list[psutil.Process] = []

    def is_gentle() -> bool:
        for process in psutil.Process().children(recursive=True):
            try:
                if "intertie.automation.maintenance" in process.cmdline():
                    seen.append(process)
                    is_idle = process.ionice().ioclass == psutil.IOPRIO_CLASS_IDLE
                    return process.nice() == 19 and is_idle
            except psutil.NoSuchProcess:
                continue
        return False

    driver = ProcessDriver("test-gentle")
    made = helper(driver, tmp_path, Maintenance().resource_limits)
    async with create_task_group() as group:
        await group.start(driver.run)
        with fail_after(30):
            async with create_task_group() as running:
                running.start_soon(made.run, "temp_cleanup", asked.model_dump_json())
                await eventually(is_gentle)
                running.cancel_scope.cancel()
        group.cancel_scope.cancel()

    assert not any(process.is_running() for process in seen)


def test_the_environment_is_not_shown() -> None:
    """It may hold secrets."""
    made = replace(helper(ProcessDriver("x"), Path()), env={"TOKEN": "hush"})

    assert "hush" not in repr(made)
