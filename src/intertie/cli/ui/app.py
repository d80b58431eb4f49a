"""The terminal UI: services on one side; logs, events, health and changes on the other."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import ClassVar

from rich.text import Text
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container
from textual.widgets import DataTable, Footer, Static, TabbedContent, TabPane

from intertie.api.models import ServiceView
from intertie.cli.ui import words
from intertie.cli.ui.dialogs import Confirm, Help
from intertie.cli.ui.feed import Feed, Verb
from intertie.cli.ui.lines import LineView
from intertie.cli.ui.live import Live
from intertie.cli.ui.logs import LogPane
from intertie.cli.ui.table import ServiceTable
from intertie.errors import IntertieError
from intertie.event import Event
from intertie.runtime.change import Change
from intertie.runtime.explain import Explanation
from intertie.runtime.folder import Daemon, StateFolder
from intertie.runtime.logs import LogLine

_KEYS = (
    ("↑ ↓", "the service looked at"),
    ("r  s  x", "restart, start, stop it, or those picked"),
    ("space, esc", "pick a service for them; drop all picks"),
    ("1 2 3 4", "logs, events, health, changes"),
    ("/", "search the log; enter goes to the newest find"),
    ("n N", "find before, find after"),
    ("f e", "only lines found; both streams, stdout, stderr"),
    ("j k g G", "scroll; to the beginning, to the end"),
    ("tab", "next pane"),
    ("q", "quit; the suite runs on"),
)
_DOING = {"start": "starting", "stop": "stopping", "restart": "restarting"}
_DONE = {"start": "started", "stop": "stopped", "restart": "restarted"}


class SuiteApp(App[None]):
    """A running suite at a glance; it stays while the daemon is away."""

    TITLE = "intertie"
    ENABLE_COMMAND_PALETTE = False
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (150, "-wide")]  # noqa: RUF012 - not ours to type
    CSS = """
    #told { height: 1; padding: 0 1; background: $panel; }
    #told.-lost { background: $error; color: $text; }
    #panes { height: 1fr; layout: vertical; }
    .-wide #panes { layout: horizontal; }
    #services { height: 2fr; }
    #tabs { height: 3fr; }
    .-wide #services { width: 5fr; height: 1fr; }
    .-wide #tabs { width: 4fr; height: 1fr; border-left: vkey $panel; }
    TabPane { padding: 0 1; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("r", "act('restart')", "Restart"),
        Binding("s", "act('start')", "Start"),
        Binding("x", "stop", "Stop"),
        Binding("space", "pick", "Pick"),
        Binding("slash", "search", "Search", key_display="/"),
        Binding("tab", "focus_next", "Pane", show=True),
        Binding("1", "tab('logs')", show=False),
        Binding("2", "tab('events')", show=False),
        Binding("3", "tab('health')", show=False),
        Binding("4", "tab('changes')", show=False),
        Binding("escape", "drop_picks", show=False),
        Binding("question_mark", "help", "Help", key_display="?"),
        Binding("q", "quit", "Quit"),
        Binding("ctrl+c", "quit", show=False, priority=True),
    ]

    def __init__(self, folder: StateFolder) -> None:
        super().__init__()
        self.animation_level = "none"  # each frame of an animation is a repaint, over ssh as well
        self._folder = folder
        self._live = Live(folder, self)
        self._services: dict[str, ServiceView] = {}
        self._explanation: Explanation | None = None
        self._told = Static("connecting …", id="told")
        self._table = ServiceTable(id="services")
        self._logs = LogPane(id="log")
        self._events = LineView(id="event-lines")
        self._health = LineView(id="health-lines", follow=False)
        self._changes = LineView(id="change-lines", follow=False)
        self._tabs = TabbedContent(id="tabs")
        self._address = ""

    def compose(self) -> ComposeResult:
        """See Widget."""
        yield self._told
        with Container(id="panes"):
            yield self._table
            with self._tabs:
                yield TabPane("Logs", self._logs, id="logs")
                yield TabPane("Events", self._events, id="events")
                yield TabPane("Health", self._health, id="health")
                yield TabPane("Changes", self._changes, id="changes")
        yield Footer(show_command_palette=False)

    def on_ready(self) -> None:
        """Begin to read; the worker ends with the app."""
        self._table.focus()
        self.run_worker(self._live.run(), name="live", group="live")

    def on_data_table_row_highlighted(self, event: DataTable.RowHighlighted) -> None:
        """The service under the cursor is the one looked at."""
        event.stop()
        self._live.look_at(self._table.looked_at)
        self._show_health()

    # What `Live` tells (see Watcher).

    def connected(self, daemon: Daemon) -> None:
        """See Watcher."""
        self._address = daemon.gateway_url or daemon.api_url
        self._told.remove_class("-lost")

    def lost(self, why: str) -> None:
        """See Watcher."""
        self._told.add_class("-lost")
        self._told.update(Text(f"{why} · waiting for it", no_wrap=True, overflow="ellipsis"))

    def services_are(self, services: Sequence[ServiceView]) -> None:
        """See Watcher."""
        self._services = {service.name: service for service in services}
        self._table.show(services, datetime.now(UTC))
        self._told.update(words.summary(services).append(f"  {self._address}", style="dim"))
        self._live.look_at(self._table.looked_at)
        self._show_health()

    def happened(self, events: Sequence[Event], left_out: int) -> None:
        """See Watcher."""
        if left_out:
            self._events.add([Text(f"… {left_out} events left out", style="dim")])
        self._events.add(map(words.event, events))

    def changes_are(self, changes: Sequence[Change]) -> None:
        """See Watcher."""
        self._changes.show(words.changes(changes))

    def explained(self, explanation: Explanation | None) -> None:
        """See Watcher."""
        self._explanation = explanation
        self._show_health()

    def logs_begin(self, service: str) -> None:
        """See Watcher."""
        self._logs.begin(service)

    def logged(self, lines: Sequence[LogLine], left_out: int) -> None:
        """See Watcher."""
        self._logs.add(lines, left_out=left_out)

    def _show_health(self) -> None:
        service = self._services.get(self._table.looked_at or "")
        lines = words.health(service, self._explanation) if service else ()
        self._health.show(lines)

    # What keys do.

    def action_tab(self, name: str) -> None:
        """Show this tab and let keys scroll it."""
        self._tabs.active = name
        views = {
            "logs": self._logs.view,
            "events": self._events,
            "health": self._health,
            "changes": self._changes,
        }
        views[name].focus()

    def action_search(self) -> None:
        """Search the log, whatever is shown now."""
        self._tabs.active = "logs"
        self._logs.open_search()

    def action_pick(self) -> None:
        """Pick the service looked at, or drop it."""
        self._table.pick()

    def action_drop_picks(self) -> None:
        """Pick nothing; keys are the table's again."""
        self._table.drop_picks()
        self._table.focus()

    def action_help(self) -> None:
        """Say what the keys do."""
        self.push_screen(Help(_KEYS))

    def action_act(self, verb: Verb) -> None:
        """Begin a change for the services picked, or the one looked at."""
        names = self._table.targets
        if names:
            self._table.drop_picks()
            self.run_worker(self._act(verb, names), group="acts")

    def action_stop(self) -> None:
        """Ask, and then stop: others may be stopped along."""
        names = self._table.targets
        if not names:
            return
        along = words.dependents(names, self._services)
        also = f"\nThese depend on it and are stopped first: {', '.join(along)}" if along else ""

        def answered(yes: bool | None) -> None:
            if yes:
                self._table.drop_picks()
                self.run_worker(self._act("stop", names), group="acts")

        self.push_screen(Confirm(f"Stop {', '.join(names)}?{also}"), answered)

    async def _act(self, verb: Verb, names: Sequence[str]) -> None:
        """Do it, and say how it ended."""
        what = ", ".join(names)
        self.notify(f"{_DOING[verb]} {what} …", markup=False, timeout=2)
        try:
            async with Feed.open(self._folder) as feed:
                ended = await feed.end_of(await feed.act(verb, names))
        except IntertieError as exc:
            self.notify(str(exc), title=f"{verb} {what}", severity="error", markup=False)
            return
        if ended.status == "done":
            self.notify(f"{_DONE[verb]} {what}", markup=False)
        else:
            why = ended.error or ended.status
            self.notify(why, title=f"{verb} {what}", severity="error", markup=False)
