from pathlib import Path

import pytest
from anyio import create_task_group

from intertie.plugins.watch import watch
from tests.plugins.written import edit
from tests.waiting import eventually

pytestmark = [pytest.mark.anyio, pytest.mark.slow]


async def test_each_change_of_a_plugin_is_told(tmp_path: Path) -> None:
    """A folder that appears later, a changed file, one that is gone; other files are not."""
    folder, told = tmp_path / "plugins", list[str]()

    async def changed() -> None:
        told.append("changed")

    async with create_task_group() as group:
        group.start_soon(watch, [folder], changed)
        await eventually(lambda: len(told) == 1)

        (tmp_path / "made").mkdir()
        (tmp_path / "made" / "a.py").write_text("1")
        (tmp_path / "made").rename(folder)
        await eventually(lambda: len(told) == 2)

        (folder / "notes.txt").write_text("2")
        edit(folder / "a.py", "22")
        await eventually(lambda: len(told) == 3)

        (folder / "a.py").unlink()
        await eventually(lambda: len(told) == 4)
        group.cancel_scope.cancel()


async def test_a_single_file_may_be_replaced(tmp_path: Path) -> None:
    """As editors do: a new file takes its place."""
    file, told = tmp_path / "a.py", list[str]()
    file.write_text("1")

    async def changed() -> None:
        told.append("changed")

    async with create_task_group() as group:
        group.start_soon(watch, [file], changed)
        for number in range(2, 4):
            await eventually(lambda wanted=number - 1: len(told) == wanted)  # type: ignore[misc]
            (tmp_path / "new").write_text("x" * number)
            (tmp_path / "new").rename(file)
        await eventually(lambda: len(told) == 3)
        group.cancel_scope.cancel()
