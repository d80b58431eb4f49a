"""The table of services."""

import pytest

from intertie.cli.ui.table import ServiceTable
from tests.cli.ui.stage import NOW, Stage, replica, screen_text, service
from tests.waiting import eventually

MANY = [service(f"s{number:03}") for number in range(200)]


@pytest.mark.anyio
async def test_rows_are_updated_where_they_are() -> None:
    """The cursor and what is scrolled to stay when a service changes."""
    table = ServiceTable(id="services")
    async with Stage(table).run_test(size=(100, 20)) as pilot:
        table.show(MANY, NOW)
        table.move_cursor(row=150)
        await eventually(lambda: table.scroll_y > 0)
        await pilot.pause()
        top = table.scroll_y

        sick = service("s150", replica(0, "failed", reason="exit code 3"), status="DOWN")
        table.show([*MANY[:150], sick, *MANY[151:]], NOW)
        await pilot.pause()

        assert table.looked_at == "s150"
        assert table.scroll_y == top > 0
        await eventually(lambda: "exit code 3" in screen_text(pilot.app))


@pytest.mark.anyio
async def test_the_cursor_stays_on_its_service_when_others_come_and_go() -> None:
    """Also when its own row moves; when it is gone, the cursor is near where it was."""
    table = ServiceTable(id="services")
    async with Stage(table).run_test() as pilot:
        table.show([service("b"), service("c")], NOW)
        table.move_cursor(row=1)
        await pilot.pause()

        table.show([service("a"), service("b"), service("c")], NOW)
        assert table.looked_at == "c"
        table.show([service("a"), service("b")], NOW)
        assert table.looked_at == "b"
        table.show([], NOW)
        assert table.looked_at is None
        assert table.targets == []


@pytest.mark.anyio
async def test_an_action_is_for_the_picked_or_the_one_looked_at() -> None:
    """Picking goes on to the next row; a service that is gone is picked no more."""
    table = ServiceTable(id="services")
    async with Stage(table).run_test() as pilot:
        table.show([service("a"), service("b"), service("c")], NOW)
        await pilot.pause()
        assert table.targets == ["a"]

        table.pick()
        table.pick()
        await pilot.pause()
        assert table.targets == ["a", "b"]
        await eventually(lambda: screen_text(pilot.app).count("●") == 2)

        table.show([service("b"), service("c")], NOW)
        assert table.targets == ["b"]
        table.drop_picks()
        assert table.targets == [table.looked_at]
