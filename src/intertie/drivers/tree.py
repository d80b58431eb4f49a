"""All processes that came from one main process, wherever they went."""

import logging
import os
import signal
from collections.abc import Callable, Collection, Iterable
from contextlib import suppress
from dataclasses import dataclass, field

from anyio import move_on_after, sleep, wait_readable

from intertie.drivers import Identity, proc

log = logging.getLogger(__name__)

INSTANCE = "INTERTIE_INSTANCE"
SERVICE = "INTERTIE_SERVICE"
_ROUNDS = 100
_UNKILLABLE_S = 5.0
_POLL_S = 0.005


@dataclass(frozen=True, slots=True)
class Marker:
    """What every process of a replica carries in its environment."""

    instance: str
    service: str
    replica: int

    @property
    def env(self) -> dict[str, str]:
        """The two variables."""
        return {INSTANCE: self.instance, SERVICE: f"{self.service}/{self.replica}"}

    def is_on(self, pid: int) -> bool:
        """Whether the process was started with both variables."""
        wanted = {f"{name}={value}".encode() for name, value in self.env.items()}
        return wanted.issubset(proc.environment(pid))


@dataclass(slots=True)
class Tree:
    """Finds and kills the processes of one replica, except zombies.

    They are found by descent, by session and group of the main process, and by the marker, so
    that a child that made a session of its own, lost its parent, or rewrote its environment is
    found by one of the others.
    """

    marker: Marker
    main: Identity
    held: bool
    """The main process is our child and not yet reaped: its pid cannot mean anything else."""
    others: Callable[[], Collection[int]]
    """Pids of our children that are main processes of other replicas."""
    _seen: set[Identity] = field(default_factory=set)

    def look(self) -> None:
        """Remember who is below the main process now, for when it has ended."""
        self._seen.update(found.identity for found in proc.descendants([self.main.pid]))

    def members(self) -> list[proc.Stat]:
        """Who lives now, the main process included."""
        main = proc.stat(self.main.pid)
        ours = main is not None and main.identity == self.main
        found = {} if main is None or not ours or main.zombie else {main.identity: main}
        if ours:
            found.update({s.identity: s for s in proc.descendants([self.main.pid])})
        roots = [s for s in self._strangers() if self._owns(s, by_session=ours)]
        found.update({s.identity: s for s in roots})
        found.update(
            {s.identity: s for s in proc.descendants(s.identity.pid for s in roots)},
        )
        self._seen.update(found)
        return list(found.values())

    def group(self) -> list[proc.Stat]:
        """Members that a signal to the main process's group reaches."""
        return [found for found in self.members() if found.group == self.main.pid]

    def signal(self, number: int) -> None:
        """Send it to the group of the main process, as long as that is still its own."""
        if self.held or proc.is_alive(self.main):
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self.main.pid, number)

    async def kill(self) -> int:
        """Kill until nobody is left; how many there were. The main process is not reaped."""
        killed: set[Identity] = set()
        for _ in range(_ROUNDS):
            found = [s.identity for s in self.members()]
            if not found:
                return len(killed)
            killed.update(found)
            if not await kill_all(found):
                break
            bury(identity for identity in found if identity != self.main or not self.held)
        log.error("processes cannot be killed", extra={"service": self.marker.service})
        return len(killed)

    def _strangers(self) -> Iterable[proc.Stat]:
        """Processes that may be ours without being below the main process."""
        if self.held and proc.is_subreaper():
            # Whoever lost its parent below us is our own child now: no need to look at everybody.
            skip = {self.main.pid, *self.others()}
            pids = (pid for pid in proc.children(os.getpid()) if pid not in skip)
            found = (proc.stat(pid) for pid in pids)
        else:
            found = (s for s in proc.everything())
        return [s for s in found if s is not None and not s.zombie]

    def _owns(self, found: proc.Stat, *, by_session: bool) -> bool:
        pid = self.main.pid
        if found.identity == self.main or found.identity in self._seen:
            return True
        if by_session and pid in {found.session, found.group}:
            return True
        return self.marker.is_on(found.identity.pid)


async def kill_all(found: Collection[Identity]) -> bool:
    """Kill exactly these and wait until they are gone; False when one does not go."""
    for identity in found:
        proc.send(identity, signal.SIGKILL)
    with move_on_after(_UNKILLABLE_S):  # a process in an uninterruptible call may never go
        for identity in found:
            await gone(identity)
        return True
    return False


async def gone(identity: Identity) -> None:
    """Return once the process has ended; it may be a zombie then."""
    if not proc.has_pidfd():
        while proc.is_alive(identity):  # noqa: ASYNC110 — nothing else tells of a stranger's end
            await sleep(_POLL_S)
        return
    try:
        handle = os.pidfd_open(identity.pid)
    except OSError:
        return
    try:
        if proc.identify(identity.pid) == identity:
            await wait_readable(handle)
    finally:
        os.close(handle)


def bury(ended: Iterable[Identity]) -> None:
    """Reap those that are children of ours."""
    for identity in ended:
        if proc.identify(identity.pid) == identity:
            with suppress(ChildProcessError):
                os.waitpid(identity.pid, os.WNOHANG)
