"""Supervisor."""

import shlex

from benchmarks.orchestrator.fleet import Fleet
from benchmarks.orchestrator.rivals.install import pip
from benchmarks.orchestrator.rivals.rival import Command, Http, Rival

_HEAD = """
[unix_http_server]
file={folder}/s.sock
[inet_http_server]
port=127.0.0.1:{port}
[supervisord]
pidfile={folder}/s.pid
logfile={folder}/s.log
childlogdir={folder}/logs
[rpcinterface:supervisor]
supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface
[supervisorctl]
serverurl=unix://{folder}/s.sock
"""
_PROGRAM = """
[program:{name}]
command={command}
stdout_logfile={folder}/logs/{name}.log
"""
_TUNED = """autorestart=true
startsecs=0
stopasgroup=true
killasgroup=true
stdout_logfile_maxbytes=0
redirect_stderr=true
"""
_PORT = 19_876
_CALL = b"<methodCall><methodName>supervisor.getAllProcessInfo</methodName></methodCall>"


class Supervisord(Rival):
    """Has no dependencies and no probes without plug-ins."""

    name = "supervisor"
    best = "startsecs=0, stopasgroup, killasgroup, redirect_stderr, no log rotation"

    def install(self) -> str:
        """See Rival."""
        self._bin = pip("supervisor==4.3.0", "supervisord").parent
        return "4.3.0"

    def write(self, fleet: Fleet) -> None:
        """See Rival."""
        fleet.logs.mkdir(exist_ok=True)
        text = _HEAD.format(folder=fleet.folder, port=_PORT)
        for task in fleet.tasks:
            command = shlex.join(fleet.argv(task))
            text += _PROGRAM.format(name=task.name, folder=fleet.folder, command=command)
            text += _TUNED if self.tuned else ""
        (fleet.folder / "supervisord.conf").write_text(text)

    def start(self, fleet: Fleet) -> Command:
        """See Rival."""
        del fleet
        return [str(self._bin / "supervisord"), "-c", "supervisord.conf"]

    def stop(self, fleet: Fleet, pid: int) -> Command:
        """See Rival."""
        del fleet, pid
        return self._ctl("shutdown")

    def status(self, fleet: Fleet) -> Command:
        """See Rival."""
        del fleet
        return self._ctl("status")

    def http(self, fleet: Fleet) -> Http:
        """See Rival. Its XML-RPC."""
        del fleet
        headers = {"Content-Type": "text/xml"}
        return Http(("127.0.0.1", _PORT), "POST", "/RPC2", headers, _CALL)

    def reload(self, fleet: Fleet, changed: str) -> Command:
        """See Rival."""
        del fleet, changed
        return self._ctl("update")

    def _ctl(self, verb: str) -> Command:
        return [str(self._bin / "supervisorctl"), "-c", "supervisord.conf", verb]
