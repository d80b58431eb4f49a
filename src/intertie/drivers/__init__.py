"""How a service lives. The port that `process` (and later `kubernetes`, `external`) adapt."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Limits:
    """What all processes of a replica together may use, by control group; None is no limit."""

    memory_bytes: int | None = None
    cpus: float | None = None
    """0.5 is half of one."""
    pids: int | None = None
    """Processes and threads."""


@dataclass(frozen=True, slots=True)
class Launch:
    """All a driver needs to start one replica; made by the supervisor.

    What is set beyond the plain start is in force before the program's first instruction.
    """

    service: str
    replica: int
    argv: tuple[str, ...]
    env: Mapping[str, str]
    """The complete environment, secrets included: never log it."""
    cwd: Path
    stdout: Path
    """Appended to; the process writes to the file itself, so no daemon can lose or block a line."""
    stderr: Path
    stop_signal: int
    stop_grace_s: float
    user: str | None = None
    """Name or number."""
    group: str | None = None
    """Name or number; the user's own group by default."""
    umask: int | None = None
    ulimits: Mapping[str, tuple[int, int]] = field(default_factory=dict[str, tuple[int, int]])
    """Soft and hard by setrlimit's name in small letters (`nofile`); -1 is unlimited."""
    limits: Limits | None = None
    """Given, the replica has a control group of its own, also when it limits nothing."""
    listen: tuple[int, ...] = ()
    """Listening sockets of ours; the program has them as 3, 4, … by sd_listen_fds(3)."""
    terminal: int | None = None
    """Slave side of a pseudo terminal: standard input, output and error, and controlling
    terminal. Then nothing is written to `stdout` and `stderr`: see `terminal.Terminal`."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Names one running process for certain, also after the daemon is gone.

    `start_ticks` is the kernel's start time (field 22 of /proc/PID/stat); a reused pid differs.
    """

    pid: int
    start_ticks: int


@dataclass(frozen=True, slots=True)
class Remains:
    """A replica that an earlier daemon started, as it wrote it down."""

    service: str
    replica: int
    identity: Identity
    stop_signal: int
    stop_grace_s: float


@dataclass(frozen=True, slots=True)
class Exit:
    """How a replica ended. Both None: ended, but not our child, so nobody can say how."""

    code: int | None
    signal: int | None

    @property
    def ok(self) -> bool:
        """Whether it exited with code 0."""
        return self.code == 0


class Instance(Protocol):
    """One running replica. Whoever got it must `stop` it, also when it has ended by itself."""

    @property
    def identity(self) -> Identity:
        """Pid and start time."""
        ...

    async def wait(self) -> Exit:
        """Return when the main process has ended; may be called by several tasks."""
        ...

    async def stop(self) -> Exit:
        """End the whole tree: stop signal, grace period, SIGKILL; nothing of it is left after.

        When the main process has ended already, what it left behind is killed at once.
        """
        ...


class Driver(Protocol):
    """Starts and finds replicas."""

    async def start(self, launch: Launch) -> Instance:
        """Start one replica. Raises DriverError when the program cannot be run."""
        ...

    async def adopt(self, launch: Launch, identity: Identity) -> Instance | None:
        """The replica of an earlier daemon if it still runs, else None."""
        ...

    async def reap(self, remains: Remains) -> bool:
        """End whatever an earlier daemon left of a replica; False when all was gone."""
        ...

    async def sweep(self, kept: Collection[tuple[str, int]]) -> int:
        """Kill what belongs to no replica (service, index) in `kept`; how many processes."""
        ...
