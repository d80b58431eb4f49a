"""The suite's own alerting beside a Prometheus and an Alertmanager that run on what it exports.

Both sides read the same page each second, in real time.
"""

import json
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from random import Random
from threading import Thread
from typing import Any

import anyio
import httpx
from anyio import create_task_group

from intertie.event import Payload
from intertie.monitor.alerting import Alerting
from intertie.monitor.alertmanager_file import NO_ADDRESS, to_alertmanager
from intertie.monitor.channels import channel_of
from intertie.monitor.collect.collector import Collector, Outlets
from intertie.monitor.collect.scrape import Scraper, Target
from intertie.monitor.desk import AlertDesk
from intertie.monitor.ring import Ring
from intertie.monitor.rule_files import to_prometheus
from intertie.monitor.rules import rules_of
from intertie.monitor.sample import Sample
from intertie.monitor.sender import Sender
from intertie.suite.monitoring import Monitoring
from tests.monitor.peers import Alertmanager, Prometheus

Events = list[tuple[float, Payload]]


@dataclass
class World:
    """A page of metrics, and who is told of alerts by each side."""

    url: str = ""
    page: str = ""
    told: list[tuple[float, str, dict[str, Any]]] = field(default_factory=list)
    """When, by whom, and the notice."""

    def set(self, heat: Mapping[str, float], load: float, *, steam: bool = True) -> None:
        """What the page says from now on."""
        lines = [f'heat{{room="{room}"}} {value}' for room, value in heat.items()]
        self.page = "\n".join([*lines, f"load {load}", *(["steam 1"] if steam else []), ""])

    def notices(self, who: str) -> list[tuple[float, dict[str, Any]]]:
        """Those that one side sent."""
        return [(at_s, notice) for at_s, by, notice in self.told if by == who]


@contextmanager
def world() -> Iterator[World]:
    """It answers."""
    made = World()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer(made.page.encode())

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            made.told.append((time.time(), self.path.strip("/"), json.loads(body)))
            self._answer(b"")

        def _answer(self, body: bytes) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *_: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    made.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield made
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def configured(hook: str, alerts: Mapping[str, object], **intervals: str) -> Monitoring:
    """A suite whose notices go there; `intervals` by severity."""
    levels = {
        severity: {"notification_interval": interval, "escalation_timeout": "1h"}
        for severity, interval in intervals.items()
    }
    return Monitoring.model_validate(
        {
            "alerts": alerts,
            "channels": {"hook": {"kind": "webhook", "url": hook}},
            "alert_integration": {"channels": "hook", "severity_levels": levels},
        }
    )


@asynccontextmanager
async def ours(config: Monitoring, page: str, folder: Path) -> AsyncIterator[Events]:
    """The suite's own alerting runs on the page, each second; its events, and when each came."""
    events: Events = []

    async def keep(at_ms: int, samples: Sequence[Sample]) -> None:
        """There is no store here."""

    async with (
        AlertDesk.open(folder / "alerts.db") as desk,
        httpx.AsyncClient(trust_env=False) as client,
    ):
        channels = {
            name: channel_of(each, name=name, resolve=str, now=_now)
            for name, each in config.channels.items()
        }
        rng = Random(1)  # noqa: S311 — not a secret
        ring = Ring()
        alerting = Alerting(
            config,
            rules_of(config.alerts),
            source=ring,
            desk=desk,
            sender=Sender(channels, fallback=(), sleep=anyio.sleep, now=_now, rng=rng),
            publish=lambda payload, _: events.append((time.time(), payload)),
            now=_now,
        )
        scraper = Scraper(lambda: [Target("page", page)], client, limit_s=1)
        outlets = Outlets(ring, keep, alerting.evaluate)
        collector = Collector([scraper], outlets, interval_s=1)
        async with create_task_group() as group:
            await group.start(alerting.run)
            await group.start(collector.run)
            yield events
            group.cancel_scope.cancel()


@asynccontextmanager
async def theirs(config: Monitoring, made: World, folder: Path) -> AsyncIterator[Prometheus]:
    """Prometheus and Alertmanager run on what is exported, and nothing else."""
    exported = to_alertmanager(config)
    assert f"{NO_ADDRESS}hook" in exported
    manager = Alertmanager(folder, exported.replace(f"{NO_ADDRESS}hook", f"{made.url}/theirs"))
    rules = folder / "rules.yaml"
    rules.write_text(to_prometheus(rules_of(config.alerts).rules, interval_ms=1000))
    target = made.url.removeprefix("http://")
    prometheus = Prometheus(
        folder,
        config=f"""
global: {{scrape_interval: 1s, evaluation_interval: 1s}}
rule_files: ["{rules}"]
alerting: {{alertmanagers: [{{static_configs: [{{targets: ["127.0.0.1:{manager.port}"]}}]}}]}}
scrape_configs: [{{job_name: page, static_configs: [{{targets: ["{target}"]}}]}}]
""",
    )
    with manager.running(), prometheus.running():
        yield prometheus


def _now() -> datetime:
    return datetime.now(UTC)
