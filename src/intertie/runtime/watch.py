"""Watcher: restarts or reloads services when their files change."""

import logging
import math
import os
import threading
from collections.abc import Awaitable, Callable, Iterator, Mapping
from pathlib import Path
from typing import ClassVar, Literal, cast

from anyio import (
    CancelScope,
    CapacityLimiter,
    Event,
    create_task_group,
    current_time,
    from_thread,
    move_on_after,
    sleep_forever,
    to_thread,
)
from anyio.abc import TaskGroup, TaskStatus

from intertie.errors import IntertieError
from intertie.event import Payload
from intertie.runtime.component import Health, Status
from intertie.runtime.hub import EventHub
from intertie.runtime.watch_rules import (
    MOST_REACTIONS,
    PAUSE_S,
    WITHIN_S,
    Gate,
    Kind,
    Layout,
    LoopGuard,
    Sifted,
    Target,
    find_targets,
    lay_out,
    sift,
)
from intertie.suite.service import Service

log = logging.getLogger(__name__)

Reaction = Literal["restart", "reload"]
Act = Callable[[str, Reaction, tuple[Path, ...]], Awaitable[None]]

_SLICE_MS = 50
"""How long a change may go unseen."""
_AGAIN_S = 30.0
"""After the machine refused to watch."""
_MOST_TOLD = 10


class WatchPaused(Payload):
    """A service's files change so often that its own restarts may be the reason."""

    type: ClassVar[str] = "suite.watch_paused"
    service: str
    reactions: int
    """Restarts and reloads within `within_s`."""
    within_s: float
    pause_s: float
    """Its files do not matter for so long."""
    files: tuple[str, ...]
    """Some of those that changed last."""


class WatchMissing(Payload):
    """What a service wants watched is not there; it is watched once it is."""

    type: ClassVar[str] = "suite.watch_missing"
    service: str
    path: str


class Watcher:
    """A component that acts on changes of the files that services name in `watch`."""

    def __init__(
        self,
        folder: Path,
        wanted: Callable[[], Mapping[str, Service]],
        act: Act,
        hub: EventHub,
    ) -> None:
        """`act` may raise IntertieError. Until it returns, that service's changes are gathered."""
        self._folder = Path(os.path.realpath(folder))
        self._wanted = wanted
        self._act = act
        self._hub = hub
        self._gates: dict[Target, Gate] = {}
        self._guards: dict[str, LoopGuard] = {}
        self._acting: set[str] = set()
        self._told_missing: set[Target] = set()
        self._faults: list[str] = []
        """Why the machine does not watch, though it should."""
        self._stale = Event()
        self._changed = Event()
        self._is_running = False

    async def run(self, *, task_status: TaskStatus[None]) -> None:
        """See Component. Started once everything that is there is watched."""
        async with create_task_group() as group:
            await group.start(self._keep_watching)
            group.start_soon(self._act_on_changes)
            self._is_running = True
            task_status.started()
            try:
                await sleep_forever()
            finally:
                self._is_running = False

    def health(self) -> Health:
        """See Component. DEGRADED while the machine refuses to watch."""
        if not self._is_running:
            return Health(Status.DOWN, "not running")
        if self._faults:
            return Health(Status.DEGRADED, f"cannot watch files: {'; '.join(self._faults)}")
        return Health(Status.UP)

    def renew(self) -> None:
        """The suite changed: ask again what is wanted."""
        self._stale.set()

    async def _keep_watching(self, *, task_status: TaskStatus[None]) -> None:
        before, is_first = CancelScope(), True
        async with create_task_group() as group:
            while True:
                self._stale = Event()
                targets = self._renew_targets()
                layout = await to_thread.run_sync(lay_out, targets)
                scope, self._faults = await group.start(self._watch, targets, layout)
                before.cancel()  # not earlier: no change is missed meanwhile
                before = scope
                self._note_missing(layout)
                if is_first:
                    task_status.started()
                is_first = False
                if await to_thread.run_sync(lay_out, targets) == layout:
                    with move_on_after(self._patience_s()):
                        await self._stale.wait()

    def _renew_targets(self) -> tuple[Target, ...]:
        targets = find_targets(self._folder, self._wanted())
        gates, guards = self._gates, self._guards
        self._gates = {t: gates.get(t) or Gate(t.watch.debounce) for t in targets}
        self._guards = {t.service: guards.get(t.service) or LoopGuard() for t in targets}
        return targets

    def _patience_s(self) -> float:
        return _AGAIN_S if self._faults else math.inf

    def _note_missing(self, layout: Layout) -> None:
        missing = {target for target in self._gates if target.root in layout.missing}
        appeared = [t for t in self._gates if t in self._told_missing and t not in missing]
        for target in sorted(missing - self._told_missing, key=lambda each: each.service):
            payload = WatchMissing(service=target.service, path=target.watch.path)
            self._hub.publish(payload, target.service)
        self._told_missing = missing
        self._note(Sifted(tuple((target, target.root) for target in appeared), False))

    async def _watch(
        self,
        targets: tuple[Target, ...],
        layout: Layout,
        *,
        task_status: TaskStatus[tuple[CancelScope, list[str]]],
    ) -> None:
        """Watch until the scope that it starts with is cancelled; it also starts with faults."""
        stop = threading.Event()
        faults: list[str] = []
        with CancelScope() as scope:
            async with create_task_group() as group:
                group.start_soon(_set_at_end, stop)
                for roots, is_deep in ((layout.deep, True), (layout.flat, False)):
                    if roots:
                        changes = _changes(roots, stop, is_deep=is_deep)
                        found = (sift(targets, layout, each) for each in changes)
                        is_looking = Event()
                        group.start_soon(self._pump, found, is_looking, faults)
                        await is_looking.wait()
                task_status.started((scope, faults))
                await sleep_forever()

    async def _pump(self, found: Iterator[Sifted], is_looking: Event, faults: list[str]) -> None:
        """Hand on what a thread finds; ends when `found` does."""

        def look() -> None:
            next(found, None)
            from_thread.run_sync(is_looking.set)
            for each in found:
                if each.hits or each.is_new_ground:
                    from_thread.run_sync(self._note, each)

        try:
            # A thread of its own: those for short work are few.
            await to_thread.run_sync(look, limiter=CapacityLimiter(1))
        except OSError as exc:
            faults.append(str(exc))
            log.warning("files not watched", extra={"why": str(exc)})
            if is_looking.is_set():
                self._stale.set()
            is_looking.set()

    def _note(self, found: Sifted) -> None:
        now = current_time()
        for target, path in found.hits:
            gate = self._gates.get(target)
            if gate is not None and not self._guards[target.service].is_paused(now):
                gate.note(path, now)
        if found.is_new_ground:
            self._stale.set()
        self._changed.set()

    async def _act_on_changes(self) -> None:
        async with create_task_group() as group:
            while True:
                self._changed = Event()
                with move_on_after(self._act_on_what_is_due(group)):
                    await self._changed.wait()

    def _act_on_what_is_due(self, group: TaskGroup) -> float:
        """Begin it; the seconds until there is something again."""
        now = current_time()
        for target, gate in self._gates.items():
            if gate.due_at <= now and target.service not in self._acting:
                files = gate.take()
                if self._guards[target.service].allows(now):
                    self._acting.add(target.service)
                    group.start_soon(self._act_on, target, files)
                else:
                    self._pause(target.service, files)
        free = (g.due_at for t, g in self._gates.items() if t.service not in self._acting)
        return max(0.0, min(free, default=math.inf) - now)

    def _pause(self, service: str, files: tuple[Path, ...]) -> None:
        for target, gate in self._gates.items():
            if target.service == service:
                gate.take()
        payload = WatchPaused(
            service=service,
            reactions=MOST_REACTIONS,
            within_s=WITHIN_S,
            pause_s=PAUSE_S,
            files=tuple(map(str, files[:_MOST_TOLD])),
        )
        self._hub.publish(payload, service)

    async def _act_on(self, target: Target, files: tuple[Path, ...]) -> None:
        try:
            await self._act(target.service, target.watch.action, files)
        except IntertieError as exc:
            fields = {"service": target.service, "why": str(exc)}
            log.warning("change of files not acted on", extra=fields)
        finally:
            self._acting.discard(target.service)
            self._changed.set()


def _changes(
    roots: tuple[Path, ...], stop: threading.Event, *, is_deep: bool
) -> Iterator[list[tuple[Kind, Path]]]:
    """What changed, slice by slice, until `stop` is set. Blocks. Raises OSError."""
    # Loaded only where something is watched.
    from watchfiles import watch  # noqa: PLC0415

    found = watch(
        *roots,
        watch_filter=None,
        debounce=_SLICE_MS,
        step=_SLICE_MS,
        stop_event=stop,
        rust_timeout=_SLICE_MS,
        yield_on_timeout=True,
        raise_interrupt=False,
        recursive=is_deep,
        ignore_permission_denied=True,
    )
    try:
        for changes in found:
            yield [(cast("Kind", kind.raw_str()), Path(path)) for kind, path in changes]
    except RuntimeError as exc:  # how the library calls a fault of the machine's watching
        raise OSError(str(exc)) from exc


async def _set_at_end(stop: threading.Event) -> None:
    try:
        await sleep_forever()
    finally:
        stop.set()
