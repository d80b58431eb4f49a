"""One run of a contender: started, watched, stopped, and nothing of it left afterwards."""

import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.orchestrator import processes
from benchmarks.orchestrator.fleet import Event, Fleet, Stamp, Task
from benchmarks.orchestrator.payload import payload
from benchmarks.orchestrator.rivals.rival import Command, Rival

LIMIT_S = 60.0
_LOOK_S = 0.002


class Failed(Exception):
    """A contender did not do what was asked; shown in its cell of the table."""


@dataclass(slots=True)
class Session:
    """A contender and its services."""

    rival: Rival
    fleet: Fleet
    pid: int = 0
    """The process of the start command."""
    began_ns: int = 0
    """Just before that command was executed."""
    _started: list["subprocess.Popen[bytes]"] = field(default_factory=list)

    def start(self) -> None:
        """Execute the start command; it may stay in the foreground."""
        self.began_ns = time.monotonic_ns()
        process = self._spawn(self.rival.start(self.fleet), "start.out")
        self._started.append(process)
        self.pid = process.pid

    def wait_for(self, count: int, event: Event = "start", limit_s: float = LIMIT_S) -> Stamp:
        """The last of so many stamps. Raises Failed."""
        until(lambda: len(self.fleet.stamps(event)) >= count, f"{count} x {event}", limit_s)
        return self.fleet.stamps(event)[count - 1]

    def run(self, command: Command) -> float:
        """Seconds that a command took. Raises Failed."""
        began = time.monotonic_ns()
        process = self._spawn(command, "command.out")
        # Not Popen.wait(): with a limit it looks again and again, at last each 50 ms.
        with processes.exits([process.pid]) as watched:
            ended = watched.wait(LIMIT_S)
        if ended is None:
            process.kill()
            process.wait()
            raise Failed(f"{command[-1]}: still busy after {LIMIT_S:.0f} s")
        if code := process.wait():
            last = (self.fleet.folder / "command.out").read_text(errors="replace").split("\n")
            raise Failed(f"{' '.join(command[1:3])}: exit {code}: {' '.join(last[-2:])[:200]}")
        return (ended - began) / 1e9

    def stop(self, *, after_kill: bool = False) -> None:
        """Run the stop command; that it fails is seen by what is left."""
        stop = self.rival.stop_after_kill if after_kill else self.rival.stop
        with suppress(Failed):
            self.run(stop(self.fleet, self.pid))

    def reap(self) -> None:
        """Collect those of our children that have ended."""
        for process in self._started:
            process.poll()

    def daemon(self) -> int:
        """The contender's main process: the oldest that is not a service."""
        self.reap()
        found = processes.managers(self.fleet)
        if not found:
            raise Failed("it has no process of its own")
        return found[0].pid

    def settle(self) -> None:
        """Wait until a start command that does not stay has returned."""
        with suppress(subprocess.TimeoutExpired):
            self._started[-1].wait(2)

    def _spawn(self, command: Command, output: str) -> "subprocess.Popen[bytes]":
        environment = {
            **os.environ,
            processes.MARK: str(self.fleet.folder),
            **self.rival.environment(self.fleet),
        }
        with (self.fleet.folder / output).open("wb") as out:
            return subprocess.Popen(
                command,
                cwd=self.fleet.folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )


@contextmanager
def prepared(rival: Rival, tasks: Sequence[Task]) -> Iterator[Session]:
    """Everything written, nothing started."""
    with tempfile.TemporaryDirectory(prefix="bench-", ignore_cleanup_errors=True) as folder:
        fleet = Fleet(Path(folder), payload(), tuple(tasks))
        rival.write(fleet)
        session = Session(rival, fleet)
        try:
            yield session
        finally:
            processes.kill_all(fleet)
            session.reap()


@contextmanager
def running(rival: Rival, tasks: Sequence[Task]) -> Iterator[Session]:
    """All services started; stopped afterwards if they still run. Raises Failed."""
    with prepared(rival, tasks) as session:
        session.start()
        session.wait_for(len(tasks))
        session.settle()
        try:
            yield session
        finally:
            if processes.managers(session.fleet):
                session.stop()


def until(is_so: Callable[[], bool], what: str, limit_s: float = LIMIT_S) -> None:
    """Wait. Raises Failed."""
    deadline = time.monotonic() + limit_s
    while not is_so():
        if time.monotonic() > deadline:
            raise Failed(f"no {what} within {limit_s:.0f} s")
        time.sleep(_LOOK_S)


def kill(pid: int) -> int:
    """Kill -9; the moment just before, in monotonic nanoseconds."""
    at = time.monotonic_ns()
    os.kill(pid, signal.SIGKILL)
    return at
