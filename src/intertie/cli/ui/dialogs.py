"""Windows over the others: a question, and the keys."""

from collections.abc import Sequence
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Button, Static

_CSS = """
{name} {{ align: center middle; }}
{name} > Vertical {{
    width: auto; max-width: 90%; height: auto; max-height: 90%;
    padding: 1 2; background: $surface; border: round $primary;
}}
{name} Static {{ width: auto; max-width: 100%; height: auto; }}
{name} Horizontal {{ width: auto; height: auto; margin-top: 1; }}
{name} Button {{ margin-right: 2; }}
"""


class Confirm(ModalScreen[bool]):
    """Asks before something is done; True when it shall be."""

    DEFAULT_CSS = _CSS.format(name="Confirm")
    AUTO_FOCUS = "#no"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "dismiss(True)", "Yes"),
        Binding("n,escape,q", "dismiss(False)", "No"),
        Binding("left,right", "app.focus_next", show=False),
    ]

    def __init__(self, question: str) -> None:
        super().__init__()
        self.question = question

    def compose(self) -> ComposeResult:
        """See Widget."""
        with Vertical():
            yield Static(Content(self.question))
            with Horizontal():
                yield Button("Yes (y)", id="yes", variant="error", compact=True)
                yield Button("No (n)", id="no", compact=True)

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """By mouse, or Enter on the button that has the focus."""
        event.stop()
        self.dismiss(event.button.id == "yes")


class Help(ModalScreen[None]):
    """What the keys do."""

    DEFAULT_CSS = _CSS.format(name="Help")
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q,question_mark,enter", "dismiss")]

    def __init__(self, keys: Sequence[tuple[str, str]]) -> None:
        super().__init__()
        self._keys = keys

    def compose(self) -> ComposeResult:
        """See Widget."""
        width = max(len(key) for key, _ in self._keys)
        lines = (
            Text(f"{key:<{width}}  ", "bold").append(told, "not bold") for key, told in self._keys
        )
        with Vertical():
            yield Static(Text("\n").join(lines))
