from pathlib import Path

import pytest

from intertie.automation.ladder import Try
from intertie.automation.repair import Repair, Repairs
from intertie.errors import ChangeError
from intertie.plan import State, Step
from intertie.suite.recovery import AutomaticRecovery, Rung, Script
from tests.automation.stage import surroundings
from tests.runtime.stage import Stage, service, shell, staged

pytestmark = pytest.mark.anyio

RULE = AutomaticRecovery.model_validate({"grace": "50ms"})


def repair(step: Rung | Script, dependency: str | None = None) -> Repair:
    """Of `api`."""
    return Repair(service="api", what=Try(step, 2, "it broke", dependency), rule=RULE)


def script(text: str, timeout_s: float = 10) -> Script:
    """One for the shell."""
    return Script(script=("/bin/sh", "-c", text), timeout=timeout_s)


async def do(stage: Stage, what: Repair) -> list[tuple[str, str, str]]:
    """Do it; how its steps went."""
    told: list[tuple[str, str, str]] = []

    def progress(step: Step, status: str, error: str | None = None) -> None:
        told.append((step.action, step.service, error or status))

    repairs = Repairs(
        stage.supervisor, stage.hub, driver=stage.driver, place=surroundings(stage.folder)
    )
    await repairs.do(what, progress)
    return told


@pytest.mark.parametrize(
    ("step", "title", "steps"),
    [
        ("retry", "retry api", [("start", "api")]),
        ("restart", "restart api", [("restart", "api")]),
        ("restart_dependency", "restart db, then api", [("restart", "db"), ("restart", "api")]),
        (script("true"), "run /bin/sh for api", [("run", "api")]),
    ],
)
async def test_a_step_says_what_it_will_do(
    step: Rung | Script, title: str, steps: list[tuple[str, str]]
) -> None:
    """To what, and why."""
    what = repair(step, "db")

    assert what.title == f"{title}: it broke (attempt 2)"
    assert [(each.action, each.service) for each in what.steps] == steps


async def test_the_dependency_is_restarted_before_the_service(tmp_path: Path) -> None:
    """Both have new processes."""
    async with staged(tmp_path) as stage:
        await stage.run(db=service(), api=service(depends_on=["db"]))
        before = (stage.pid("db"), stage.pid("api"))

        told = await do(stage, repair("restart_dependency", "db"))

        assert [each for each in told if each[2] == "done"] == [
            ("restart", "db", "done"),
            ("restart", "api", "done"),
        ]
        assert not {*before} & {stage.pid("db"), stage.pid("api")}


async def test_a_script_that_repaired_a_running_service_is_enough(tmp_path: Path) -> None:
    """A service that is well is not restarted."""
    async with staged(tmp_path) as stage:
        await stage.run(api=service())
        pid = stage.pid("api")

        told = await do(stage, repair(script("true")))

        assert told == [("run", "api", "doing"), ("run", "api", "done")]
        assert stage.pid("api") == pid


@pytest.mark.parametrize(
    ("step", "why"),
    [
        (script("exit 3"), "recovery command '/bin/sh' ended with exit code 3"),
        (script("sleep 1000", 0.05), "recovery command '/bin/sh' did not end within 0.05 s"),
        (Script(script=("./gone.sh",)), "gone.sh"),
    ],
)
async def test_a_script_that_failed_starts_nothing(tmp_path: Path, step: Script, why: str) -> None:
    """The error says how it ended; nothing of it is left."""
    async with staged(tmp_path) as stage:
        await stage.know(api=service())

        with pytest.raises(ChangeError, match="cannot recover service 'api': ") as caught:
            await do(stage, repair(step))

        assert why in str(caught.value)
        assert stage.replica("api").state is State.STOPPED


async def test_a_service_that_stays_unwell_is_a_failure(tmp_path: Path) -> None:
    """Also when the step itself could be done."""
    ready = tmp_path / "ready"
    check = {"test": ["test", "-e", str(ready)], "interval": "10ms", "failure_threshold": 1}
    async with staged(tmp_path) as stage:
        ready.touch()
        await stage.run(api=service(healthcheck=check))
        ready.unlink()
        while stage.replica("api").state is not State.UNHEALTHY:
            await stage.events.receive()

        with pytest.raises(ChangeError, match="cannot recover service 'api': "):
            await do(stage, repair("retry"))


async def test_an_interrupted_step_begins_nothing_more(tmp_path: Path) -> None:
    """The dependency was restarted, the service is left to whoever took over."""
    async with staged(tmp_path) as stage:
        await stage.run(db=service(), api=shell("exec sleep 1000", depends_on=["db"]))
        pid = stage.pid("api")
        what = repair("restart_dependency", "db")
        what.interrupt.set()

        with pytest.raises(ChangeError, match="somebody else took over"):
            await do(stage, what)

        assert stage.pid("api") == pid
