"""The plugin examples of the guide on integration methods run as they are written there."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from anyio import create_task_group

from intertie.plugins import PluginManager, PluginSettings
from intertie.plugins.host import PluginHost

EXAMPLES = Path(__file__).parent.parent.parent / "examples" / "plugins"

MY_PLUGIN = """
from intertie.plugins import PluginBase, PluginInfo

class MyPlugin(PluginBase):
    def get_info(self) -> PluginInfo:
        return PluginInfo(
            name="my_plugin",
            version="1.0.0",
            description="A plugin of mine",
            author="Me",
            hooks=["service_start", "service_stop"]
        )

    def on_service_start(self, service_name: str, pid: int):
        print(f"Service {service_name} started!")

    def on_service_stop(self, service_name: str, pid: int):
        print(f"Service {service_name} stopped!")
"""

ALL_HOOKS = """
from typing import Any, Dict
from intertie.plugins import PluginBase, PluginInfo

class Everything(PluginBase):
    def get_info(self) -> PluginInfo:
        return PluginInfo(name="everything", version="1.0.0", description="Each of the hooks")

    def on_health_check(self, health_data: Dict[str, Any]):
        print("health", health_data["status"])

    def on_metrics_collect(self, metrics: Dict[str, Any]) -> Dict[str, Any]:
        return {
            "custom_metric": 123.45,
            "another_metric": "value"
        }

    def on_config_load(self, config: Dict[str, Any]) -> Dict[str, Any]:
        config["custom_setting"] = "value"
        return config

    def on_shutdown(self):
        print("shut down")
"""


class Slack(HTTPServer):
    """A webhook that keeps what it is told."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Hook)
        self.texts: list[str] = []

    @property
    def url(self) -> str:
        """Where to post."""
        return f"http://127.0.0.1:{self.server_address[1]}/services/T0/B0/x"


class _Hook(BaseHTTPRequestHandler):
    server: Slack

    def do_POST(self) -> None:
        """Keep the text."""
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.texts.append(json.loads(body)["text"])
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def slack(monkeypatch: pytest.MonkeyPatch) -> Iterator[Slack]:
    """A real HTTP server in Slack's place."""
    with Slack() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        monkeypatch.setenv("SLACK_WEBHOOK_URL", server.url)
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder `plugins` of the working directory."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "plugins").mkdir()
    return tmp_path / "plugins"


def test_a_plugin_in_the_folder_is_loaded_and_called(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The quick start."""
    (folder / "my_plugin.py").write_text(MY_PLUGIN)

    plugin_manager = PluginManager()
    plugin_manager.load_plugins()
    plugin_manager.service_start("api", 4711)
    plugin_manager.service_stop("api", 4711)

    plugin_manager.check()
    assert capsys.readouterr().out == "Service api started!\nService api stopped!\n"


def test_hooks_change_configuration_and_add_metrics(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The hooks that are given or give something."""
    (folder / "everything.py").write_text(ALL_HOOKS)
    manager = PluginManager()
    manager.load_plugins()

    assert manager.config_load({"own": 1}) == {"own": 1, "custom_setting": "value"}
    found = {each.name: each for each in manager.metrics_collect({})}
    assert found["custom_metric"].value == 123.45
    assert found["another_metric_info"].labels["value"] == "value"
    manager.health_check({"status": "UP"})
    manager.shutdown()
    assert capsys.readouterr().out == "health UP\nshut down\n"


def test_the_slack_example_posts_to_the_webhook(slack: Slack) -> None:
    """Start, stop and error; its address is read from the environment."""
    manager = PluginManager(PluginSettings(paths=(EXAMPLES / "slack_notifier.py",), group=None))
    manager.load_plugins()

    manager.service_start("api", 4711)
    manager.service_stop("api", 4711)
    manager.service_error("api", RuntimeError("no route to host"))

    manager.check()
    assert [text.partition(" ")[2] for text in slack.texts] == [
        "Service 'api' started (PID: 4711)",
        "Service 'api' stopped (PID: 4711)",
        "Service 'api' error: no route to host",
    ]


@pytest.mark.slow
@pytest.mark.anyio
async def test_the_slack_example_works_in_a_process_of_its_own(slack: Slack) -> None:
    """With its settings from the suite file."""
    settings = PluginSettings(
        paths=(EXAMPLES / "slack_notifier.py",),
        group=None,
        config={"slack_notifier": {"only_errors": True}},
    )
    host = PluginHost(settings, folder=EXAMPLES)
    async with create_task_group() as group:
        await group.start(host.run)
        await host.call("service_start", "api", 4711, within_s=60)
        await host.call("service_error", "api", OSError("gone"), within_s=60)
        group.cancel_scope.cancel()

    assert [text.partition(" ")[2] for text in slack.texts] == ["Service 'api' error: gone"]


def test_a_slack_that_refuses_is_a_failure_without_the_address(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The webhook's address is a secret; the log does not get it."""
    monkeypatch.setenv("SLACK_WEBHOOK_URL", "http://127.0.0.1:1/services/T0/B0/hush")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    manager = PluginManager(PluginSettings(paths=(EXAMPLES / "slack_notifier.py",), group=None))
    manager.load_plugins()

    manager.service_start("api", 4711)

    assert manager.costs()["slack_notifier"]["on_service_start"].errors == 1
    assert "hush" not in caplog.text


def test_the_metrics_example_counts_what_the_suite_tells_it() -> None:
    """Rates since the last collection."""
    manager = PluginManager(PluginSettings(paths=(EXAMPLES / "custom_metrics.py",), group=None))
    manager.load_plugins()
    for number in range(3):
        manager.service_start("api", number)
    manager.service_error("api", RuntimeError("no"))

    first = {each.name: each for each in manager.metrics_collect({})}
    second = {each.name: each for each in manager.metrics_collect({})}

    manager.check()
    assert first["error_rate"].value == 0.25
    assert first["events_per_second"].value > 0
    assert first["custom_business_metric"].value == 42
    assert first["custom_edition_info"].labels["value"] == "community"
    assert second["events_per_second"].value == 0
