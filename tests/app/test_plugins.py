"""The suite's plugins, in a daemon and in a program of one's own."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.harness import Bench

pytestmark = pytest.mark.slow

SUITE = """
suite: x
api: {port: auto}
plugins: {hook_timeout: 1s}
services:
  a: {command: sleep 1000}
  broken: {command: sh -c 'exit 3', restart: never, autostart: false}
"""
WATCHER = """
import json, pathlib
from intertie.plugins import PluginBase, PluginInfo

class Watcher(PluginBase):
    def get_info(self):
        hooks = ["service_start", "service_stop", "service_error", "health_check", "shutdown",
                 "metrics_collect", "config_load"]
        return PluginInfo(name="watcher", version="1.0.0", description="", author="", hooks=hooks)

    def tell(self, *words):
        with open("told.txt", "a") as file:
            print(json.dumps(words), file=file)

    def on_config_load(self, config):
        config["custom_setting"] = "value"
        config["services"]["a"]["environment"] = {"FROM": "plugin"}
        return config

    def on_service_start(self, service_name, pid):
        self.tell("start", service_name, pid)

    def on_service_stop(self, service_name, pid):
        self.tell("stop", service_name, pid)

    def on_service_error(self, service_name, error):
        self.tell("error", service_name, str(error))

    async def on_health_check(self, health_data):
        self.tell("health", health_data["status"])

    def on_metrics_collect(self, metrics):
        return {"replicas_seen": len(metrics["intertie_replica_running"]), "edition": "free"}

    def on_shutdown(self):
        self.tell("shutdown")
"""
HANGING = """
import time
from intertie.plugins import PluginBase, PluginInfo

class Hanging(PluginBase):
    def get_info(self):
        return PluginInfo(name="hanging", version="1.0.0", description="", author="",
                          hooks=["service_start"], before=("watcher",))

    def on_service_start(self, service_name, pid):
        time.sleep(1000)
"""
# The guide's last example: REST, queue and plugins in one process.
COMBINED = """
import asyncio, os, sys
from intertie import SuiteOrchestrator
from intertie.app import app
from intertie.bus import *
from intertie.plugins import PluginManager

async def main():
    orchestrator = SuiteOrchestrator()
    plugin_manager = PluginManager()
    plugin_manager.load_plugins()
    orchestrator.plugin_manager = plugin_manager
    queue = MessageQueueIntegration(QueueConfig(QueueType.MEMORY))
    bridge = OrchestratorQueueBridge(orchestrator, queue)
    await bridge.setup()
    await queue.subscribe("suite.control.answer", lambda data: print(data["status"], flush=True))
    await queue.publish("suite.control.start", {"services": ["a"]})
    await asyncio.to_thread(sys.stdin.readline)
    await queue.close()
    await orchestrator.close()

asyncio.run(main())
"""


def told(bench: Bench) -> list[list[object]]:
    """What the watcher wrote."""
    file = bench.folder / "told.txt"
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def heard(bench: Bench, *words: object) -> list[list[object]]:
    """What the watcher was told that begins like this."""
    return [line for line in told(bench) if line[: len(words)] == list(words)]


def wait_until_told(bench: Bench, *words: object) -> list[list[object]]:
    """The same, once there is something."""
    while not (found := heard(bench, *words)):
        bench.ok("ps")
    return found


def put(bench: Bench, name: str, text: str) -> Path:
    """A plugin of the suite."""
    folder = bench.folder / "plugins"
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(text)
    return folder / name


def test_plugins_follow_the_suite_and_change_it(bench: Bench) -> None:
    """Every hook, with what the guide says it gets; metrics and configuration are seen outside."""
    put(bench, "watcher.py", WATCHER)
    bench.write(SUITE)
    bench.ok("up", "--detach")
    pid = bench.service("a")["replicas"][0]["pid"]
    wait_until_told(bench, "start", "a", pid)
    bench("start", "broken")
    error = wait_until_told(bench, "error", "broken")[-1]
    with bench.api() as api:
        metrics = api.get("/metrics").text
        (status,) = api.get("/api/plugins").json()
    environ = Path(f"/proc/{pid}/environ").read_text()
    bench.ok("stop", "a")
    wait_until_told(bench, "stop", "a", pid)
    bench.ok("down")

    assert "FROM=plugin" in environ
    assert "exit" in str(error[2])
    assert 'replicas_seen{plugin="watcher"} 2.0' in metrics
    assert 'edition_info{plugin="watcher",value="free"} 1.0' in metrics
    assert 'intertie_plugin_calls_total{hook="on_service_start",plugin="watcher"}' in metrics
    assert status["state"] == "loaded"
    assert status["costs"]["on_service_start"]["count"] >= 1
    assert told(bench)[-1] == ["shutdown"]


def test_a_plugin_that_hangs_is_disabled_and_harms_nobody(bench: Bench) -> None:
    """The suite starts as quickly, the others are called, and an event tells of it."""
    put(bench, "hanging.py", HANGING)
    put(bench, "watcher.py", WATCHER)
    bench.write(SUITE)
    bench.ok("up", "--detach")
    for _ in range(3):
        bench.ok("restart", "a")
    pid = bench.service("a")["replicas"][0]["pid"]
    wait_until_told(bench, "start", "a", pid)
    events = [json.loads(line) for line in bench.ok("events", "--json").out.splitlines()]
    disabled = [each for each in events if each["type"] == "suite.plugin_disabled"]
    starts = [line for line in told(bench) if line[0] == "start"]

    assert [each["subject"] for each in disabled] == ["hanging"]
    assert "3 times in a row" in disabled[0]["data"]["reason"]
    assert len(starts) == len({str(line) for line in starts})


def test_a_plugin_may_not_move_the_suite_s_own_doors(bench: Bench) -> None:
    """A port of the API is settled before any plugin is asked: told, and nothing is started."""
    move = WATCHER.replace('config["custom_setting"] = "value"', 'config["api"] = {"port": 1}')
    put(bench, "watcher.py", move)
    bench.write(SUITE)
    told = bench("up", "--detach")

    assert told.code == 1
    assert (
        "cannot move the management API"
        in told.err + (bench.state / "logs" / "daemon.log").read_text()
    )


def test_rest_queue_and_plugins_work_in_one_process(bench: Bench) -> None:
    """The guide's last example, with only the import root changed."""
    put(bench, "watcher.py", WATCHER)
    bench.write(SUITE)
    environment = {k: v for k, v in os.environ.items() if not k.startswith("INTERTIE")}
    argv = [sys.executable, "-c", COMBINED]
    with subprocess.Popen(
        argv,
        cwd=bench.folder,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as program:
        assert program.stdout is not None
        try:
            assert program.stdout.readline() == "done\n"
            pid = bench.service("a")["replicas"][0]["pid"]
            with bench.api() as api:
                health = api.get("/api/health").json()
                metrics = api.get("/metrics").text
            wait_until_told(bench, "start", "a", pid)
            program.communicate("\n", timeout=60)
        finally:
            program.kill()

    assert program.returncode == 0
    assert health["services"]["a"]["status"] == "UP"
    assert 'replicas_seen{plugin="watcher"}' in metrics
    assert heard(bench, "stop", "a")
