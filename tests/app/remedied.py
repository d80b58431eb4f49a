"""A running suite whose services can be broken so that an alert fires, and somebody who is told."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from tests.app.monitored import Hook, Site
from tests.e2e.shop import until
from tests.harness import bench as open_bench

SERVICES = """
suite: remedied
api: {port: auto}
services:
  db: {command: "python3 ill.py db", port: auto, healthcheck: {tcp: true, interval: 200ms}}
  web:
    command: "python3 ill.py web"
    port: auto
    healthcheck: {tcp: true, interval: 200ms}
    depends_on: [db]
monitoring:
  metrics_collection:
    interval: 1
    scrape: {web: {service: web}, db: {service: db}}
  alerts:
    rules:
      Ill: {expr: "ill == 1", severity: critical}
  channels: {hook: {kind: webhook, url: "HOOK"}}
  alert_integration: {channels: hook}
"""
RULE = "{alerts: Ill, action: restart, wait: 20s, cooldown: 500ms}"
ILL = """
import http.server, os, pathlib, sys

ill = 0

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        global ill
        if self.path == "/break":
            ill = 1
        elif self.path == "/cure":
            ill = 0
        self.send_response(200)
        self.end_headers()
        stays = pathlib.Path(f"{sys.argv[1]}.stays").exists()
        self.wfile.write(f"ill {1 if stays else ill}\\n".encode())

    def log_message(self, *_):
        pass

http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
"""


def suite(mode: str, *, rule: str = RULE, more: str = "") -> str:
    """With one rule."""
    told = f"automation:\n  remediation:\n    mode: {mode}\n    rules: {{ill: {rule}}}\n"
    return SERVICES + told + more


@contextmanager
def remedied(folder: Path, text: str) -> Iterator[Site]:
    """It runs, and nothing is alarming yet."""
    hook = Hook()
    try:
        with open_bench(folder) as made:
            made.write(text.replace("HOOK", hook.url))
            made.write(ILL, "ill.py")
            site = Site(made, hook)
            site.up()
            until(lambda: site.value("ill") is not None)
            yield site
    finally:
        hook.close()


def ask(site: Site, service: str, path: str) -> None:
    """Of a service, directly."""
    port = site.bench.service(service)["replicas"][0]["port"]
    httpx.get(f"http://127.0.0.1:{port}{path}", trust_env=False, timeout=60).raise_for_status()


def history(site: Site) -> list[dict[str, Any]]:
    """The oldest first; nothing while a daemon that has just started does not look after it yet."""
    shown = site.bench("remediation", "history", "--json")
    found: list[dict[str, Any]] = shown.json() if shown.code == 0 else []
    return found[::-1]


def statuses(site: Site) -> list[str]:
    """Of all entries, the oldest first."""
    return [each["status"] for each in history(site)]


def pid(site: Site, service: str = "web") -> int:
    """Of its process."""
    found: int = site.bench.service(service)["replicas"][0]["pid"]
    return found


def alarming(site: Site) -> list[str]:
    """Services of alerts that fire."""
    found = site.bench("alerts", "list", "--json").json()  # exit code 1: some fire
    return [e["labels"].get("service", "") for e in found if e["state"] == "firing"]
