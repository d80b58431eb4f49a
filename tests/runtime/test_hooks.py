import os
from pathlib import Path

import pytest

from intertie.errors import ChangeError
from intertie.event import HookFailed
from intertie.plan import State
from tests.runtime.stage import service, shell, staged
from tests.waiting import eventually

pytestmark = pytest.mark.anyio


def note(file: Path, word: str) -> list[str]:
    """A command that adds a word to a file."""
    return ["/bin/sh", "-c", f"echo {word} >> {file}"]


async def test_hooks_run_at_their_moments(tmp_path: Path) -> None:
    """Before the start, once ready, before the signal, after the end; each in the service's place.

    The service notes its own start and end between them.
    """
    file = tmp_path / "order"
    script = (
        f"trap 'echo ended >> {file}; exit' TERM; echo started >> {file}; echo up; sleep 99 & wait"
    )
    async with staged(tmp_path) as stage:
        await stage.run(
            api=shell(
                script,
                ready_log_line="up",
                pre_start=[{"command": note(file, "pre_start")}],
                post_start=[{"command": note(file, "post_start")}],
                pre_stop=[{"command": note(file, "pre_stop")}],
                post_stop=[{"command": note(file, "post_stop")}],
            )
        )
        await eventually(lambda: "post_start" in file.read_text())

        await stage.supervisor.stop(["api"])

    order = ["pre_start", "started", "post_start", "pre_stop", "ended", "post_stop"]
    assert file.read_text().split() == order


async def test_hooks_have_the_environment_and_the_log_of_their_service(tmp_path: Path) -> None:
    """What they print lies beside what the service prints."""
    hook = ["/bin/sh", "-c", "echo $COLOUR $PORT; echo odd >&2"]
    async with staged(tmp_path) as stage:
        await stage.run(
            api=service(port="auto", environment={"COLOUR": "blue"}, pre_start=[{"command": hook}])
        )

        lines = {(line.stream, line.text) for line in await stage.logs.tail("api")}

        assert lines == {("out", f"blue {stage.replica('api').port}"), ("err", "odd")}


async def test_a_pre_start_that_fails_fails_the_start(tmp_path: Path) -> None:
    """The program is not run, later hooks neither; the reason names the hook."""
    file = tmp_path / "ran"
    async with staged(tmp_path) as stage:
        with pytest.raises(ChangeError, match="pre_start command 'false' ended with exit code 1"):
            await stage.run(api=service(["touch", str(file)], pre_start=["false", f"touch {file}"]))

        assert stage.replica("api").state is State.FAILED
        assert not file.exists()


async def test_a_failing_post_start_is_told_and_changes_nothing(tmp_path: Path) -> None:
    """The service goes on."""
    async with staged(tmp_path) as stage:
        await stage.run(api=service(post_start=["/bin/sh -c 'exit 7'"]))

        failed = await stage.next(HookFailed)

        assert failed.data["moment"] == "post_start"
        assert failed.data["error"] == "post_start command '/bin/sh' ended with exit code 7"
        assert stage.replica("api").state is State.RUNNING


async def test_a_hook_that_takes_too_long_is_killed_with_all_it_started(tmp_path: Path) -> None:
    """Also what it started in the background."""
    pid = tmp_path / "pid"
    hook = ["/bin/sh", "-c", f"sleep 99 & echo $! > {pid}; wait"]
    async with staged(tmp_path) as stage:
        with pytest.raises(ChangeError, match="did not end within 2 s"):
            await stage.run(api=service(pre_start=[{"command": hook, "timeout": "2s"}]))

        with pytest.raises(ProcessLookupError):
            os.kill(int(pid.read_text()), 0)


async def test_a_stop_command_ends_the_service_instead_of_the_signal(tmp_path: Path) -> None:
    """The service never sees the signal."""
    file = tmp_path / "how"
    script = (
        f"trap 'echo signal >> {file}; exit' TERM;"
        f" trap 'echo asked >> {file}; exit' USR1; echo $$ > {tmp_path}/pid; echo up;"
        " while true; do sleep 1000 & wait $!; done"
    )
    ask = ["/bin/sh", "-c", f"kill -USR1 $(cat {tmp_path}/pid)"]
    async with staged(tmp_path) as stage:
        await stage.run(api=shell(script, ready_log_line="up", stop_command=ask))

        await stage.supervisor.stop(["api"])

    assert file.read_text() == "asked\n"


async def test_the_signal_follows_a_stop_command_that_fails(tmp_path: Path) -> None:
    """And the failure is told."""
    async with staged(tmp_path) as stage:
        await stage.run(api=service(stop_command="false"))

        await stage.supervisor.stop(["api"])

        failed = await stage.next(HookFailed)
        assert failed.data["moment"] == "stop_command"
        assert stage.replica("api").state is State.STOPPED
