"""The terminal UI on a real suite, by its keys and what is on its screen."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import psutil
import pytest
from anyio import to_thread
from textual.pilot import Pilot

from intertie.cli.ui.app import SuiteApp
from intertie.runtime.folder import StateFolder
from tests.cli.ui.stage import screen_text
from tests.harness import Bench
from tests.waiting import eventually

pytestmark = [pytest.mark.slow, pytest.mark.anyio]

SUITE = """
suite: mine
api: {port: auto}
services:
  db: {command: sleep 1000}
  web:
    command: sh -c 'echo hello; exec sleep 1000'
    depends_on: [db]
"""
WIDE = (170, 40)
SMALL = (80, 24)


@asynccontextmanager
async def shown(on: Bench, size: tuple[int, int] = WIDE) -> AsyncIterator[Pilot[None]]:
    """The UI once it shows the services; driven by its pilot."""
    app = SuiteApp(StateFolder(on.state))
    async with app.run_test(size=size, notifications=True) as pilot:
        await eventually(lambda: "services ·" in screen_text(app))
        yield pilot


def says(pilot: Pilot[None], *words: str) -> Callable[[], bool]:
    """Whether all of it is on the screen."""
    return lambda: all(word in screen_text(pilot.app) for word in words)


@pytest.mark.parametrize("size", [SMALL, WIDE])
async def test_services_logs_and_keys_are_seen_at_once(
    running: Bench, size: tuple[int, int]
) -> None:
    """On a small terminal too: each service, the first one's log, what the keys do."""
    async with shown(running, size) as pilot:
        await eventually(says(pilot, "echo", "gateway", "web", "running", "3 services · 3 UP"))
        await eventually(says(pilot, "hello from echo", "a warning", "echo · both streams"))
        await eventually(says(pilot, "r Restart", "x Stop", "q Quit"))
        pid = running.service("web")["replicas"][0]["pid"]
        await eventually(says(pilot, str(pid)))


async def test_the_restart_key_restarts_the_service_looked_at(running: Bench) -> None:
    """Another process runs, the screen shows its pid, the end is told, others go on."""
    before = {name: running.service(name)["replicas"][0]["pid"] for name in ("echo", "web")}
    async with shown(running) as pilot:
        await pilot.press("r")

        await eventually(says(pilot, "restarted echo"))
        after = {name: running.service(name)["replicas"][0]["pid"] for name in ("echo", "web")}
        assert after["echo"] != before["echo"]
        assert after["web"] == before["web"]
        await eventually(says(pilot, str(after["echo"])))


async def test_the_log_is_searched(running: Bench) -> None:
    """`/` and a word; only lines with it when filtered; all again after Escape."""
    async with shown(running) as pilot:
        await eventually(says(pilot, "hello from echo", "a warning"))

        await pilot.press("slash", *"warn", "enter", "f")
        filtered = says(pilot, "a warning", "only 'warn'")
        await eventually(lambda: filtered() and not says(pilot, "hello from echo")())

        await pilot.press("escape")
        await eventually(says(pilot, "hello from echo"))


async def test_keys_typed_into_the_search_do_nothing_else(running: Bench) -> None:
    """`x`, `r` and `q` are letters there."""
    async with shown(running) as pilot:
        await pilot.press("slash", *"xrq")

        await eventually(says(pilot, "'xrq'"))
        assert not says(pilot, "Stop echo?")()


async def test_each_tab_tells_its_part(running: Bench) -> None:
    """Events as they happen, health with dependencies, changes with their steps."""
    async with shown(running) as pilot:
        await pilot.press("2")
        await eventually(says(pilot, "service_started", "web"))
        await pilot.press("tab", "tab", "down", "down")
        app = pilot.app
        app.set_focus(app.query_one("#services"))
        await pilot.press("down", "down", "3")
        await eventually(says(pilot, "web UP", "replica 0 running", "needs ✔ echo"))
        await pilot.press("4")
        await eventually(says(pilot, "up done", "✔ start web"))
        await pilot.press("1")
        await eventually(says(pilot, "web · both streams"))


async def test_events_of_others_are_seen_as_they_happen(running: Bench) -> None:
    """A restart by the command line is an event and a change here."""
    async with shown(running) as pilot:
        await pilot.press("2")
        await to_thread.run_sync(running.ok, "restart", "echo")
        pid = running.service("echo")["replicas"][0]["pid"]

        await eventually(says(pilot, f"pid={pid}"))


async def test_help_tells_the_keys(running: Bench) -> None:
    """`?` opens it, Escape closes it."""
    async with shown(running, SMALL) as pilot:
        await pilot.press("question_mark")
        await eventually(says(pilot, "pick a service"))

        await pilot.press("escape")

        await eventually(lambda: not says(pilot, "pick a service")())


async def test_stop_asks_first_and_names_who_is_stopped_along(bench: Bench) -> None:
    """No leaves all running; yes stops the service and its dependents; start brings it back."""
    bench.write(SUITE)
    await to_thread.run_sync(bench.ok, "up", "--detach")
    async with shown(bench) as pilot:
        await pilot.press("x")
        await eventually(says(pilot, "Stop db?", "stopped first: web"))
        await pilot.press("n")
        await eventually(lambda: not says(pilot, "Stop db?")())
        assert says(pilot, "2 services · 2 UP")()

        await pilot.press("x")
        await eventually(says(pilot, "Stop db?"))
        await pilot.press("y")
        await eventually(says(pilot, "stopped db", "2 services · 2 DOWN"))

        await pilot.press("s")
        await eventually(says(pilot, "started db", "1 UP · 1 DOWN"))


async def test_several_are_picked_and_acted_on_together(bench: Bench) -> None:
    """One change for all; the picks are gone after it."""
    bench.write(SUITE)
    await to_thread.run_sync(bench.ok, "up", "--detach")
    async with shown(bench) as pilot:
        await pilot.press("space", "space")
        await eventually(lambda: screen_text(pilot.app).count("●") == 2)

        await pilot.press("r")

        await eventually(says(pilot, "restarted db, web"))
        await eventually(lambda: "●" not in screen_text(pilot.app))
        assert bench.ok("changes", "--json").json()["items"][0]["title"] == "restart db, web"


async def test_a_failed_change_is_told_with_its_reason(bench: Bench) -> None:
    """What the service said last, as it is: brackets are not obeyed."""
    bad = "\n  bad: {command: \"sh -c 'echo [/oops] >&2; exit 3'\", restart: 'no',"
    bad += " autostart: false, healthcheck: {test: ['false']}}\n"
    bench.write(SUITE.rstrip() + bad)
    await to_thread.run_sync(bench.ok, "up", "--detach")
    async with shown(bench) as pilot:
        await pilot.press("s")

        await eventually(says(pilot, "cannot start service 'bad'", "[/oops]"))


async def test_the_end_of_the_daemon_is_told_and_survived(bench: Bench) -> None:
    """Killed: it says so, keeps what it showed, and goes on with the next daemon by itself."""
    bench.write(SUITE)
    await to_thread.run_sync(bench.ok, "up", "--detach")
    async with shown(bench) as pilot:
        psutil.Process(bench.daemon()["pid"]).kill()
        await eventually(says(pilot, "it is not running", "waiting for it", "web"))

        await pilot.press("r")
        await eventually(says(pilot, "restart db"))
        await to_thread.run_sync(bench.ok, "up", "--detach")

        await eventually(says(pilot, "2 services · 2 UP"))


async def test_quitting_leaves_the_suite_running(running: Bench) -> None:
    """`q` ends the UI only."""
    async with shown(running) as pilot:
        await pilot.press("q")
        await eventually(lambda: not pilot.app.is_running)

    assert running.service("web")["status"] == "UP"
