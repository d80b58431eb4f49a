"""Circus."""

import shlex

from benchmarks.orchestrator.fleet import Fleet
from benchmarks.orchestrator.rivals.install import pip
from benchmarks.orchestrator.rivals.rival import Command, Rival

_HEAD = """
[circus]
endpoint = ipc://{folder}/c.sock
pubsub_endpoint = ipc://{folder}/p.sock
pidfile = {folder}/c.pid
"""
_WATCHER = """
[watcher:{name}]
cmd = {program}
args = {arguments}
copy_env = True
stdout_stream.class = FileStream
stdout_stream.filename = {folder}/logs/{name}.log
"""


class Circus(Rival):
    """One watcher a service."""

    name = "circus"
    best = "check_delay 1 (default 5), stop_children"

    def install(self) -> str:
        """See Rival."""
        self._bin = pip("circus==0.19.0", "circusd").parent
        return "0.19.0"

    def write(self, fleet: Fleet) -> None:
        """See Rival."""
        fleet.logs.mkdir(exist_ok=True)
        text = _HEAD.format(folder=fleet.folder) + ("check_delay = 1\n" if self.tuned else "")
        for task in fleet.tasks:
            program, *arguments = fleet.argv(task)
            text += _WATCHER.format(
                name=task.name,
                folder=fleet.folder,
                program=program,
                arguments=shlex.join(arguments),
            )
            text += "stop_children = True\n" if self.tuned else ""
        (fleet.folder / "circus.ini").write_text(text)

    def start(self, fleet: Fleet) -> Command:
        """See Rival."""
        log = str(fleet.folder / "circus.log")
        return [str(self._bin / "circusd"), "--daemon", "--log-output", log, "circus.ini"]

    def stop(self, fleet: Fleet, pid: int) -> Command:
        """See Rival."""
        del pid
        return self._ctl(fleet, "quit", "--waiting")

    def status(self, fleet: Fleet) -> Command:
        """See Rival."""
        return self._ctl(fleet, "status")

    def reload(self, fleet: Fleet, changed: str) -> Command:
        """See Rival."""
        del changed
        return self._ctl(fleet, "reloadconfig", "--waiting")

    def _ctl(self, fleet: Fleet, *words: str) -> Command:
        endpoint = f"ipc://{fleet.folder}/c.sock"
        limit = ("--timeout", "60")
        return [str(self._bin / "circusctl"), "--endpoint", endpoint, *limit, *words]
