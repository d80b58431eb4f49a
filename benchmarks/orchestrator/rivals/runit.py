"""Runit."""

import shlex
from pathlib import Path

from benchmarks.orchestrator.fleet import Fleet, Task
from benchmarks.orchestrator.rivals.install import debian
from benchmarks.orchestrator.rivals.rival import Command, Rival


def script(path: Path, command: str) -> None:
    """A run script."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\nexec {command} 2>&1\n")
    path.chmod(0o755)


class Runit(Rival):
    """A supervisor and a log writer a service; nothing reloads, each service is told by hand."""

    name = "runit"
    best = "log files of 100 MB"

    def install(self) -> str:
        """See Rival."""
        debian("runit", "runsvdir", "sv", "svlogd")
        return "Debian 2.1.2"

    def write(self, fleet: Fleet) -> None:
        """See Rival."""
        for task in fleet.tasks:
            self._service(fleet, task)

    def _service(self, fleet: Fleet, task: Task) -> None:
        service = fleet.folder / "services" / task.name
        logs = fleet.logs / task.name
        logs.mkdir(parents=True, exist_ok=True)
        if self.tuned:
            (logs / "config").write_text("s100000000\nn20\n")
        script(service / "log" / "run", f"svlogd {shlex.quote(str(logs))}")
        script(service / "run", shlex.join(fleet.argv(task)))

    def start(self, fleet: Fleet) -> Command:
        """See Rival."""
        del fleet
        return ["runsvdir", "services"]

    def stop(self, fleet: Fleet, pid: int) -> Command:
        """See Rival."""
        del fleet
        return ["kill", "-HUP", str(pid)]

    def stop_after_kill(self, fleet: Fleet, pid: int) -> Command:
        """See Rival. The supervisors of a killed runsvdir live on, and are told themselves."""
        del fleet
        told = "sv force-shutdown ./services/* >/dev/null"
        return ["sh", "-c", f"kill -HUP {pid}; {told}"]

    def status(self, fleet: Fleet) -> Command:
        """See Rival."""
        del fleet
        return ["sh", "-c", "sv status ./services/*"]
