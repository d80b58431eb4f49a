"""Maintenance, and looks at the suite as a whole, in a running suite."""

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.app.monitored import Hook, Site
from tests.e2e.shop import until
from tests.harness import bench as open_bench

pytestmark = pytest.mark.slow
SUITE = """
suite: kept
api: {port: auto}
services:
  web: {command: sleep 1000, restart: no, healthcheck: {test: "test ! -e sick", interval: 200ms}}
monitoring:
  metrics_collection: {interval: 1}
  channels: {hook: {kind: webhook, url: "HOOK"}}
automation:
  maintenance: {temp_paths: [tmp], temp_age: 1h}
  monitoring_automation:
    health_checks:
      interval: 1s
      thresholds: {cpu_usage: 100, memory_usage: 100, disk_usage: 100}
      notifications: {failure: hook, success: hook}
"""


SICK, WELL = "the suite is not well", "the suite is well again"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A suite that is looked after."""
    hook = Hook()
    try:
        with open_bench(tmp_path_factory.mktemp("upkeep")) as made:
            made.write(SUITE.replace("HOOK", hook.url))
            made.ok("up", "--detach")
            until(lambda: made("schedule", "list").code == 0)
            until(lambda: made("health").code == 0)
            yield Site(made, hook)
    finally:
        hook.close()


def test_all_tasks_of_maintenance_are_done(site: Site) -> None:
    """Old files of declared folders go, and young ones stay; databases of ours are tended."""
    folder = site.bench.folder / "tmp"
    folder.mkdir()
    for name in ("old", "young"):
        (folder / name).write_text("x")
    report = json.loads(site.bench.ok("schedule", "run", "maintenance", "--json").json()["output"])

    done = {each["name"]: each["outcome"] for each in report["tasks"]}
    assert list(done) == ["log_rotation", "cache_cleanup", "temp_cleanup", "index_optimization"]
    assert "failed" not in done.values()
    assert done["index_optimization"] == "done"
    assert (folder / "young").exists()


def test_what_is_not_well_is_told_once_and_again_when_it_is(site: Site) -> None:
    """To the channels of the suite, as an event, and to who asks."""

    def report() -> dict[str, object]:
        with site.bench.api(key=False) as api:
            found: dict[str, object] = api.get("/api/automation/health").json()
        return found

    titles: list[str] = []

    def heard(title: str) -> int:
        while not site.hook.told.empty():
            titles.append(site.hook.told.get()[1]["title"])
        return titles.count(title)

    # While a suite starts, it may not be well for a moment: that is told, too.
    until(lambda: heard(SICK) == heard(WELL))
    before = heard(SICK)
    (site.bench.folder / "sick").touch()
    until(lambda: heard(SICK) > before)
    (site.bench.folder / "sick").unlink()
    until(lambda: heard(WELL) == heard(SICK))

    assert titles == [SICK, WELL] * heard(WELL)
    assert "suite.health_found" in site.bench.ok("events").out
    assert report()["findings"]


def test_it_goes_on_after_the_daemon_was_killed(site: Site, tmp_path: Path) -> None:
    """Nothing has to be begun by hand."""
    os.kill(site.bench.daemon()["pid"], signal.SIGKILL)
    site.bench.ok("up", "--detach")

    def answers() -> bool:
        with site.bench.api(key=False) as api:
            return api.get("/api/automation/health").status_code == 200

    until(answers)
