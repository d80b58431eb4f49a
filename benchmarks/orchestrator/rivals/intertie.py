"""Ours, as a user runs it."""

import json
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from urllib.parse import urlsplit

from benchmarks.orchestrator.fleet import Fleet, Task
from benchmarks.orchestrator.rivals.rival import Command, Http, Rival


class Intertie(Rival):
    """No gateway is configured, as no rival has one."""

    name = "intertie"
    log_ready = True
    probes = True
    starts_after_kill = False

    def install(self) -> str:
        """See Rival."""
        return version("intertie")

    def write(self, fleet: Fleet) -> None:
        """See Rival. JSON is YAML, and what is not set is left at its default."""
        services = {task.name: self._service(fleet, task) for task in fleet.tasks}
        suite = {"suite": "bench", "api": {"port": "auto"}, "services": services}
        (fleet.folder / "suite.yaml").write_text(json.dumps(suite))

    def _service(self, fleet: Fleet, task: Task) -> dict[str, object]:
        service: dict[str, object] = {"command": fleet.argv(task), "restart": "always"}
        if any(other.after == task.name for other in fleet.tasks):
            service["ready_log_line"] = "^ready"
        if task.after:
            service["depends_on"] = {task.after: {"condition": "service_log_ready"}}
        if task.port:
            service["port"] = task.port
            service["healthcheck"] = {"http": "/", "interval": "1s"}
        return service

    def start(self, fleet: Fleet) -> Command:
        """See Rival."""
        return [*self._command("up"), "--detach", "--file", str(fleet.folder / "suite.yaml")]

    def stop(self, fleet: Fleet, pid: int) -> Command:
        """See Rival."""
        del fleet, pid
        return self._command("down")

    def status(self, fleet: Fleet) -> Command:
        """See Rival."""
        del fleet
        return [*self._command("ps"), "--json"]

    def http(self, fleet: Fleet) -> Http:
        """See Rival."""
        run = fleet.folder / ".intertie" / "run"
        url = urlsplit(json.loads((run / "daemon.json").read_text())["api_url"])
        token = (run / "api.token").read_text().strip()
        return Http(
            (url.hostname or "", url.port or 0),
            "GET",
            "/api/services?limit=1000",
            {"Authorization": f"Bearer {token}"},
        )

    def reload(self, fleet: Fleet, changed: str) -> Command:
        """See Rival."""
        del fleet, changed
        return self._command("apply")

    def output(self, fleet: Fleet) -> Sequence[Path]:
        """See Rival."""
        return sorted((fleet.folder / ".intertie" / "logs").glob("*/*.out.log*"))

    def _command(self, verb: str) -> list[str]:
        return [str(Path(sys.executable).parent / "intertie"), verb]
