"""A long list of lines."""

import pytest
from rich.text import Text

from intertie.cli.ui.lines import LineView
from tests.cli.ui.stage import Stage, screen_text
from tests.waiting import eventually


def numbered(first: int, last: int) -> list[Text]:
    """Lines `line 1`, `line 2`, …."""
    return [Text(f"line {number}") for number in range(first, last + 1)]


@pytest.mark.anyio
async def test_the_end_is_followed() -> None:
    """New lines are seen as they come."""
    view = LineView(id="lines")
    async with Stage(view).run_test(size=(40, 10)) as pilot:
        view.add(numbered(1, 50))
        await pilot.pause()
        view.add(numbered(51, 60))
        await pilot.pause()

        await eventually(lambda: "line 60" in screen_text(pilot.app))
        assert "line 1\n" not in screen_text(pilot.app)


@pytest.mark.anyio
async def test_a_reader_who_scrolled_away_stays_there() -> None:
    """New lines do not move what is read; at the end again, they are followed again."""
    view = LineView(id="lines")
    async with Stage(view).run_test(size=(40, 10)) as pilot:
        view.add(numbered(1, 50))
        view.focus()
        await pilot.pause()
        await pilot.press("g")
        view.add(numbered(51, 60))
        await pilot.pause()

        await eventually(lambda: screen_text(pilot.app).startswith("line 1\n"))
        await pilot.press("G")
        view.add(numbered(61, 61))
        await pilot.pause()
        await eventually(lambda: "line 61" in screen_text(pilot.app))


@pytest.mark.anyio
async def test_the_oldest_lines_go_first() -> None:
    """Ten thousand lines are kept."""
    view = LineView(id="lines")
    async with Stage(view).run_test(size=(40, 10)):
        view.add(numbered(1, 6_000))
        view.add(numbered(6_001, 12_000))

        assert len(view.lines) == 10_000
        assert view.lines[0] == "line 2001"
        assert view.lines[-1] == "line 12000"


@pytest.mark.anyio
async def test_what_is_read_stays_when_old_lines_go() -> None:
    """The view is moved along with the lines it shows."""
    view = LineView(id="lines")
    async with Stage(view).run_test(size=(40, 10)) as pilot:
        view.add(numbered(1, 10_000))
        await pilot.pause()
        view.scroll_to(y=5_000, animate=False)
        await eventually(lambda: screen_text(pilot.app).startswith("line 5001\n"))

        view.add(numbered(10_001, 10_100))
        await pilot.pause()

        await eventually(lambda: screen_text(pilot.app).startswith("line 5001\n"))


@pytest.mark.anyio
async def test_a_search_goes_from_find_to_find_around_the_ends() -> None:
    """Backwards from the newest, forwards from the oldest; the place and the count are told."""
    view = LineView(id="lines")
    async with Stage(view).run_test(size=(40, 10)) as pilot:
        view.show([Text("Alpha"), Text("beta"), *numbered(1, 50), Text("an alpha")])
        view.search("ALPHA")

        assert [view.step(-1) for _ in range(3)] == [(2, 2), (1, 2), (2, 2)]
        assert view.step(1) == (1, 2)
        await pilot.pause()
        await eventually(lambda: screen_text(pilot.app).startswith("Alpha"))
        view.search("nowhere")
        assert view.step(1) == (0, 0)


@pytest.mark.anyio
async def test_finds_are_marked() -> None:
    """Each occurrence is drawn on another ground; the line's own text does not change."""
    view = LineView(id="lines")
    async with Stage(view).run_test(size=(40, 10)):
        view.show([Text("one two one")])
        view.search("one")

        marked = [
            segment.text
            for segment in view.render_line(0)
            if segment.style and segment.style.bgcolor and segment.style.bgcolor.name == "yellow"
        ]

        assert marked == ["one", "one"]
        assert view.lines == ["one two one"]


@pytest.mark.anyio
async def test_wide_characters_are_cut_by_cells() -> None:
    """A line longer than the view is exactly as wide as the view, scrolled or not."""
    view = LineView(id="lines")
    async with Stage(view).run_test(size=(21, 10)) as pilot:
        view.show([Text("漢字" * 40)])
        for left in (0, 3):
            view.scroll_to(x=left, animate=False)
            await pilot.pause()
            assert view.render_line(0).cell_length == view.size.width
