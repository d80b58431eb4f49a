"""Honcho."""

import shlex
from collections.abc import Sequence
from pathlib import Path

from benchmarks.orchestrator.fleet import Fleet
from benchmarks.orchestrator.rivals.install import pip
from benchmarks.orchestrator.rivals.rival import Command, Rival


class Honcho(Rival):
    """Ends everything when one service ends, so nothing is ever restarted."""

    name = "honcho"
    restarts = False

    def install(self) -> str:
        """See Rival."""
        self._program = pip("honcho==2.0.0", "honcho")
        return "2.0.0"

    def write(self, fleet: Fleet) -> None:
        """See Rival."""
        lines = [f"{task.name}: {shlex.join(fleet.argv(task))}\n" for task in fleet.tasks]
        (fleet.folder / "Procfile").write_text("".join(lines))

    def start(self, fleet: Fleet) -> Command:
        """See Rival."""
        del fleet
        return [str(self._program), "--no-colour", "start"]

    def stop(self, fleet: Fleet, pid: int) -> Command:
        """See Rival."""
        del fleet
        return ["kill", "-TERM", str(pid)]

    def output(self, fleet: Fleet) -> Sequence[Path]:
        """See Rival. It prints what the services print."""
        return [fleet.folder / "start.out"]
