"""The log of one service: two streams, a search, a filter."""

from collections import deque
from collections.abc import Iterator, Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Input, Static

from intertie.cli.ui import words
from intertie.cli.ui.lines import LineView
from intertie.runtime.logs import LogLine, Stream

_MOST = 10_000
_NEXT: dict[Stream | None, Stream | None] = {None: "out", "out": "err", "err": None}
_NAMES: dict[Stream | None, str] = {None: "both streams", "out": "stdout", "err": "stderr"}


class LogPane(Vertical):
    """What the service looked at writes. `/` searches, `n` and `N` go from one find to the next."""

    DEFAULT_CSS = """
    LogPane { height: 1fr; }
    LogPane > LineView { height: 1fr; }
    LogPane > #log-search { display: none; height: 1; border: none; padding: 0; }
    LogPane > #log-search.-open { display: block; }
    LogPane > #log-told { height: 1; color: $text-muted; }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("n", "step(-1)", "Next find", show=False),
        Binding("N", "step(1)", "Find before", show=False),
        Binding("f", "filter", "Only finds", show=False),
        Binding("e", "stream", "Stream", show=False),
        Binding("escape", "close", "Close search", show=False),
    ]

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self._kept: deque[LogLine] = deque(maxlen=_MOST)
        self._service = ""
        self._stream: Stream | None = None
        self._only_finds = False
        self._several = False
        self._left_out = 0
        self.view = LineView(id="log-lines")
        """What is shown."""
        self._input = Input(id="log-search", placeholder="search the log")
        self._told = Static(id="log-told")

    def compose(self) -> ComposeResult:
        """See Widget."""
        yield self.view
        yield self._input
        yield self._told

    def begin(self, service: str) -> None:
        """The lines to come are of this service."""
        self._service = service
        self._several = False
        self._left_out = 0
        self._kept.clear()
        self._show()

    def add(self, lines: Sequence[LogLine], *, left_out: int = 0) -> None:
        """More of it; `left_out` more came than could be read."""
        if left_out:
            self._left_out += left_out
            self._tell()
        self._kept.extend(lines)
        if not self._several and any(line.replica for line in lines):
            self._several = True
            self._show()
            return
        self.view.add(words.log_line(line, several=self._several) for line in self._wanted(lines))

    def open_search(self) -> None:
        """Let a person type what to look for."""
        self._input.add_class("-open")
        self._input.focus()

    def on_input_changed(self, event: Input.Changed) -> None:
        """Mark finds while the search is being typed."""
        event.stop()
        self.view.search(event.value)
        if self._only_finds:
            self._show()
        self._tell()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Go to the last find, and let keys mean what they meant."""
        event.stop()
        self.view.focus()
        self.action_step(-1)

    def action_step(self, by: int) -> None:
        """The newest find first, then the ones before it."""
        at, of = self.view.step(by)
        self._tell(f"find {at} of {of}" if of else "")

    def action_filter(self) -> None:
        """Show only lines with the search in them, or all again."""
        self._only_finds = not self._only_finds
        self._show()

    def action_stream(self) -> None:
        """Both streams, then standard output alone, then standard error alone."""
        self._stream = _NEXT[self._stream]
        self._show()

    def action_close(self) -> None:
        """Search for nothing any more."""
        self._input.value = ""
        self._input.remove_class("-open")
        self._only_finds = False
        self.view.search("")
        self.view.focus()
        self._show()

    def _wanted(self, lines: Sequence[LogLine]) -> Iterator[LogLine]:
        query = self._input.value.lower() if self._only_finds else ""
        for line in lines:
            if self._stream in {None, line.stream} and query in words.plain(line.text).lower():
                yield line

    def _show(self) -> None:
        wanted = self._wanted(tuple(self._kept))
        self.view.show(words.log_line(line, several=self._several) for line in wanted)
        self._tell()

    def _tell(self, found: str = "") -> None:
        parts = [self._service, _NAMES[self._stream]]
        if self._input.value:
            parts.append(f"{'only ' if self._only_finds else ''}'{self._input.value}'")
        if found:
            parts.append(found)
        if self._left_out:
            parts.append(f"{self._left_out} lines came too fast and are left out")
        self._told.update(Content(" · ".join(parts)))
