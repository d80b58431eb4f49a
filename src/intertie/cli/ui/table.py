"""The table of services; rows are updated where they are."""

from collections.abc import Sequence
from datetime import datetime

from rich.text import Text
from textual.widgets import DataTable
from textual.widgets.data_table import RowKey

from intertie.api.models import ServiceView
from intertie.cli.ui import words

_MARK = "mark"
_PICKED = Text("●", style="cyan")


class ServiceTable(DataTable[Text]):
    """One row a service. Space picks several; the cursor is the service looked at."""

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id, cursor_type="row", zebra_stripes=False)
        self._shown: dict[str, list[Text]] = {}
        self._widths: dict[str, int] = {}
        self._picked: set[str] = set()

    def on_mount(self) -> None:
        """Columns need the app's console to be measured."""
        self.add_column(" ", key=_MARK, width=1)
        for heading in words.COLUMNS:
            self.add_column(heading, key=heading)

    @property
    def looked_at(self) -> str | None:
        """The service under the cursor."""
        if not self.is_valid_row_index(self.cursor_row):
            return None
        return self.coordinate_to_cell_key(self.cursor_coordinate).row_key.value

    @property
    def targets(self) -> list[str]:
        """What an action is for: the services picked or, when none is, the one looked at."""
        if self._picked:
            return sorted(self._picked)
        return [self.looked_at] if self.looked_at else []

    def show(self, services: Sequence[ServiceView], now: datetime) -> None:
        """The services as they are now; only cells that differ are drawn again."""
        rows = {service.name: words.cells(service, now) for service in services}
        if rows.keys() != self._shown.keys():
            self._rebuild(rows)
        for name, row in rows.items():
            self._update(name, row)
        self._shown = rows

    def pick(self) -> None:
        """Pick the service under the cursor, or drop it; the cursor goes on to the next."""
        name = self.looked_at
        if name is not None:
            self._picked ^= {name}
            self._draw_mark(name)
            self.action_cursor_down()

    def drop_picks(self) -> None:
        """Nothing is picked any more."""
        picked, self._picked = self._picked, set()
        for name in picked:
            self._draw_mark(name)

    def _rebuild(self, rows: dict[str, list[Text]]) -> None:
        """Other services: all rows anew, the cursor on the same service, or near where it was."""
        before, at = self.looked_at, self.cursor_row
        self._picked &= rows.keys()
        self._widths = {
            heading: max((row[column].cell_len for row in rows.values()), default=0)
            for column, heading in enumerate(words.COLUMNS)
        }
        self.clear()
        for name, row in rows.items():
            self.add_row(self._mark_of(name), *row, key=name)
        if before in rows:
            at = self.get_row_index(before)
        self.move_cursor(row=min(at, max(0, len(rows) - 1)))
        self._shown = dict(rows)

    def _update(self, name: str, row: list[Text]) -> None:
        for heading, old, new in zip(words.COLUMNS, self._shown[name], row, strict=True):
            if old != new:
                self.update_cell(
                    RowKey(name), heading, new, update_width=self._is_wider(heading, new)
                )

    def _is_wider(self, heading: str, cell: Text) -> bool:
        """Whether the column must grow: Textual measures all its cells then, so seldom."""
        grows = cell.cell_len > self._widths[heading]
        if grows:
            self._widths[heading] = cell.cell_len
        return grows

    def _draw_mark(self, name: str) -> None:
        self.update_cell(RowKey(name), _MARK, self._mark_of(name))

    def _mark_of(self, name: str) -> Text:
        return _PICKED if name in self._picked else Text(" ")
