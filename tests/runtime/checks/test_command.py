import os
from collections.abc import Callable
from pathlib import Path

import pytest
from anyio import create_task_group, move_on_after

from intertie.drivers import Launch
from intertie.drivers.process import ProcessDriver
from intertie.runtime.checks.command import check_launch, command
from tests.runtime.dead import still_runs
from tests.waiting import eventually

pytestmark = pytest.mark.anyio


async def check(folder: Path, *test: str) -> str | None:
    """A declared command, for a replica with X=1 in its environment."""
    env = {"PATH": os.environ["PATH"], "X": "1"}
    launch = Launch("api", 0, ("x",), env, folder, folder / "out", folder / "err", 15, 10.0)
    return await command(ProcessDriver(f"checks{folder}"), check_launch(launch, test))


@pytest.mark.parametrize(
    ("test", "reason"),
    [
        (("true",), None),
        (("CMD", "true"), None),
        (("CMD-SHELL", "test $X = 1 && true"), None),
        (("sh", "-c", "exit 3"), "sh: exit code 3"),
        (("CMD-SHELL", "kill -9 $$"), "/bin/sh: signal 9"),
    ],
)
async def test_exit_code_0_is_healthy(
    tmp_path: Path, test: tuple[str, ...], reason: str | None
) -> None:
    """It runs in the service's environment; Compose's prefixes are understood."""
    assert await check(tmp_path, *test) == reason


async def test_a_command_that_is_not_there_is_unhealthy(tmp_path: Path) -> None:
    """The reason says so."""
    reason = await check(tmp_path, "no-such-program")

    assert reason is not None
    assert "'no-such-program' is not found" in reason


async def test_a_command_that_is_cut_short_is_killed(tmp_path: Path) -> None:
    """With everything it started, at once, though it ignores SIGTERM."""
    child = tmp_path / "child"
    script = f"trap '' TERM; setsid sleep 1000 & echo $! > {child}.x; mv {child}.x {child}; wait"
    async with create_task_group() as group:
        with move_on_after(30) as limit:
            group.start_soon(_cut, child, limit.cancel)
            await check(tmp_path, "sh", "-c", script)

    assert limit.cancelled_caught
    assert not still_runs(int(child.read_text()))


async def _cut(file: Path, cancel: Callable[[], None]) -> None:
    await eventually(file.exists)
    cancel()
