"""The s6 supervision suite."""

import shlex

from benchmarks.orchestrator.fleet import Fleet, Task
from benchmarks.orchestrator.rivals.install import debian
from benchmarks.orchestrator.rivals.rival import Command, Rival
from benchmarks.orchestrator.rivals.runit import script


class S6(Rival):
    """A supervisor, a log writer and its supervisor a service; each service is told by hand."""

    name = "s6"
    best = "log files of 256 MB"

    def install(self) -> str:
        """See Rival."""
        debian("s6", "s6-svscan", "s6-svscanctl", "s6-log", "s6-svstat")
        return "Debian 2.11.3"

    def write(self, fleet: Fleet) -> None:
        """See Rival."""
        for task in fleet.tasks:
            self._service(fleet, task)

    def _service(self, fleet: Fleet, task: Task) -> None:
        service = fleet.folder / "services" / task.name
        logs = fleet.logs / task.name
        logs.mkdir(parents=True, exist_ok=True)
        kept = "n20 s268435455 " if self.tuned else ""
        script(service / "log" / "run", f"s6-log {kept}{shlex.quote(str(logs))}")
        script(service / "run", shlex.join(fleet.argv(task)))

    def start(self, fleet: Fleet) -> Command:
        """See Rival. At most 500 services with their logs unless told more."""
        return ["s6-svscan", "-c", str(max(500, 4 * len(fleet.tasks))), "services"]

    def stop(self, fleet: Fleet, pid: int) -> Command:
        """See Rival."""
        del fleet, pid
        return ["s6-svscanctl", "-t", "services"]

    def stop_after_kill(self, fleet: Fleet, pid: int) -> Command:
        """See Rival. The supervisors of a killed s6-svscan live on, and are told themselves."""
        del fleet, pid
        told = 'for each in services/*; do s6-svc -xd "$each" "$each/log"; done'
        return ["sh", "-c", f"s6-svscanctl -t services; {told}"]

    def status(self, fleet: Fleet) -> Command:
        """See Rival."""
        del fleet
        return ["sh", "-c", 'for each in services/*; do s6-svstat "$each"; done']
