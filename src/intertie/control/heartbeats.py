"""Heartbeats: those of others taken in, and how it goes with all of them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Literal

from intertie.control.actor import Actor
from intertie.errors import NotFoundError

if TYPE_CHECKING:  # needed by suites that are monitored only
    from intertie.monitor.heartbeat import Heard
    from intertie.monitor.heartbeat_listen import Listener
    from intertie.monitor.heartbeat_send import Pulse

MOST_BYTES = 4096
_NONE = (
    "cannot look at heartbeats: this suite is not monitored, or not yet; add `monitoring: {}` to"
    " its file, then `intertie apply`"
)


@dataclass(frozen=True, slots=True)
class ExpectedView:
    """Somebody who is expected to send heartbeats."""

    name: str
    state: Literal["heard", "waiting", "missing"]
    """`waiting`: none came yet, and it is not alarming yet."""
    within_s: float
    severity: str
    suite: str
    """Whose the last one was."""
    heard_at: datetime | None
    silent_s: float
    """How long this suite has listened since then."""
    count: int
    alert: str
    """Name of the alert when it is missing."""


@dataclass(frozen=True, slots=True)
class SentView:
    """Somebody who is sent heartbeats."""

    name: str
    every_s: float
    signed: bool
    sent_at: datetime | None
    """When it took one last."""
    count: int
    """Since monitoring started."""
    trouble: str
    """Why the last was not taken; empty: it was."""


@dataclass(frozen=True, slots=True)
class HeartbeatsView:
    """Both directions."""

    expected: tuple[ExpectedView, ...]
    sent: tuple[SentView, ...]
    held: str
    """Why nothing is sent: what of monitoring does not work; empty: all does."""


@dataclass(frozen=True, slots=True)
class Beats:
    """What there is while a suite is monitored."""

    listener: "Listener"
    pulse: "Pulse"


@dataclass(frozen=True, slots=True)
class HeartbeatControl:
    """Each call raises NotFoundError where the suite is not monitored."""

    now_beats: Callable[[], Beats | None] = lambda: None

    async def take(self, name: str, data: bytes, headers: Mapping[str, str]) -> None:
        """Take one in; who signed it may. Raises as `Listener.take` does."""
        from intertie.monitor.channels.webhook import SIGNATURE  # noqa: PLC0415

        await self._it().listener.take(name, data, headers.get(SIGNATURE, ""))

    def list(self, actor: Actor) -> HeartbeatsView:
        """How it goes with all of them."""
        actor.require_read()
        it = self._it()
        expected = (_expected(name, each, it.listener) for name, each in it.listener.known.items())
        sent = (_sent(name, it.pulse) for name in it.pulse.sends)
        return HeartbeatsView(tuple(expected), tuple(sent), it.pulse.held)

    def _it(self) -> Beats:
        found = self.now_beats()
        if found is None:
            raise NotFoundError(_NONE)
        return found


def _expected(name: str, heard: "Heard", listener: "Listener") -> ExpectedView:
    from intertie.monitor.heartbeat import rule_name  # noqa: PLC0415

    expect = listener.expected[name]
    state: Literal["heard", "waiting"] = "waiting" if heard.heard_at is None else "heard"
    return ExpectedView(
        name=name,
        state="missing" if listener.is_missing(name, heard) else state,
        within_s=expect.within,
        severity=expect.severity,
        suite=heard.suite,
        heard_at=heard.heard_at,
        silent_s=round(heard.silent_s, 3),
        count=heard.count,
        alert=rule_name(name),
    )


def _sent(name: str, pulse: "Pulse") -> SentView:
    send, sent = pulse.sends[name], pulse.sent[name]
    return SentView(
        name=name,
        every_s=send.every,
        signed=send.secret is not None,
        sent_at=sent.sent_at,
        count=sent.count,
        trouble=sent.trouble,
    )
