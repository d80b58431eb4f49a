"""A running suite that is measured each second, and somebody who is told."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from typing import Any

from tests.e2e.shop import until
from tests.harness import Bench
from tests.harness import bench as open_bench

SUITE = """
suite: watched
api: {port: auto}
bus: {}
gateway: {port: auto, routes: [{path: /, service: web, auth_required: false}]}
services:
  web: {command: "python3 web.py", port: auto, healthcheck: {tcp: true, interval: 200ms}}
monitoring:
  metrics_collection:
    interval: 1
    scrape: {pages: {service: web}}
  metrics:
    revenue: {topic: "orders.*", value: order.total, unit: EUR, labels: {shop: shop}}
    active_users: {kind: gauge}
  alerts:
    critical: ["error_rate > 5%"]
    rules:
      Rich: {expr: "revenue > 100", annotations: {summary: "{{ $labels.shop }} has {{ $value }}"}}
    tests:
      - name: much money
        input_series: [{series: 'revenue{shop="a"}', values: "90 101"}]
        alert_rule_test:
          - {eval_time: 0s, alertname: Rich}
          - eval_time: 1m
            alertname: Rich
            exp_alerts: [{labels: {shop: a, severity: warning}}]
  channels: {hook: {kind: webhook, url: "HOOK", secret: "${secret:hook}"}}
  alert_integration: {channels: hook}
"""
WEB = """
import http.server, os

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(500 if self.path == "/bad" else 200)
        self.end_headers()
        self.wfile.write(b"pages_printed 7\\n")

    def log_message(self, *_):
        pass

http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
"""


TOLD_S = 60
"""Whoever is told of something hears of it within this time."""


class Hook:
    """Takes what a webhook channel posts."""

    def __init__(self) -> None:
        told = self.told = SimpleQueue[tuple[dict[str, str], dict[str, Any]]]()

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                told.put(({k.lower(): v for k, v in self.headers.items()}, json.loads(body)))
                self.send_response(200)
                self.end_headers()

            def log_message(self, format: str, *_: object) -> None:
                """Quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = Thread(target=self._server.serve_forever)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}/alerts"

    def about(self, alert: str, status: str = "firing") -> tuple[dict[str, str], dict[str, Any]]:
        """Headers and body of the next message about it; others before are passed over."""
        while True:
            headers, body = self.told.get(timeout=TOLD_S)
            if body["groupLabels"]["alertname"] == alert and body["status"] == status:
                return headers, body

    def close(self) -> None:
        """Take no more."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@dataclass
class Site:
    """The suite, and who is told."""

    bench: Bench
    hook: Hook

    def up(self) -> None:
        """Start it; return once it is measured."""
        started = self.bench("up", "--detach", env={"INTERTIE_SECRET_HOOK": "s" * 32})
        assert started.code == 0, started.err
        until(lambda: self.bench("metrics", "status").code == 0)

    def value(self, expression: str) -> float | None:
        """Of the first series of a query."""
        found = self.bench.ok("metrics", "query", expression, "--json").json()["result"]
        return float(found[0]["value"][1]) if found else None


@contextmanager
def monitored(folder: Path, suite: str = SUITE) -> Iterator[Site]:
    """It runs, and nothing is alarming yet."""
    hook = Hook()
    try:
        with open_bench(folder) as made:
            made.write(suite.replace("HOOK", hook.url))
            made.write(WEB, "web.py")
            site = Site(made, hook)
            site.up()
            yield site
    finally:
        hook.close()
