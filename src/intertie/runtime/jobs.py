"""Jobs: one-off runs of a service's program, or of another command in its environment."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from anyio import CancelScope

from intertie.drivers import Exit, Identity, Launch
from intertie.plan import Step
from intertie.runtime.change import Progress
from intertie.runtime.environment import expand, fingerprint
from intertie.runtime.ledger import Entry
from intertie.runtime.run import Tools
from intertie.suite.service import Service

FIRST_INDEX = 1_000
"""Replica numbers from here on are jobs: their log files lie beside those of the replicas."""


@dataclass(frozen=True, slots=True)
class Job:
    """A one-off run beside the replicas of a service."""

    service: str
    index: int
    """As if it were a replica: names its log files."""
    spec: Service
    launch: Callable[[], Launch]
    """How the service itself would be started now."""
    tools: Tools
    done: Callable[[], None]
    """To be told when its index is free again."""

    async def run(self, command: Sequence[str], env: Mapping[str, str], progress: Progress) -> Exit:
        """See it through to its end; ended when cancelled. An empty command is the service's own.

        Raises DriverError when it cannot be started.
        """
        step = Step("run", self.service, (" ".join(command) or "its own command",))
        progress(step, "doing")
        try:
            exit_ = await self._live(self._changed(self.launch(), command, env))
        finally:
            self.done()
        progress(step, "done")
        return exit_

    async def _live(self, launch: Launch) -> Exit:
        for old in (launch.stdout, launch.stderr):
            with suppress(FileNotFoundError):
                old.unlink()  # of an earlier job with this index
        instance = await self.tools.driver.start(launch)
        try:
            self.tools.ledger.record(self._entry(instance.identity))
            return await instance.wait()
        finally:
            with CancelScope(shield=True):
                await instance.stop()
                self.tools.ledger.forget(self.service, self.index)

    def _entry(self, identity: Identity) -> Entry:
        return Entry(
            service=self.service,
            replica=self.index,
            identity=identity,
            port=None,
            fingerprint=fingerprint(self.spec),
            stop_signal=self.spec.stop_signal,
            stop_grace_s=self.spec.stop_grace_period,
        )

    def _changed(self, launch: Launch, command: Sequence[str], env: Mapping[str, str]) -> Launch:
        full = {**launch.env, **env}
        full.pop("PORT", None)  # that is the replica's
        folder = launch.stdout.parent
        return replace(
            launch,
            replica=self.index,
            argv=tuple(expand(word, full) for word in command) or launch.argv,
            env=full,
            stdout=folder / f"{self.index}.out.log",
            stderr=folder / f"{self.index}.err.log",
            listen=(),
            terminal=None,
        )
