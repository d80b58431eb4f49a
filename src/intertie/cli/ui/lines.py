"""A long list of lines that is drawn only where it is looked at, and follows its end."""

from collections.abc import Iterable
from typing import ClassVar

from rich.text import Text
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.strip import Strip

_MOST = 10_000
_FOUND = "black on yellow"
_FOUND_HERE = "black on orange1"


class LineView(ScrollView, can_focus=True):
    """Ten thousand lines at most; the oldest go first.

    At its end it shows new lines as they come; scrolled away from it, it stays where it is.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j", "scroll_down", show=False),
        Binding("k", "scroll_up", show=False),
        Binding("g", "scroll_home", show=False),
        Binding("G", "scroll_end", show=False),
    ]

    def __init__(self, *, id: str, follow: bool = True) -> None:
        super().__init__(id=id)
        self._lines: list[Text] = []
        self._width = 0
        self._follow = follow
        self._query = ""
        self._here = -1

    @property
    def lines(self) -> list[str]:
        """The lines as plain text."""
        return [line.plain for line in self._lines]

    def show(self, lines: Iterable[Text]) -> None:
        """These instead of the ones before; nothing is drawn when they are the same."""
        new = list(lines)[-_MOST:]
        if new == self._lines:
            return
        self._lines = new
        self._width = max((line.cell_len for line in self._lines), default=0)
        self._here = -1
        self._resized()

    def add(self, lines: Iterable[Text]) -> None:
        """These after the ones before."""
        new = list(lines)
        self._lines += new
        self._width = max(self._width, max((line.cell_len for line in new), default=0))
        surplus = len(self._lines) - _MOST
        if surplus > 0:
            del self._lines[:surplus]
            self._here = max(-1, self._here - surplus)
            if not self._at_end():
                self.scroll_to(y=self.scroll_offset.y - surplus, animate=False, force=True)
        self._resized()

    def search(self, query: str) -> None:
        """Mark what is found, whatever its case; "" marks nothing."""
        self._query = query.lower()
        self._here = -1
        self.refresh()

    def step(self, by: int) -> tuple[int, int]:
        """Go to the line found after this one (`by` > 0) or before it, around the ends.

        Which one it is, 1-based, of how many; (0, 0) when nothing is found.
        """
        found = [n for n, line in enumerate(self._lines) if self._has(line)]
        if not found:
            return (0, 0)
        if by > 0:
            self._here = next((n for n in found if n > self._here), found[0])
        else:
            end = self._here if self._here >= 0 else len(self._lines)
            self._here = next((n for n in reversed(found) if n < end), found[-1])
        self.scroll_to(y=max(0, self._here - self.size.height // 2), animate=False, force=True)
        self.refresh()
        return (found.index(self._here) + 1, len(found))

    def render_line(self, y: int) -> Strip:
        """See Widget: line `y` of what is visible."""
        left, top = self.scroll_offset
        width = self.size.width
        if top + y >= len(self._lines):
            return Strip.blank(width, self.rich_style)
        text = self._marked(top + y)
        strip = Strip(text.render(self.app.console), text.cell_len)
        return strip.crop_extend(left, left + width, self.rich_style).apply_style(self.rich_style)

    def _marked(self, number: int) -> Text:
        line = self._lines[number]
        if not self._has(line):
            return line
        text, lowered, size = line.copy(), line.plain.lower(), len(self._query)
        style = _FOUND_HERE if number == self._here else _FOUND
        at = lowered.find(self._query)
        while at >= 0:
            text.stylize(style, at, at + size)
            at = lowered.find(self._query, at + size)
        return text

    def _has(self, line: Text) -> bool:
        return bool(self._query) and self._query in line.plain.lower()

    def _at_end(self) -> bool:
        return self.scroll_offset.y >= self.max_scroll_y

    def _resized(self) -> None:
        stick = self._follow and self._at_end() and self._here < 0
        self.virtual_size = Size(self._width, len(self._lines))
        if stick:
            self.scroll_end(animate=False, immediate=True, force=True, x_axis=False)
        self.refresh()
