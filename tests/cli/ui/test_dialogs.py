"""Windows over the others."""

import pytest
from textual.app import App

from intertie.cli.ui.dialogs import Confirm, Help
from tests.cli.ui.stage import screen_text
from tests.waiting import eventually


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("keys", "answer"),
    [
        (["y"], True),
        (["n"], False),
        (["escape"], False),
        (["q"], False),
        (["enter"], False),
        (["left", "enter"], True),
    ],
)
async def test_a_question_is_answered_by_a_key(keys: list[str], answer: bool) -> None:
    """Y is yes; N, Escape, q and a mere Enter are no."""
    answers: list[bool | None] = []
    app: App[None] = App()
    async with app.run_test(size=(60, 20)) as pilot:
        app.push_screen(Confirm("Stop [web]?"), answers.append)
        await pilot.pause()
        await eventually(lambda: "Stop [web]?" in screen_text(app))

        await pilot.press(*keys)

    assert answers == [answer]


@pytest.mark.anyio
async def test_a_question_is_answered_by_mouse() -> None:
    """Both buttons."""
    answers: list[bool | None] = []
    app: App[None] = App()
    async with app.run_test(size=(60, 20)) as pilot:
        for button in ("#yes", "#no"):
            app.push_screen(Confirm("Stop?"), answers.append)
            await pilot.pause()
            await eventually(lambda: "Stop?" in screen_text(app))
            await pilot.click(button)

    assert answers == [True, False]


@pytest.mark.anyio
async def test_help_tells_each_key_and_goes_away() -> None:
    """On a small terminal too."""
    app: App[None] = App()
    async with app.run_test(size=(60, 20)) as pilot:
        app.push_screen(Help([("[", "a bracket"), ("q", "quit")]))
        await pilot.pause()
        await eventually(lambda: "a bracket" in screen_text(app))

        await pilot.press("escape")

        await eventually(lambda: not isinstance(app.screen, Help))
