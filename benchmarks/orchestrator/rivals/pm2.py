"""PM2."""

import json
from collections.abc import Mapping

from benchmarks.orchestrator.fleet import Fleet, Task
from benchmarks.orchestrator.rivals.install import npm
from benchmarks.orchestrator.rivals.rival import Command, Rival


class Pm2(Rival):
    """Its daemon listens in a home of its own."""

    name = "pm2"
    best = "no vizion, no pmx, no automation"

    def install(self) -> str:
        """See Rival."""
        self._program = npm("pm2@7.0.4", "pm2")
        return "7.0.4"

    def write(self, fleet: Fleet) -> None:
        """See Rival."""
        fleet.logs.mkdir(exist_ok=True)
        apps = [self._app(fleet, task) for task in fleet.tasks]
        (fleet.folder / "ecosystem.json").write_text(json.dumps({"apps": apps}))

    def _app(self, fleet: Fleet, task: Task) -> dict[str, object]:
        program, *arguments = fleet.argv(task)
        app: dict[str, object] = {
            "name": task.name,
            "script": program,
            "args": arguments,
            "interpreter": "none",
            "exec_mode": "fork",
            "cwd": str(fleet.folder),
            "out_file": str(fleet.logs / f"{task.name}.log"),
            "error_file": str(fleet.logs / f"{task.name}.err"),
        }
        return {**app, "vizion": False, "pmx": False, "automation": False} if self.tuned else app

    def environment(self, fleet: Fleet) -> Mapping[str, str]:
        """See Rival."""
        return {"PM2_HOME": str(fleet.folder / "pm2"), "PM2_DISABLE_VERSION_CHECK": "true"}

    def start(self, fleet: Fleet) -> Command:
        """See Rival."""
        del fleet
        return [str(self._program), "start", "ecosystem.json"]

    def stop(self, fleet: Fleet, pid: int) -> Command:
        """See Rival."""
        del fleet, pid
        return [str(self._program), "kill"]

    def status(self, fleet: Fleet) -> Command:
        """See Rival."""
        del fleet
        return [str(self._program), "jlist"]

    def reload(self, fleet: Fleet, changed: str) -> Command:
        """See Rival."""
        del fleet, changed
        return [str(self._program), "startOrReload", "ecosystem.json", "--update-env"]
