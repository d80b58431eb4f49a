"""Dekit."""

import json
from collections.abc import Mapping

from benchmarks.orchestrator.fleet import Fleet, Task
from benchmarks.orchestrator.rivals.install import pip
from benchmarks.orchestrator.rivals.rival import Command, Rival


class Dekit(Rival):
    """Each task gets a terminal of its own."""

    name = "dekit"
    best = "scrollback of one line"
    log_ready = True

    def install(self) -> str:
        """See Rival."""
        self._program = str(pip("dekit-cli==0.10.3", "dekit"))
        return "0.10.3"

    def write(self, fleet: Fleet) -> None:
        """See Rival."""
        fleet.logs.mkdir(exist_ok=True)
        tasks = {task.name: self._task(fleet, task) for task in fleet.tasks}
        defaults: dict[str, object] = {"log": {"dir": str(fleet.logs), "enabled": True}}
        if self.tuned:
            defaults["scrollback_len"] = 1
        text = json.dumps({"tasks": tasks, "defaults": defaults})
        (fleet.folder / "dekit.yaml").write_text(text)

    def _task(self, fleet: Fleet, task: Task) -> dict[str, object]:
        found: dict[str, object] = {
            "cmd": fleet.argv(task),
            "autostart": True,
            "autorestart": "always",
        }
        if any(other.after == task.name for other in fleet.tasks):
            found["ready"] = {"log": "ready "}
        return {**found, "deps": [task.after]} if task.after else found

    def environment(self, fleet: Fleet) -> Mapping[str, str]:
        """See Rival. Its records go where nobody else's are."""
        return {"HOME": str(fleet.folder), "XDG_RUNTIME_DIR": str(fleet.folder)}

    def start(self, fleet: Fleet) -> Command:
        """See Rival."""
        del fleet
        return [self._program, "up"]

    def stop(self, fleet: Fleet, pid: int) -> Command:
        """See Rival."""
        del fleet, pid
        return [self._program, "down"]

    def status(self, fleet: Fleet) -> Command:
        """See Rival."""
        del fleet
        return [self._program, "--json", "ls"]

    def reload(self, fleet: Fleet, changed: str) -> Command:
        """See Rival. What it takes applies at the next start, which is asked for by name."""
        del fleet
        return ["sh", "-c", f"{self._program} reload --yes && {self._program} restart {changed}"]
