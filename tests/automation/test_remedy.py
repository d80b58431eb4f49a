import os
import signal
from pathlib import Path

import pytest

from intertie.automation.remedy import RecoveryAlert, ServiceRecovered
from intertie.event import ServiceFailed, ServiceStarted
from intertie.plan import State
from intertie.runtime.component import Status
from intertie.suite.service import Service
from tests.automation.stage import recovering
from tests.runtime.stage import service, shell
from tests.waiting import eventually

pytestmark = pytest.mark.anyio


GO_ON = "echo up && exec sleep 1000"


def failing() -> Service:
    """One that is never well, not even for the moment until it ends."""
    return shell("exit 7", ready_log_line="up")


def watched(path: Path, **keys: object) -> dict[str, object]:
    """A health check that is good while the file is there."""
    check = {"test": ["test", "-e", str(path)], "interval": "20ms", "failure_threshold": 2}
    return {"healthcheck": {**check, "start_period": "1s", **keys}}


async def test_a_service_that_was_given_up_is_started_again(tmp_path: Path) -> None:
    """By a change that says why; once it stays well, that is told."""
    async with recovering(tmp_path) as ward:
        await ward.up(api=service())
        os.kill(ward.stage.pid("api"), signal.SIGKILL)

        recovered = await ward.stage.next(ServiceRecovered, "api")

        assert recovered.data["attempts"] == 1
        assert ward.stage.replica("api").state is State.RUNNING
        [_, change] = reversed((await ward.changes.list()).items)
        assert change.title == "retry api: ended by signal 9 (attempt 1)"
        assert (change.actor, change.status) == ("recovery", "done")
        assert ward.remedy.health().status is Status.UP


async def test_the_dependency_that_is_not_well_is_restarted_first(tmp_path: Path) -> None:
    """The deepest one: what it broke is well after it, without a step of its own."""
    socket = tmp_path / "socket"
    db = f"touch {socket}; exec sleep 1000"
    async with recovering(tmp_path, services=["web"], max_attempts=5) as ward:
        await ward.up(
            db=shell(db, **watched(socket)),
            api=service(depends_on={"db": {"condition": "service_healthy"}}),
            web=shell(f"test -e {socket} && {GO_ON}", ready_log_line="up", depends_on=["api"]),
        )
        first = {name: ward.stage.pid(name) for name in ("db", "api")}
        socket.unlink()
        await eventually(lambda: ward.stage.replica("db").state is State.UNHEALTHY)

        os.kill(ward.stage.pid("web"), signal.SIGKILL)
        recovered = await ward.stage.next(ServiceRecovered, "web")

        assert recovered.data["attempts"] == 3
        assert await ward.titles() == ["retry web", "restart web", "restart db, then web"]
        assert ward.stage.pid("db") != first["db"]
        assert ward.stage.pid("api") == first["api"]


async def test_where_both_are_recovered_the_dependent_waits(tmp_path: Path) -> None:
    """Its attempts are not wasted while what it needs is not well."""
    repaired = tmp_path / "repaired"
    wait = f"until test -e {repaired}; do sleep 0.01; done"
    steps = [{"script": ["/bin/sh", "-c", wait]}]
    async with recovering(tmp_path, steps=steps) as ward:
        await ward.up(db=service(), web=service(depends_on=["db"]))
        os.kill(ward.stage.pid("db"), signal.SIGKILL)
        while await ward.titles() != ["run /bin/sh for db"]:
            await ward.stage.events.receive()
        os.kill(ward.stage.pid("web"), signal.SIGKILL)
        await ward.stage.next(ServiceFailed, "web")

        repaired.touch()
        await ward.stage.next(ServiceStarted, "db")
        assert await ward.titles() == ["run /bin/sh for db"]
        await ward.stage.next(ServiceRecovered, "web")

        assert await ward.titles() == ["run /bin/sh for db", "run /bin/sh for web"]


async def test_a_person_is_told_once_when_nothing_helped(tmp_path: Path) -> None:
    """After as many steps as are allowed; and again only after that person acted."""
    async with recovering(tmp_path, steps=["restart"], max_attempts=2) as ward:
        await ward.up(api=failing())

        alert = await ward.stage.next(RecoveryAlert, "api")

        assert (alert.data["attempts"], alert.data["reason"]) == (2, "ended with exit code 7")
        assert await ward.titles() == ["restart api", "restart api", "alert"]
        assert ward.remedy.health().reason == "recovery gave up: api"
        ward.remedy.renew()  # whatever is looked at again, it is told no second time

        await ward.begin("start", "api", actor="somebody")
        await ward.stage.next(RecoveryAlert, "api")
        assert ward.stage.subjects(RecoveryAlert) == ["api", "api"]
        assert len(await ward.titles()) == 6


async def test_a_script_repairs_what_a_restart_cannot(tmp_path: Path) -> None:
    """It knows what is wrong with which service, and the service is started after it."""
    script = tmp_path / "repair.sh"
    script.write_text('#!/bin/sh\necho "$INTERTIE_SERVICE_NAME $INTERTIE_ATTEMPT" > settings\n')
    script.write_text(script.read_text() + 'echo "because it $INTERTIE_REASON"\n')
    script.chmod(0o755)
    steps = ["restart", {"script": "./repair.sh", "timeout": "10s"}, "alert"]
    async with recovering(tmp_path, steps=steps) as ward:
        await ward.up(api=shell(f"test -e settings && {GO_ON}", ready_log_line="up"))

        await ward.stage.next(ServiceRecovered, "api")

        assert (tmp_path / "settings").read_text() == "api 2\n"
        assert await ward.titles() == ["restart api", "run ./repair.sh for api"]
        assert "because it ended with exit code 1" in await ward.stage.text("api")


async def test_a_failing_health_check_that_lasts_is_dealt_with(tmp_path: Path) -> None:
    """Its process still runs: a restart makes it well."""
    socket = tmp_path / "socket"
    run = f"touch {socket}; exec sleep 1000"
    async with recovering(tmp_path, steps=["restart"]) as ward:
        await ward.up(api=shell(run, **watched(socket)))
        pid = ward.stage.pid("api")

        socket.unlink()
        await ward.stage.next(ServiceRecovered, "api")

        assert await ward.titles() == ["restart api"]
        assert ward.stage.pid("api") != pid


async def test_retry_gives_a_failing_health_check_time(tmp_path: Path) -> None:
    """A service that becomes well by itself keeps its process."""
    socket = tmp_path / "socket"
    run = f"touch {socket}; exec sleep 1000"
    async with recovering(tmp_path, grace="2s") as ward:
        await ward.up(api=shell(run, **watched(socket)))
        pid = ward.stage.pid("api")
        socket.unlink()
        while await ward.titles() != ["retry api"]:
            await ward.stage.events.receive()

        socket.touch()
        await ward.stage.next(ServiceRecovered, "api")

        assert await ward.titles() == ["retry api"]
        assert ward.stage.pid("api") == pid


async def test_a_service_stopped_on_request_stays_stopped(tmp_path: Path) -> None:
    """Also when its ladder was about to start it."""
    async with recovering(tmp_path, steps=["restart"], cooldown="1h", max_attempts=9) as ward:
        await ward.up(api=failing(), other=service())
        await eventually(lambda: ward.stage.replica("api").state is State.FAILED)
        await ward.begin("stop", "api", actor="somebody")
        await ward.begin("stop", "other", actor="somebody")
        before = await ward.titles()

        ward.remedy.renew()
        await ward.begin("start", "other", actor="somebody")  # comes after whatever is looked at

        assert await ward.titles() == before
        assert ward.stage.replica("api").state is State.STOPPED


async def test_what_a_person_does_ends_the_step_that_is_being_done(tmp_path: Path) -> None:
    """A script is killed, and the service is left as the person wanted it."""
    started = tmp_path / "started"
    steps = [{"script": ["/bin/sh", "-c", f"touch {started}; exec sleep 1000"]}]
    async with recovering(tmp_path, steps=steps) as ward:
        await ward.up(api=failing())
        await eventually(started.exists)

        await ward.begin("stop", "api", actor="somebody")
        [step] = [c for c in (await ward.changes.list()).items if c.actor == "recovery"]
        ended = await ward.changes.wait(step.id)

        assert ended.error == "cannot go on recovering 'api': somebody else took over"
        assert ward.stage.replica("api").state is State.STOPPED


async def test_who_aborts_a_step_is_not_contradicted(tmp_path: Path) -> None:
    """Nothing more is done, and nobody is told what that person knows."""
    started = tmp_path / "started"
    steps = [{"script": ["/bin/sh", "-c", f"touch {started}; exec sleep 1000"]}]
    async with recovering(tmp_path, steps=steps) as ward:
        await ward.up(api=failing())
        await eventually(started.exists)

        [step] = [c for c in (await ward.changes.list()).items if c.actor == "recovery"]
        await ward.changes.abort(step.id, actor="somebody")
        await eventually(lambda: ward.remedy.health().status is Status.DEGRADED)

        assert len(await ward.titles()) == 1
        assert ward.stage.subjects(RecoveryAlert) == []


async def test_only_the_services_named_are_recovered(tmp_path: Path) -> None:
    """Until the suite file says otherwise."""
    async with recovering(tmp_path, services=["api"], steps=["restart"]) as ward:
        await ward.up(other=failing(), api=service())
        os.kill(ward.stage.pid("api"), signal.SIGKILL)
        await ward.stage.next(ServiceRecovered, "api")
        assert await ward.titles() == ["restart api"]

        ward.rule.append(None)
        os.kill(ward.stage.pid("api"), signal.SIGKILL)
        await ward.stage.next(ServiceFailed, "api")
        await ward.begin("restart", "other", actor="somebody")
        assert await ward.titles() == ["restart api"]

        ward.rule.append(ward.rule[0])
        ward.remedy.renew()
        await ward.stage.next(ServiceStarted, "api")
        assert await ward.titles() == ["restart api", "restart api"]
