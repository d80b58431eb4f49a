"""A running suite with a past, and a browser that tells what goes wrong in its pages."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from math import sin
from pathlib import Path

import anyio
from playwright.sync_api import Page, expect, sync_playwright

from intertie.monitor.duck import DuckStore
from intertie.monitor.sample import Sample, Series
from intertie.suite.monitoring import Retention
from tests.app.monitored import WEB
from tests.e2e.shop import until
from tests.harness import Bench
from tests.harness import bench as open_bench

SUITE = """
suite: shop
api: {host: HOST, port: auto}
bus: {}
gateway: {port: auto, routes: [{path: /, service: web, auth_required: false}]}
services:
  web: {command: "python3 web.py", port: auto, healthcheck: {tcp: true, interval: 200ms}}
  secret-vault: {command: "sleep 100000"}
automation: {tasks: {tidy: {schedule: "0 3 * * *", command: "true"}}}
monitoring:
  metrics_collection: {interval: 1}
  metrics:
    revenue: {topic: "orders.*", value: order.total, unit: EUR, labels: {shop: shop}}
    active_users: {kind: gauge}
  alerts:
    rules: {Busy: {expr: "active_users > -100", annotations: {summary: "many users"}}}
  slo: {web: {service: web, objective: "99.9%", window: 30d}}
  status_page: {title: Shop status, services: [web], public: PUBLIC}
"""
_TIMEOUT_MS = 30_000
_WATCH = """
window.refusedByPolicy = [];
document.addEventListener('securitypolicyviolation', (event) => {
  window.refusedByPolicy.push(event.violatedDirective);
});
"""


@contextmanager
def shown(folder: Path, *, host: str = "127.0.0.1", public: bool = True) -> Iterator[Bench]:
    """It runs, was measured for a quarter of a year, and has had ever more users for an hour."""
    with open_bench(folder) as made:
        made.write(SUITE.replace("HOST", host).replace("PUBLIC", str(public).lower()))
        made.write(WEB, "web.py")
        samples = made.state / "monitoring"
        samples.mkdir(mode=0o700, parents=True)
        anyio.run(_live_through, samples)
        made.ok("up", "--detach")
        until(lambda: made("metrics", "status").code == 0)
        until(lambda: made.ok("ps", "--json").json()[0]["status"] == "UP")
        until(lambda: _is_measured(made))
        yield made


def _is_measured(made: Bench) -> bool:
    found = made.ok("metrics", "query", 'intertie_service_up{service="web"} == 1', "--json").json()
    return bool(found["result"])


async def _live_through(folder: Path) -> None:
    now = datetime.now(UTC)
    up, users = Series.of("intertie_service_up", {"service": "web"}), Series("active_users")
    async with DuckStore.open(folder / "metrics.duckdb", retention=Retention()) as store:
        for back in range(1, 30):
            day = (now - timedelta(days=back)).replace(hour=0, minute=0, second=0, microsecond=0)
            for hour in (1, 7, 13, 19):
                is_up = back != 10 or hour != 13
                at_ms = round((day + timedelta(hours=hour)).timestamp() * 1000)
                await store.append(at_ms, [Sample(up, float(is_up))])
        for place in range(110):
            at = now - timedelta(minutes=55) + timedelta(seconds=30 * place)
            value = 50 + place + 20 * sin(place / 5)
            await store.append(round(at.timestamp() * 1000), [Sample(users, value)])


@contextmanager
def browser(*, dark: bool = False) -> Iterator[tuple[Page, list[str]]]:
    """A tab without a past, and what its console complains of."""
    path = shutil.which("chromium")
    assert path, "no chromium"
    complaints: list[str] = []
    expect.set_options(timeout=_TIMEOUT_MS)
    with sync_playwright() as playwright:
        made = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        tab = made.new_context(color_scheme="dark" if dark else "light").new_page()
        tab.set_default_timeout(_TIMEOUT_MS)
        tab.add_init_script(_WATCH)
        tab.on("pageerror", lambda error: complaints.append(str(error)))
        tab.on(
            "console",
            lambda told: (
                complaints.append(told.text) if told.type in {"error", "warning"} else None
            ),
        )
        yield tab, complaints
        made.close()


def refused_by_policy(page: Page) -> list[str]:
    """Directives of the Content-Security-Policy that something on the page broke."""
    found: list[str] = page.evaluate("window.refusedByPolicy")
    return found
