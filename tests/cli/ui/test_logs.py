"""The log of one service."""

import pytest

from intertie.cli.ui.logs import LogPane
from tests.cli.ui.stage import Stage, log_line, screen_text
from tests.waiting import eventually

LINES = [
    log_line("listening on 8000"),
    log_line("GET / 200"),
    log_line("GET /missing 404", stream="err"),
    log_line("get /again 200"),
]


@pytest.mark.anyio
async def test_another_service_begins_with_nothing() -> None:
    """Lines of the one before are gone; its name is told."""
    pane = LogPane(id="log")
    async with Stage(pane).run_test() as pilot:
        pane.begin("web")
        pane.add(LINES)
        pane.begin("shop")
        await pilot.pause()

        assert pane.view.lines == []
        await eventually(lambda: "shop · both streams" in screen_text(pilot.app))


@pytest.mark.anyio
async def test_a_search_is_typed_and_stepped_through() -> None:
    """Enter goes to the newest find, n to the one before; the count is told."""
    pane = LogPane(id="log")
    async with Stage(pane).run_test() as pilot:
        pane.begin("web")
        pane.add(LINES)
        pane.open_search()
        await pilot.press("g", "e", "t", "enter")

        await eventually(lambda: "'get' · find 3 of 3" in screen_text(pilot.app))
        await pilot.press("n")
        await eventually(lambda: "find 2 of 3" in screen_text(pilot.app))
        await pilot.press("N")
        await eventually(lambda: "find 3 of 3" in screen_text(pilot.app))


@pytest.mark.anyio
async def test_the_filter_keeps_only_finds_also_of_lines_to_come() -> None:
    """`f` leaves lines without the search out, and brings them back."""
    pane = LogPane(id="log")
    async with Stage(pane).run_test() as pilot:
        pane.begin("web")
        pane.add(LINES)
        pane.open_search()
        await pilot.press("4", "0", "4", "enter", "f")
        pane.add([log_line("another"), log_line("404 again")])

        assert pane.view.lines == ["GET /missing 404", "404 again"]
        await pilot.press("f")
        assert len(pane.view.lines) == len(LINES) + 2


@pytest.mark.anyio
async def test_each_stream_can_be_read_alone() -> None:
    """`e` goes from both to standard output to standard error and around."""
    pane = LogPane(id="log")
    async with Stage(pane).run_test() as pilot:
        pane.begin("web")
        pane.add(LINES)
        pane.view.focus()

        shown = []
        for _ in range(3):
            await pilot.press("e")
            shown.append(len(pane.view.lines))

        assert shown == [3, 1, 4]


@pytest.mark.anyio
async def test_escape_ends_the_search() -> None:
    """All lines are back, and keys are no longer typed into the search."""
    pane = LogPane(id="log")
    async with Stage(pane).run_test() as pilot:
        pane.begin("web")
        pane.add(LINES)
        pane.open_search()
        await pilot.press("4", "0", "4", "enter", "f", "escape")

        assert len(pane.view.lines) == len(LINES)
        await eventually(lambda: "404'" not in screen_text(pilot.app))
        assert pilot.app.focused is pane.view


@pytest.mark.anyio
async def test_replicas_are_told_apart_once_there_are_several() -> None:
    """From the first line of a second replica on, each line has its replica in front."""
    pane = LogPane(id="log")
    async with Stage(pane).run_test():
        pane.begin("web")
        pane.add([log_line("one")])
        pane.add([log_line("two", replica=1)])

        assert pane.view.lines == ["0 one", "1 two"]


@pytest.mark.anyio
async def test_markup_in_a_log_or_a_search_is_text() -> None:
    """Square brackets are shown, never obeyed."""
    pane = LogPane(id="log")
    async with Stage(pane).run_test() as pilot:
        pane.begin("web")
        pane.add([log_line("[bold]not bold[/] [/nothing]")])
        pane.open_search()
        await pilot.press("left_square_bracket", "slash", "enter")

        await eventually(lambda: "[bold]not bold[/] [/nothing]" in screen_text(pilot.app))
        await eventually(lambda: "'[/' · find 1 of 1" in screen_text(pilot.app))


@pytest.mark.anyio
async def test_lines_left_out_are_counted() -> None:
    """Until another service is looked at."""
    pane = LogPane(id="log")
    async with Stage(pane).run_test() as pilot:
        pane.begin("web")
        pane.add(LINES, left_out=20)
        pane.add(LINES, left_out=5)
        await pilot.pause()
        await eventually(
            lambda: "25 lines came too fast and are left out" in screen_text(pilot.app)
        )

        pane.begin("shop")
        await pilot.pause()
        await eventually(lambda: "left out" not in screen_text(pilot.app))
