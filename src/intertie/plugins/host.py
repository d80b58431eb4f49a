"""PluginHost: runs the plugins in one process of their own, so that none can harm this one.

A hook that raises costs its plugin a strike. One that hangs, eats memory or ends the process costs
a strike, too: the process is killed, the next one goes on with the plugins that had not had the
call. This is a component: `await group.start(host.run)`, ended by cancelling its scope.
"""

import logging
from contextlib import suppress
from pathlib import Path

from anyio import (
    CancelScope,
    Event,
    create_task_group,
    get_cancelled_exc_class,
    move_on_after,
    sleep,
    to_thread,
)
from anyio.abc import TaskStatus

from intertie.errors import PluginError
from intertie.plugins import wire
from intertie.plugins.fault import did_you_mean
from intertie.plugins.hooks import HOOKS, full_name
from intertie.plugins.jobs import Job, Jobs
from intertie.plugins.metrics import Sample
from intertie.plugins.process import Child, ChildDied, OnLine, open_child
from intertie.plugins.settings import PluginSettings
from intertie.plugins.source import FileSource, sources
from intertie.plugins.standing import OnDisabled, PluginStatus, Standings
from intertie.plugins.watch import watch

log = logging.getLogger(__name__)

_GRACE_S = 0.25
"""Async hooks are cancelled at their deadline; only what does not heed that is killed."""
_LOAD_TIMES = 3
"""A plugin may take so many times a hook's deadline to be loaded."""
_MAX_PAUSE_S = 30.0
_MAX_TRIES = 3


class PluginHost:
    """Its methods are for the thread of the event loop that `run` runs on."""

    def __init__(
        self,
        settings: PluginSettings,
        *,
        folder: Path,
        on_disabled: OnDisabled | None = None,
        on_line: OnLine | None = None,
    ) -> None:
        """`folder` is where the plugins work; `on_line` gets what they print, line by line."""
        self._settings = settings
        self._folder = folder
        self._on_line = on_line or _log_line
        self._standings = Standings(settings.max_failures, on_disabled or _nobody)
        self._jobs = Jobs()
        self._job: Job | None = None
        self._child: Child | None = None
        self._settled = Event()
        self._without: dict[str, tuple[str, str]] = {}  # origin -> its stamp, and why
        self._deaths = 0
        self._trouble = ""

    async def run(self, *, task_status: TaskStatus[None]) -> None:
        """Live until cancelled, then call on_shutdown; ready when the plugins are loaded."""
        async with create_task_group() as group:
            group.start_soon(self._serve)
            await self._settled.wait()
            if self._settings.watch:
                group.start_soon(watch, self._settings.paths, self.reload)
            task_status.started()

    async def survey(self) -> tuple[PluginStatus, ...]:
        """Load the plugins in a process that is ended at once; nothing of them is called."""
        while self._deaths < _MAX_TRIES:
            async with open_child(self._folder, self._on_line) as child:
                try:
                    await self._load(child)
                    return self.status()
                except ChildDied as died:
                    self._blame(died)
        raise PluginError(f"cannot load plugins: {self._trouble}")

    async def call(self, hook: str, *args: object, within_s: float | None = None) -> list[object]:
        """Call a hook of every plugin; what they returned, without None, in their order.

        Comes back after `within_s`, the deadline of one hook by default, with what is there by
        then; the rest goes on. Raises nothing on account of a plugin.
        """
        job = Job(_known(hook), wire.plain(args), wanted=True)
        self._jobs.put(job)
        with move_on_after(self._settings.hook_timeout_s if within_s is None else within_s):
            await job.done.wait()
        self._jobs.discard(job)
        return list(job.results)

    def notify(self, hook: str, *args: object) -> None:
        """Have a hook called; nobody waits. The oldest is dropped when too many are to be done."""
        self._jobs.put(Job(_known(hook), wire.plain(args)))

    async def load_config(self, config: dict[str, object]) -> dict[str, object]:
        """The configuration as on_config_load of all plugins, one after the other, made it."""
        made = [
            each for each in await self.call("on_config_load", config) if isinstance(each, dict)
        ]
        return made[-1] if made else config

    async def collect_metrics(self, metrics: dict[str, object]) -> list[Sample]:
        """What on_metrics_collect of all plugins adds to `metrics`."""
        found = await self.call("on_metrics_collect", metrics)
        return [each for each in found if isinstance(each, Sample)]

    async def reload(self) -> None:
        """Load what is new or changed in the folders; returns when that is done."""
        job = Job("", wanted=True)
        self._jobs.put(job)
        try:
            await job.done.wait()
        finally:
            self._jobs.discard(job)

    def status(self) -> tuple[PluginStatus, ...]:
        """Each plugin: its state, hooks, strikes, cost, last error. From memory."""
        return self._standings.status()

    @property
    def faults(self) -> tuple[str, ...]:
        """Why some plugins are not loaded, or not in their newest version: a line each."""
        return self._standings.faults

    @property
    def dropped(self) -> int:
        """Notifications that were not delivered, because too many waited."""
        return self._jobs.dropped

    @property
    def trouble(self) -> str:
        """Why the process of the plugins cannot be kept running; empty when all is well."""
        return self._trouble

    @property
    def pid(self) -> int | None:
        """Of the process of the plugins; None between two."""
        return self._child.pid if self._child else None

    async def _serve(self) -> None:
        while True:
            await self._need()
            try:
                async with open_child(self._folder, self._on_line) as child:
                    try:
                        await self._live(child)
                    except ChildDied as died:
                        self._blame(died)
                    finally:
                        self._child = None
            except OSError as exc:
                self._blame(ChildDied(None, f"cannot start a process: {exc.strerror}"))
            if self._deaths:
                self._settled.set()
                await sleep(min(_MAX_PAUSE_S, 0.25 * 2.0**self._deaths))

    async def _need(self) -> None:
        """Wait until there is a plugin: without one there is no process for them."""
        while not await self._any():
            self._standings.loaded({"plugins": [], "faults": []})
            self._settled.set()
            job = await self._jobs.next()
            if not job.hook and await self._any():
                self._job = job
                return
            job.done.set()

    async def _any(self) -> bool:
        return bool(await to_thread.run_sync(sources, self._settings))

    async def _live(self, child: Child) -> None:
        await self._load_and_tell(child)
        self._child = child
        self._settled.set()
        try:
            while True:
                self._job = self._job or await self._jobs.next()
                await self._do(child, self._job)
                self._job = None
                self._deaths, self._trouble = 0, ""
        except get_cancelled_exc_class():
            with CancelScope(shield=True), move_on_after(self._settings.hook_timeout_s):
                await self._finish(child)
            raise

    async def _finish(self, child: Child) -> None:
        """What still waits, and on_shutdown."""
        with suppress(ChildDied):
            while job := self._jobs.take():
                await self._do(child, job)
            await self._do(child, Job("on_shutdown"))

    async def _do(self, child: Child, job: Job) -> None:
        if job.hook:
            await self._call(child, job)
        else:
            await self._load_and_tell(child)
        job.done.set()

    async def _call(self, child: Child, job: Job) -> None:
        def take(answer: wire.Message) -> None:
            outcome = answer["outcome"]
            job.seen.add(outcome["plugin"])
            seconds, error = outcome["seconds"], outcome["error"]
            self._standings.took(outcome["plugin"], job.hook, seconds, error)
            if error is None and outcome["result"] is not None:
                _keep(job, outcome["result"])

        skip = sorted(job.seen | self._standings.disabled)
        request = {"do": "call", "hook": job.hook, "args": job.args, "skip": skip}
        await child.ask(request, take, timeout_s=self._settings.hook_timeout_s + _GRACE_S)

    async def _load_and_tell(self, child: Child) -> None:
        before = self.faults
        await self._load(child)
        if self.faults and self.faults != before:
            log.error("plugins not loaded:\n%s", "\n".join(self.faults))

    async def _load(self, child: Child) -> None:
        self._without = {o: told for o, told in self._without.items() if _stamp(o) == told[0]}
        without = {origin: why for origin, (_, why) in self._without.items()}
        settings = wire.settings_message(self._settings)
        request = {"do": "load", "settings": settings, "without": without}
        timeout_s = self._settings.hook_timeout_s * _LOAD_TIMES
        self._standings.loaded(await child.ask(request, timeout_s=timeout_s))

    def _blame(self, died: ChildDied) -> None:
        """Give the strike to whose code it was; nobody's is ours to pause for."""
        job = self._job
        if died.label is None:
            self._nobody_to_blame(died)
        elif job is not None and job.hook and self._child is not None:
            job.seen.add(died.label)
            self._standings.took(died.label, job.hook, died.seconds, died.why)
        else:
            why = f"not loaded: {died.why} while it was loaded"
            self._without[died.label] = (_stamp(died.label), why)

    def _nobody_to_blame(self, died: ChildDied) -> None:
        self._deaths += 1
        self._trouble = f"the process of the plugins: {died.why}"
        log.error("plugins are started again: %s", died.why, extra={"deaths": self._deaths})
        if self._job is not None:
            self._job.tries += 1
            if self._job.tries >= _MAX_TRIES:
                self._job.done.set()
                self._job = None


def _known(hook: str) -> str:
    name = full_name(hook)
    if name not in HOOKS:
        raise PluginError(f"cannot call hook {hook!r}: there is none ({did_you_mean(name, HOOKS)})")
    return name


def _keep(job: Job, result: object) -> None:
    """Keep a result; the configuration goes on to the next plugin, also in another process."""
    if job.hook == "on_metrics_collect" and isinstance(result, list):
        job.results += (Sample(**each) for each in result)
        return
    job.results.append(result)
    if job.hook == "on_config_load":
        job.args = [result]


def _stamp(origin: str) -> str:
    return FileSource(Path(origin)).stamp()


def _log_line(line: str) -> None:
    log.info("plugin: %s", line)


def _nobody(plugin: str, reason: str) -> None:
    """Nobody wants to know."""
