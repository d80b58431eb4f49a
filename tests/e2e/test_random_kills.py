"""Kills at random points of every transition: nothing is left, and the suite can always go on.

`INTERTIE_RUNS` says how many sequences are tried; `make prove` tries 500.
"""

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from hypothesis import HealthCheck, settings, strategies
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from tests.e2e.shop import until
from tests.harness import Bench

RUNS = int(os.environ.get("INTERTIE_RUNS", "4"))
SERVICES = ("db", "mid", "web")
NAMES = strategies.sampled_from(SERVICES)
DELAYS = strategies.floats(min_value=0.0, max_value=0.6)
SUITE = f"""
suite: kills
api: {{port: auto}}
services:
  db:
    command: [sh, -c, '(setsid sh -c "trap : TERM; sleep 1000; sleep 1000" &); echo up; sleep 1000']
    ready_log_line: up
    restart: always
  mid:
    command: {sys.executable} -m http.server --bind 127.0.0.1 $(PORT)
    port: auto
    healthcheck: {{http: /, interval: 200ms}}
    depends_on: {{db: {{condition: service_log_ready, on_restart: restart}}}}
    restart: {{policy: always, delay: 20ms}}
    stop_grace_period: 500ms
  web:
    command: [sh, -c, 'trap "" TERM; sleep 1000 & wait; sleep 1000']
    replicas: 2
    port: auto
    depends_on: [mid]
    restart: {{policy: on-failure, max_attempts: 3}}
    stop_grace_period: 100ms
gateway:
  port: auto
  routes: [{{path: /, service: mid, auth_required: false}}]
"""


class Kills(RuleBasedStateMachine):
    """One suite, treated badly."""

    @initialize()
    def begin(self) -> None:
        """An empty folder; nothing runs."""
        self.place = tempfile.TemporaryDirectory(prefix="kills-")
        self.bench = Bench(Path(self.place.name))
        self.bench.write(SUITE)
        self.ports: set[int] = set()
        self.descriptors: int | None = None

    @rule(delay_s=DELAYS, victim=strategies.sampled_from(["none", "daemon", "command"]))
    def up(self, delay_s: float, victim: str) -> None:
        """Bring it up, and perhaps kill the daemon or the command meanwhile."""
        self._during(["up", "--detach"], delay_s, self._victim(victim))

    @rule(
        delay_s=DELAYS,
        verb=strategies.sampled_from(["start", "stop", "restart"]),
        name=NAMES,
        victim=strategies.sampled_from(["none", "daemon", "gateway", *SERVICES]),
    )
    def act(self, delay_s: float, verb: str, name: str, victim: str) -> None:
        """Do something to a service, and kill something meanwhile."""
        self._during([verb, name], delay_s, self._victim(victim))

    @rule(delay_s=DELAYS, victim=strategies.sampled_from(["none", "daemon", "gateway", *SERVICES]))
    def down(self, delay_s: float, victim: str) -> None:
        """Bring it down, and kill something meanwhile."""
        self._during(["down"], delay_s, self._victim(victim))

    @rule(victim=strategies.sampled_from(["daemon", "gateway", *SERVICES]))
    def kill(self, victim: str) -> None:
        """Kill something while nothing is being done."""
        self._victim(victim)()

    @rule()
    def settle(self) -> None:
        """A suite that is up again holds no more descriptors than the first time."""
        self.bench.ok("up", "--detach")
        daemon = self._daemon()
        assert daemon is not None
        self._note_ports()
        if self.descriptors is None:
            self.descriptors = _quiet_count(daemon)
        most = self.descriptors + 4
        until(lambda: _quiet_count(daemon) <= most)  # what has just ended is closed in a moment

    def teardown(self) -> None:
        """After `down`, nothing is left of any of it."""
        if not hasattr(self, "bench"):
            return
        with self.place:
            self._note_ports()
            result = self.bench("down")
            left = self.bench.processes()
            for process in left:
                process.kill()
            assert not left, f"left over: {left}"
            assert result.code == 0, f"{result.err}\n{self._log()}"
            assert [port for port in self.ports if _is_taken(port, self.place.name)] == []

    def _during(self, arguments: list[str], delay_s: float, kill: Callable[[], None]) -> None:
        command = subprocess.Popen(
            [sys.executable, "-m", "intertie", *arguments],
            cwd=self.bench.folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.command = command
        timer = threading.Timer(delay_s, kill)
        timer.start()
        try:
            _, err = command.communicate(timeout=120)
        finally:
            timer.join()
            if command.poll() is None:
                command.kill()
                command.communicate()
        assert "Traceback" not in err, f"{err}\n{self._log()}"

    def _victim(self, name: str) -> Callable[[], None]:
        def nobody() -> None:
            """Kill nothing."""

        def command() -> None:
            self.command.kill()

        def daemon() -> None:
            found = self._daemon()
            if found is not None:
                self._note_ports()
                _kill(found.pid)

        def replica() -> None:
            for process in self.bench.processes():
                with contextlib.suppress(psutil.Error):
                    mark = process.environ().get("INTERTIE_SERVICE", "")
                    if mark.startswith(f"{name}/"):
                        _kill(process.pid)
                        return

        return {"none": nobody, "command": command, "daemon": daemon}.get(name, replica)

    def _log(self) -> str:
        log = self.bench.state / "logs" / "daemon.log"
        return log.read_text()[-4000:] if log.exists() else ""

    def _daemon(self) -> psutil.Process | None:
        for process in self.bench.processes():
            with contextlib.suppress(psutil.Error):
                if "daemon" in process.cmdline():
                    return process
        return None

    def _note_ports(self) -> None:
        for process in self.bench.processes():
            with contextlib.suppress(psutil.Error):
                self.ports |= {
                    found.laddr.port
                    for found in process.net_connections("inet")
                    if found.status == psutil.CONN_LISTEN
                }


def _kill(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def _quiet_count(daemon: psutil.Process) -> int:
    """Open files of the daemon, the fewest of some looks: connections come and go."""
    return min(daemon.num_fds() for _ in range(20))


def _is_taken(port: int, folder: str) -> bool:
    """Whether somebody listens there who is not known to be of another suite or program."""
    for found in psutil.net_connections("tcp"):
        is_listener = found.status == psutil.CONN_LISTEN
        if is_listener and found.laddr and found.laddr.port == port:
            with contextlib.suppress(psutil.Error):
                return found.pid is None or folder in str(psutil.Process(found.pid).cmdline())
    return False


TestKills = pytest.mark.slow(pytest.mark.timeout(7200)(Kills.TestCase))
TestKills.settings = settings(
    max_examples=RUNS,
    stateful_step_count=6,
    deadline=None,
    derandomize=False,
    print_blob=True,
    suppress_health_check=list(HealthCheck),
)


def test_the_suite_is_a_valid_one(bench: Bench) -> None:
    """Otherwise nothing would ever run, and nothing would be left."""
    bench.write(SUITE)

    bench.ok("check")
