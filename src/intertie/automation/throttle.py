"""A limit of processor time for a tree of processes, where there are no control groups to set one.

The tree is stopped (SIGSTOP) when it has used more than its share, and goes on (SIGCONT) when time
has made up for it. That is coarse, and a program can see it: it holds over a second, not over a
millisecond; a child that lives shorter than a look is counted when its parent has waited for it;
a process that left the tree before the first look after its birth is not found. The kernel's way
is better, and taken where it can be.
"""

import logging
import math
import signal
from contextlib import suppress

import psutil
from anyio import current_time, sleep

from intertie.drivers import Identity, proc

log = logging.getLogger(__name__)

_LOOK_S = 0.05
_LONGEST_STOP_S = 1.0
_ROUNDS = 5


class Allowance:
    """Processor time that may be used; what is not used is not saved for more than one look."""

    def __init__(self, share: float, at_s: float) -> None:
        self._share = share
        self._at_s = at_s
        self._left_s = 0.0

    def stop_s(self, used_s: float, at_s: float) -> float:
        """How long to stop, after so much was used since the last call; 0 for not at all."""
        earned_s = self._share * (at_s - self._at_s)
        self._at_s = at_s
        self._left_s = min(self._left_s + earned_s - used_s, self._share * _LOOK_S)
        return max(0.0, -self._left_s / self._share)


class Members:
    """A process and all that came from it, as far as they were ever seen below it."""

    def __init__(self, main: Identity) -> None:
        self._seen = {main}

    def look(self) -> set[Identity]:
        """Who lives now."""
        alive = {identity for identity in self._seen if proc.is_alive(identity)}
        below = proc.descendants(identity.pid for identity in alive)
        self._seen = alive | {found.identity for found in below}
        return self._seen

    def used_s(self) -> float:
        """Processor time of those that live, and of children they have waited for."""
        return sum(_used_s(identity.pid) for identity in self.look())


async def throttle(main: Identity, share: float) -> None:
    """Hold the tree to its share (1.0 is one processor) until cancelled; then it goes on."""
    members = Members(main)
    allowance = Allowance(share, current_time())
    before_s = members.used_s()
    while True:
        await sleep(_LOOK_S)
        used_s = members.used_s()
        stop_s = allowance.stop_s(max(0.0, used_s - before_s), current_time())
        before_s = used_s
        if stop_s > 0:
            await _stop(members, min(stop_s, _LONGEST_STOP_S))


async def _stop(members: Members, for_s: float) -> None:
    stopped: set[Identity] = set()
    try:
        for _ in range(_ROUNDS):  # who forked in between has children that run
            fresh = members.look() - stopped
            if not fresh:
                break
            stopped |= fresh
            for identity in fresh:
                proc.send(identity, signal.SIGSTOP)
        await sleep(for_s)
    finally:
        for identity in stopped:
            proc.send(identity, signal.SIGCONT)


def be_gentle(main: Identity, *, nice: int, idle_io: bool) -> None:
    """Give way to others, with all that came from it by now; its later children inherit it."""
    members, done = Members(main), set[Identity]()
    for _ in range(_ROUNDS):
        fresh = members.look() - done
        if not fresh:
            return
        done |= fresh
        for identity in fresh:
            _give_way(identity.pid, nice, idle_io=idle_io)


def _give_way(pid: int, nice: int, *, idle_io: bool) -> None:
    with suppress(psutil.NoSuchProcess):
        process = psutil.Process(pid)
        try:
            if nice > process.nice():
                process.nice(nice)
            if idle_io and psutil.LINUX:
                process.ionice(psutil.IOPRIO_CLASS_IDLE)
        except psutil.AccessDenied:
            log.warning("a task's process cannot be made to give way", extra={"pid": pid})


def _used_s(pid: int) -> float:
    with suppress(psutil.Error):
        times = psutil.Process(pid).cpu_times()
        below = getattr(times, "children_user", 0.0) + getattr(times, "children_system", 0.0)
        return math.fsum((times.user, times.system, below))
    return 0.0
