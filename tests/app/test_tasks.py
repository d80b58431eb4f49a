"""What a running suite does at set times."""

import os
import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from tests.app.monitored import TOLD_S, Site
from tests.app.scheduled import SUITE, scheduled
from tests.e2e.shop import until

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A suite with tasks."""
    with scheduled(tmp_path_factory.mktemp("tasks")) as made:
        yield made


def told(site: Site, title: str) -> str:
    """The text of the next message with that title; others before are passed over."""
    while True:
        _, body = site.hook.told.get(timeout=TOLD_S)
        if body["title"] == title:
            return str(body["message"])


def test_a_task_runs_by_hand_and_somebody_is_told(site: Site) -> None:
    """What it printed is kept; an event says that it is over."""
    run = site.bench.ok("schedule", "run", "hello")
    runs = site.bench.ok("schedule", "runs", "hello", "--json").json()

    assert "hello from scheduled" in run.out
    assert "success" in told(site, "task hello: success")
    assert runs["items"][0]["status"] == "done"
    assert runs["items"][0]["trigger"] == "manual"
    assert "suite.task_finished" in site.bench.ok("events").out


def test_a_task_that_fails_is_tried_again_and_then_told(site: Site) -> None:
    """With what it printed, and its exit code."""
    run = site.bench("schedule", "run", "broken")
    [last, *_] = site.bench.ok("schedule", "runs", "broken", "--json").json()["items"]

    assert run.code == 1
    assert "why" in run.out
    assert (last["status"], last["attempt"], last["exit"]) == ("failed", 2, 3)
    assert "exit code 3" in told(site, "task broken: failure")


def test_runs_are_ended_with_all_their_processes(site: Site) -> None:
    """By hand, from elsewhere."""
    with site.bench.api() as api:
        begun = api.post("/api/tasks/long/run").json()
    until(lambda: _sleeping(site) != [])
    site.bench.ok("schedule", "cancel", "long")
    until(lambda: _sleeping(site) == [])
    page = site.bench.ok("schedule", "runs", "long", "--json").json()

    assert begun["status"] == "running"
    assert page["items"][0]["status"] == "cancelled"


def _sleeping(site: Site) -> list[int]:
    found: list[int] = []
    for each in site.bench.processes():
        with suppress(psutil.Error):
            if "INTERTIE_TASK" in each.environ() and "sleep" in each.cmdline():
                found.append(each.pid)
    return found


def test_tasks_come_go_and_wait_with_the_file_and_by_hand(site: Site) -> None:
    """`apply` is enough; what is paused stays so."""
    site.bench.ok("schedule", "pause", "hello")
    paused = {t["name"]: t["paused"] for t in site.bench.ok("schedule", "list", "--json").json()}
    site.bench.ok("schedule", "resume", "hello")
    text = (site.bench.folder / "suite.yaml").read_text()
    more = '    other: {command: "true", schedule: "0 5 * * *"}\n    long:'
    site.bench.write(text.replace("    long:", more, 1))
    site.bench.ok("apply")
    until(lambda: "other" in site.bench.ok("schedule", "list").out)
    site.bench.write(text)
    site.bench.ok("apply")
    until(lambda: "other" not in site.bench.ok("schedule", "list").out)

    assert paused["hello"] is True
    assert paused["long"] is False
    assert site.bench("schedule", "run", "other").code == 1


def test_who_may_only_read_begins_nothing(site: Site) -> None:
    """Neither a task nor a restore."""
    with site.bench.api(key=False) as api:
        codes = [
            api.post(path, json=body).status_code
            for path, body in (
                ("/api/tasks/hello/run", {}),
                ("/api/tasks/hello/pause", {}),
                ("/api/v1/backup", {}),
                ("/api/v1/restore", {"backup": "a", "target": "/tmp/x"}),  # noqa: S108
            )
        ]
        listed = api.get("/api/tasks").status_code

    assert codes == [401] * 4
    assert listed == 200


def test_a_run_outlives_a_killed_daemon_as_crashed_and_is_tried_again(tmp_path: Path) -> None:
    """Its processes are not left behind."""
    suite = SUITE.replace(
        '    long: {command: sleep 1000, schedule: "0 4 1 1 *"}',
        """    long:
      command: sh -c 'test -e again && exit 0; touch again; exec sleep 1000'
      schedule: "0 4 1 1 *\"""",
    )
    with scheduled(tmp_path, suite) as site:
        with site.bench.api() as api:
            api.post("/api/tasks/long/run")
        until((tmp_path / "again").exists)
        os.kill(site.bench.daemon()["pid"], signal.SIGKILL)
        site.bench.ok("up", "--detach")

        def ended() -> bool:
            page = site.bench("schedule", "runs", "long", "--json")
            return page.code == 0 and page.json()["items"][0]["status"] == "done"

        until(ended, within_s=120)
        [run, *_] = site.bench.ok("schedule", "runs", "long", "--json").json()["items"]

        assert run["attempt"] == 2
