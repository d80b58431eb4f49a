"""Services as processes of this machine."""

import asyncio
import math
import os
import signal
import subprocess
import threading
from collections.abc import Awaitable, Callable, Collection
from contextlib import suppress
from dataclasses import replace
from functools import partial

from anyio import (
    Event,
    Lock,
    current_time,
    move_on_after,
    open_signal_receiver,
    sleep,
    to_thread,
)
from anyio.abc import TaskStatus

from intertie.drivers import Exit, Identity, Launch, Remains, entry, proc
from intertie.drivers.cgroup import Group, Groups
from intertie.drivers.spawn import spawn
from intertie.drivers.tree import INSTANCE, SERVICE, Marker, Tree, bury, gone, kill_all
from intertie.drivers.who import Account, account
from intertie.errors import DriverError
from intertie.trace_context import current

_REAP_EVERY_S = 0.5
_ROUNDS = 100
_UNKILLABLE_S = 5.0


_HEARD = (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2)


def _be_deaf_alone() -> None:
    """Let services hear the signals that we were started to ignore, by `nohup` or behind `&`.

    A program keeps what its starter ignores, and gets the default for what its starter handles.
    """
    for number in _HEARD:
        if signal.getsignal(number) is signal.SIG_IGN:
            with suppress(ValueError):  # not in the main thread: it stays as it is
                signal.signal(number, lambda *_: None)


class ProcessDriver:
    """Starts each replica as the leader of a session of its own.

    `instance` is the random id of the state folder. `run` it in the daemon, and before anything
    is started; without it orphans go to init, and finding them means looking at every process.
    """

    def __init__(self, instance: str, *, abandoned_s: float = 10.0) -> None:
        self._instance = instance
        self._groups = Groups(instance)
        self._mains: set[int] = set()
        """Pids of main processes that we started and have not reaped."""
        self._abandoned_s = abandoned_s
        self._dead: dict[Identity, float] = {}
        """Dead children in our own session, and since when we know of them."""

    async def run(self, *, task_status: TaskStatus[None]) -> None:
        """Until cancelled, take in orphans below us and reap them when they end."""
        proc.become_subreaper()
        _be_deaf_alone()
        task_status.started()
        try:
            with open_signal_receiver(signal.SIGCHLD) as signals:
                while True:
                    with move_on_after(self._abandoned_s if self._dead else math.inf):
                        await anext(signals)
                    self._reap_orphans()
                    await sleep(_REAP_EVERY_S)  # one look for many ends
        except (RuntimeError, ValueError):
            # In a program of somebody else's: uvloop keeps this signal, other threads get none.
            while True:
                self._reap_orphans()
                await sleep(_REAP_EVERY_S)

    async def start(self, launch: Launch) -> "ProcessInstance":
        """See Driver.

        The spawn is done here and not in a thread: it takes a millisecond, and cancellation
        cannot come between the process and our knowledge of it.
        """
        launch = _traced(launch)
        marker = Marker(self._instance, launch.service, launch.replica)
        named = launch.user is not None or launch.group is not None
        who = await to_thread.run_sync(account, launch) if named else None
        if entry.is_needed(launch):
            return await self._enter(launch, marker, who)
        return self._own(launch, marker, spawn(launch, marker.env, who))

    async def _enter(
        self, launch: Launch, marker: Marker, who: Account | None
    ) -> "ProcessInstance":
        group = None if launch.limits is None else self._groups.make(launch, launch.limits)
        main: int | None = None
        try:
            begun = entry.Entry(launch, marker.env, who, group).begin()
            main = begun.popen.pid
            self._mains.add(main)
            await begun.finish()
        except BaseException:
            if main is not None:
                self._mains.discard(main)
            if group is not None:
                await group.remove()
            raise
        return self._own(launch, marker, begun.popen, group)

    def _own(
        self,
        launch: Launch,
        marker: Marker,
        popen: "subprocess.Popen[bytes]",
        group: Group | None = None,
    ) -> "ProcessInstance":
        self._mains.add(popen.pid)
        # An unreaped child always has a start time, except where there is no /proc.
        identity = proc.identify(popen.pid) or Identity(popen.pid, 0)
        tree = Tree(marker, identity, held=True, others=lambda: self._mains)
        return ProcessInstance(
            launch, tree, popen=popen, group=group, on_reaped=self._mains.discard
        )

    async def adopt(self, launch: Launch, identity: Identity) -> "ProcessInstance | None":
        """See Driver."""
        if not proc.is_alive(identity):
            return None
        marker = Marker(self._instance, launch.service, launch.replica)
        group = self._groups.of(identity.pid)
        return ProcessInstance(launch, self._foreign(marker, identity), group=group)

    async def reap(self, remains: Remains) -> bool:
        """See Driver."""
        marker = Marker(self._instance, remains.service, remains.replica)
        tree = self._foreign(marker, remains.identity)
        is_alive = proc.is_alive(remains.identity)
        found = self._groups.of(remains.identity.pid) if is_alive else None
        group = found or self._groups.named(remains.service, remains.replica)
        if is_alive:
            ended = partial(gone, remains.identity)
            await _ask(tree, ended, remains.stop_signal, remains.stop_grace_s)
        killed = await tree.kill()
        bury([remains.identity])
        return await _remove(group) + killed > 0 or is_alive

    async def sweep(self, kept: Collection[tuple[str, int]]) -> int:
        """See Driver."""
        labels = {f"{SERVICE}={service}/{replica}".encode() for service, replica in kept}
        killed: set[Identity] = set()
        for _ in range(_ROUNDS):
            found = self._carriers(labels)
            if not found or not await kill_all(found):
                break
            killed.update(found)
            bury(found)
        return len(killed) + await self._groups.sweep(kept)

    def _carriers(self, kept: set[bytes]) -> list[Identity]:
        instance = f"{INSTANCE}={self._instance}".encode()
        found: list[Identity] = []
        for known in proc.everything():
            env = proc.environment(known.identity.pid)
            if instance in env and kept.isdisjoint(env) and not known.zombie:
                found.append(known.identity)
        own = _ourselves()
        return [identity for identity in found if identity.pid not in own]

    def _foreign(self, marker: Marker, identity: Identity) -> Tree:
        return Tree(marker, identity, held=False, others=lambda: self._mains)

    def _reap_orphans(self) -> None:
        """Reap dead children that nobody here started.

        Programs our own libraries run stay in our session; they are theirs to wait for. But so
        does what such a program left behind: a dead one that nobody waits for is taken for that.
        """
        session = os.getsid(0)
        dead: dict[Identity, float] = {}
        for pid in proc.children(os.getpid()):
            found = None if pid in self._mains else proc.stat(pid)
            if found is None or not found.zombie:
                continue
            since_s = self._dead.get(found.identity, current_time())
            if found.session == session and current_time() - since_s < self._abandoned_s:
                dead[found.identity] = since_s
                continue
            with suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)
        self._dead = dead


class ProcessInstance:
    """One main process and everything that came from it."""

    def __init__(
        self,
        launch: Launch,
        tree: Tree,
        *,
        popen: "subprocess.Popen[bytes] | None" = None,
        group: Group | None = None,
        on_reaped: Callable[[int], None] = lambda _: None,
    ) -> None:
        self._launch = launch
        self._tree = tree
        self._popen = popen
        self._group = group
        self._on_reaped = on_reaped
        self._ended = Event()
        self._exit = Exit(None, None)
        self._stopping = Lock()
        self._gone = False
        _on_end(tree.main, self._note_end, child=popen is not None)

    @property
    def identity(self) -> Identity:
        """See Instance."""
        return self._tree.main

    async def wait(self) -> Exit:
        """See Instance."""
        await self._ended.wait()
        return self._exit

    async def stop(self) -> Exit:
        """See Instance. Raises DriverError when the kernel does not let go of the process."""
        async with self._stopping:
            if not self._gone:
                await self._end()
                self._gone = True
        return self._exit

    async def _end(self) -> None:
        launch = self._launch
        if not self._ended.is_set():
            await _ask(self._tree, self._ended.wait, launch.stop_signal, launch.stop_grace_s)
        await self._tree.kill()
        await _remove(self._group)
        with move_on_after(_UNKILLABLE_S):
            await self._ended.wait()
        if not self._ended.is_set():
            raise DriverError(
                f"cannot stop service {launch.service!r}: pid {self.identity.pid} was killed but "
                "is held by the kernel (a hanging disk or network file system?)",
                service=launch.service,
            )
        if self._popen is not None:
            # Only now: until it is reaped, nobody else can have its pid or its group.
            self._popen.wait()
            self._on_reaped(self.identity.pid)

    def _note_end(self) -> None:
        if self._popen is not None:
            self._exit = _decode(self.identity.pid)
        self._ended.set()


async def _ask(
    tree: Tree, ended: Callable[[], Awaitable[object]], number: int, grace_s: float
) -> None:
    """Send the stop signal to the group and give all of the group time to obey."""
    tree.look()
    tree.signal(number)
    tree.signal(signal.SIGCONT)  # a suspended process could not obey
    with move_on_after(grace_s):
        await ended()
        while others := tree.group():
            await gone(others[0].identity)


async def _remove(group: Group | None) -> int:
    return 0 if group is None else await group.remove()


def _decode(pid: int) -> Exit:
    """How a child ended; it stays a zombie."""
    found = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT | os.WNOHANG)
    if found is None:
        return Exit(None, None)
    if found.si_code == os.CLD_EXITED:
        return Exit(found.si_status, None)
    return Exit(None, found.si_status)


def _on_end(main: Identity, callback: Callable[[], None], *, child: bool) -> None:
    """Have the loop call back once the process has ended, without polling where that goes."""
    loop = asyncio.get_running_loop()
    if not proc.has_pidfd():
        arguments = (main.pid, child, loop, callback)
        threading.Thread(target=_wait_in_thread, args=arguments, daemon=True).start()
        return
    try:
        handle = os.pidfd_open(main.pid)
    except ProcessLookupError:
        loop.call_soon(callback)
        return

    def ended() -> None:
        loop.remove_reader(handle)
        os.close(handle)
        callback()

    loop.add_reader(handle, ended)


def _wait_in_thread(
    pid: int, child: bool, loop: asyncio.AbstractEventLoop, callback: Callable[[], None]
) -> None:
    with suppress(ChildProcessError):
        if child:
            os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
        else:
            proc.wait_portably(pid)
    with suppress(RuntimeError):  # the loop may have ended meanwhile
        loop.call_soon_threadsafe(callback)


def _ourselves() -> set[int]:
    """This process and those above it, which may be services of the same suite."""
    return {os.getpid(), *proc.parents(os.getpid())}


def _traced(launch: Launch) -> Launch:
    """It is told of the trace that it is started in, if there is one."""
    context = current.get()
    if context is None:
        return launch
    return replace(launch, env={**launch.env, **context.variables()})
