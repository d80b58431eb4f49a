import os
import sys
from pathlib import Path

import pytest
from anyio import create_task_group

from intertie.automation.backup.port import BackupError
from intertie.automation.backup.program import Program
from tests.waiting import eventually

pytestmark = pytest.mark.anyio


def shell(**more: object) -> Program:
    """A program that does what it is told."""
    return Program(name="sh", install="", **more)  # type: ignore[arg-type]


async def test_gives_what_it_wrote() -> None:
    """Of what it was given, with the environment it was given and no other."""
    os_has = "PYTEST_CURRENT_TEST" in os.environ
    given = await shell(env={"A": "b"}).run(
        "test", ["-c", 'cat; printf "$A$PYTEST_CURRENT_TEST"'], given=b"in "
    )

    assert os_has
    assert given == b"in b"


async def test_a_failure_says_what_the_program_said() -> None:
    """On one line, however many it wrote."""
    with pytest.raises(BackupError) as failed:
        await shell().run("do it", ["-c", "echo no >&2; echo luck >&2; exit 3"])

    assert str(failed.value) == "cannot do it: no; luck"


async def test_silence_is_told_by_its_status() -> None:
    """A program that says nothing still has a status."""
    with pytest.raises(BackupError, match="ended with 3"):
        await shell().run("do it", ["-c", "exit 3"])


async def test_a_missing_one_says_how_to_get_it() -> None:
    """Also where only its folder is wrong."""
    missing = Program(name="no-such-program", install="install it so and so")

    with pytest.raises(BackupError, match="not installed; install it so and so"):
        await missing.run("do it", [])


async def test_gives_way() -> None:
    """What it was told to, it runs at."""
    assert await shell(nice=19).run("test", ["-c", "nice"]) == b"19\n"


async def test_a_cancelled_one_is_killed(tmp_path: Path) -> None:
    """Nothing runs on when nobody waits for it."""
    file = tmp_path / "pid"
    code = f"import os, time; open({str(file)!r}, 'w').write(str(os.getpid())); time.sleep(1000)"
    program = Program(name=Path(sys.executable).name, install="", env={"PATH": _folder()})

    async with create_task_group() as group:
        group.start_soon(program.run, "wait", ["-c", code])
        await eventually(lambda: file.exists() and bool(file.read_text()))
        group.cancel_scope.cancel()

    with pytest.raises(ProcessLookupError):
        os.kill(int(file.read_text()), 0)


def _folder() -> str:
    return str(Path(sys.executable).parent)


def test_its_secrets_are_not_shown() -> None:
    """The environment is no part of what it looks like."""
    assert "hidden" not in repr(shell(env={"PASSWORD": "hidden"}))
