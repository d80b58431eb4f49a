"""What a benchmark asks of a contender. One file each beside this one."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from benchmarks.orchestrator.fleet import Fleet

Command = Sequence[str]


@dataclass(frozen=True, slots=True)
class Http:
    """A request whose answer is the status of all services."""

    address: tuple[str, int]
    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes | None = None


class Rival(ABC):
    """A contender with one choice of settings.

    Commands run in the fleet's folder. What a contender cannot do stays None and is shown so.
    """

    name: ClassVar[str]
    best: ClassVar[str | None] = None
    """What its best documented settings are; None when they are its defaults."""
    restarts: ClassVar[bool] = True
    log_ready: ClassVar[bool] = False
    """Whether a service can wait for a line in the log of another one."""
    probes: ClassVar[bool] = False
    """Whether it asks services over http, by itself."""
    starts_after_kill: ClassVar[bool] = True
    """Whether a killed daemon is followed by a start; else its stop alone must clean up."""

    def __init__(self, *, tuned: bool = False) -> None:
        self.tuned = tuned

    @property
    def label(self) -> str:
        """Its name in tables."""
        return f"{self.name}, best" if self.tuned else self.name

    @abstractmethod
    def install(self) -> str:
        """Its version, once it can be run. Raises Missing."""

    @abstractmethod
    def write(self, fleet: Fleet) -> None:
        """Its configuration for these services; called again before `reload`."""

    @abstractmethod
    def start(self, fleet: Fleet) -> Command:
        """Starts all services; may stay in the foreground."""

    @abstractmethod
    def stop(self, fleet: Fleet, pid: int) -> Command:
        """Stops all services and the contender; `pid` is the process of `start`."""

    def stop_after_kill(self, fleet: Fleet, pid: int) -> Command:
        """The same when an earlier daemon was killed."""
        return self.stop(fleet, pid)

    def environment(self, fleet: Fleet) -> Mapping[str, str]:
        """Added to that of its commands."""
        del fleet
        return {}

    def status(self, fleet: Fleet) -> Command | None:
        """Prints the state of every service."""
        del fleet
        return None

    def http(self, fleet: Fleet) -> Http | None:
        """The same over http."""
        del fleet
        return None

    def reload(self, fleet: Fleet, changed: str) -> Command | None:
        """Takes what `write` changed; who cannot find out by itself is told which service."""
        del fleet, changed
        return None

    def output(self, fleet: Fleet) -> Sequence[Path]:
        """The files that the services' output went to."""
        return [path for path in sorted(fleet.logs.rglob("*")) if path.is_file()]
