"""What the tests of the terminal UI share: services made up, and an app around one widget."""

from datetime import UTC, datetime
from typing import Literal

from textual.app import App, ComposeResult
from textual.widget import Widget

from intertie.api.models import ReplicaView, ServiceView
from intertie.runtime.logs import LogLine, Stream

NOW = datetime(2026, 1, 1, 12, 0, 30, tzinfo=UTC)
SINCE = datetime(2026, 1, 1, 12, 0, 0, tzinfo=UTC)


def replica(index: int = 0, state: str = "running", *, reason: str = "healthy") -> ReplicaView:
    """A replica that entered its state 30 s before NOW."""
    pid = 100 + index if state == "running" else None
    return ReplicaView(
        index=index,
        state=state,
        pid=pid,
        port=8000 + index,
        since=SINCE,
        restarts=index,
        reason=reason,
    )


def service(
    name: str,
    *replicas: ReplicaView,
    status: Literal["UP", "DEGRADED", "DOWN"] = "UP",
    needs: list[str] | None = None,
) -> ServiceView:
    """A service, with one running replica when none is given."""
    return ServiceView(
        name=name,
        kind="service",
        status=status,
        depends_on=needs or [],
        replicas=list(replicas) or [replica()],
    )


def log_line(text: str, *, stream: Stream = "out", replica: int = 0) -> LogLine:
    """A line of the service `web`."""
    return LogLine("web", replica, stream, text, 0)


class Stage(App[None]):
    """One widget that fills the screen."""

    def __init__(self, widget: Widget) -> None:
        super().__init__()
        self.animation_level = "none"
        self._widget = widget

    def compose(self) -> ComposeResult:
        """See App."""
        yield self._widget


def screen_text(app: App[None]) -> str:
    """What a person reads on the screen now."""
    screen = app.screen
    strips = screen._compositor.render_strips(screen.size)  # no public way to read it
    return "\n".join("".join(segment.text for segment in strip).rstrip() for strip in strips)
