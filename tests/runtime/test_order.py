import pytest
from anyio import Event, create_task_group

from intertie.errors import ChangeError, DriverError
from intertie.plan import Step
from intertie.runtime.order import Report, in_order, needed_by, reached
from intertie.suite.service import Service


@pytest.mark.anyio
async def test_each_waits_for_those_before_it() -> None:
    """A diamond is done from its top; the two sides are free."""
    done: list[str] = []

    async def work(name: str) -> None:
        done.append(name)

    await in_order({"d": ["b", "c"], "b": ["a"], "c": ["a"], "a": ["outside"]}, work)

    assert done[0] == "a"
    assert done[3] == "d"


@pytest.mark.anyio
async def test_strangers_do_not_wait_for_each_other() -> None:
    """One that takes long holds up only those behind it."""
    release, free_done = Event(), Event()
    done: list[str] = []

    async def work(name: str) -> None:
        if name == "slow":
            await release.wait()
        done.append(name)
        if name == "free":
            free_done.set()

    async with create_task_group() as group:
        group.start_soon(in_order, {"slow": [], "behind": ["slow"], "free": []}, work)
        await free_done.wait()
        assert done == ["free"]
        release.set()

    assert done == ["free", "slow", "behind"]


def test_needs_are_turned_round() -> None:
    """Who needs a service, named outside the suite too."""
    services = {
        "api": Service.model_validate({"command": "x", "depends_on": ["db", "other"]}),
        "db": Service.model_validate({"command": "x"}),
    }

    assert needed_by(services) == {"api": [], "db": ["api"], "other": ["api"]}


def test_reached_names_each_once_and_from_where() -> None:
    """Neither the starts nor a second way are repeated."""
    edges = {"a": ["b", "c"], "b": ["d"], "c": ["d", "a"], "d": []}

    found = reached(["a"], lambda name: edges[name])

    assert sorted(other for other, _ in found) == ["b", "c", "d"]
    assert ("b", "a") in found


def test_a_report_collects_every_failure() -> None:
    """The steps go on, and the end names all that failed."""
    told: list[tuple[str, str, str | None]] = []

    def progress(step: Step, status: str, error: str | None = None) -> None:
        told.append((step.service, status, error))

    report = Report(progress)
    for name, error in (("a", "no a"), ("b", None), ("c", "no c")):
        with report.step(Step("start", name, ())):
            if error:
                raise DriverError(error, service=name)

    with pytest.raises(ChangeError, match=r"no a\nno c"):
        report.conclude()
    assert told == [
        ("a", "doing", None),
        ("a", "failed", "no a"),
        ("b", "doing", None),
        ("b", "done", None),
        ("c", "doing", None),
        ("c", "failed", "no c"),
    ]
