"""What the daemon tells, as lines and cells."""

from datetime import UTC, datetime, timedelta

import pytest

from intertie.cli.ui import words
from intertie.event import Event
from intertie.plan import State
from intertie.runtime.change import Change, StepRecord
from intertie.runtime.explain import Explanation, Need
from intertie.runtime.history import Turn
from tests.cli.ui.stage import NOW, SINCE, log_line, replica, service


def row(*args: object, **options: object) -> dict[str, str]:
    """The cells of a service by heading."""
    made = service(*args, **options)  # type: ignore[arg-type]
    cells = [cell.plain for cell in words.cells(made, NOW)]
    return dict(zip(words.COLUMNS, cells, strict=True))


def explanation(**facts: object) -> Explanation:
    """About `web`, with nothing to tell but what is given."""
    return Explanation(
        **{
            "service": "web",
            "summary": "running",
            "needs": (),
            "blocked_by": (),
            "needed_by": (),
            "moments": {},
            "health": {},
            "flapping": (),
            "critical_path": (),
            **facts,
        }  # type: ignore[arg-type]
    )


def test_a_row_tells_all_of_a_service() -> None:
    """Name, state, health, ready of all, pid, port, restarts, age, reason."""
    assert list(row("web").values()) == [
        "web",
        "running",
        "UP",
        "1/1",
        "100",
        "8000",
        "0",
        "30s",
        "healthy",
    ]


def test_the_worst_replica_is_shown() -> None:
    """The state and reason are those of the replica that needs a look; the others are counted."""
    cells = row("web", replica(), replica(1, "failed", reason="exit code 3"), replica(2))

    assert cells["STATE"] == "failed"
    assert cells["WHY"] == "exit code 3"
    assert cells["READY"] == "2/3"
    assert cells["PID"] == "100 +1"
    assert cells["RESTARTS"] == "3"


def test_every_state_has_its_place() -> None:
    """No state is missing from the order from worst to best."""
    assert set(words._STATES) == {state.value for state in State}


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07text", "text"),
        ("\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("a\x9b31mb\x07\x00\rc", "a31mbc"),
        ("a\tb", "a       b"),
        ("\u202eright to left", "right to left"),
        ("plain [text] ü 漢", "plain [text] ü 漢"),
    ],
)
def test_nothing_written_by_a_service_steers_the_terminal(written: str, shown: str) -> None:
    """Escape sequences and control characters are gone; the words stay."""
    assert words.plain(written) == shown


def test_standard_error_has_its_own_colour() -> None:
    """A line of stderr is styled, one of stdout is not; replicas are numbered when several."""
    out = words.log_line(log_line("fine"), several=False)
    err = words.log_line(log_line("bad", stream="err", replica=1), several=True)

    assert (out.plain, out.spans) == ("fine", [])
    assert err.plain == "1 bad"
    assert [(span.start, span.end) for span in err.spans] == [(0, 2), (2, 5)]
    assert err.style == ""


def test_an_event_tells_its_payload() -> None:
    """Kind, subject once, and each fact that is known; errors stand out."""
    facts: dict[str, object] = {"service": "web", "error": "exit code 3", "retry_in_s": None}
    item = Event(
        id="1", source="s", type="suite.service_error", subject="web", time=NOW, data=facts
    )

    told = words.event(item)

    assert told.plain.endswith("service_error    web error=exit code 3")
    assert any(span.style == "red" for span in told.spans)


def test_a_change_is_told_with_its_steps() -> None:
    """The title, how it ended and how long it took, the error, each step with its reason."""
    step = StepRecord(action="start", service="web", why=("asked",), status="failed", error="no")
    change = Change(
        id="c1",
        title="start web",
        actor="ann",
        status="failed",
        steps=(step,),
        error="cannot start\nlast words",
        began_at=SINCE,
        ended_at=SINCE + timedelta(seconds=2),
    )

    lines = [line.plain for line in words.changes([change])]

    assert lines[0].endswith("start web failed 2.0s by ann, c1")
    assert lines[1:] == ["    cannot start", "    last words", "  ✘ start web asked; no"]


def test_a_change_under_way_is_as_old_as_its_beginning() -> None:
    """Without an end, the time it takes runs on."""
    began_at = datetime.now(UTC) - timedelta(seconds=5)
    change = Change(id="c", title="up", actor="a", began_at=began_at)

    _, _, rest = next(words.changes([change])).plain.partition("up doing ")
    assert 5 <= float(rest.partition("s")[0]) < 60


def test_health_tells_replicas_turns_and_neighbours() -> None:
    """Why each replica is as it is, how that changed, what the service needs and who needs it."""
    sick = service("web", replica(0, "unhealthy", reason="500"), status="DOWN", needs=["db"])
    need = Need("db", "service_healthy", required=True, met=False, now="starting: starting")
    turns = (Turn(at=SINCE, up=True, reason="healthy"), Turn(at=NOW, up=False, reason="500"))
    told = explanation(
        needs=(need,), blocked_by=("db",), needed_by=("shop",), health={0: turns}, summary="ill"
    )

    lines = [line.plain for line in words.health(sick, told)]

    assert lines[:2] == ["web DOWN", "ill"]
    assert "replica 0 unhealthy 500" in lines
    turned = [line.split()[1:] for line in lines if line.startswith("  ")]
    assert turned == [["DOWN", "500"], ["UP", "healthy"]]
    assert lines[-3:] == [
        "blocked by db",
        "needs … db healthy (starting: starting)",
        "needed by shop",
    ]


def test_health_never_shows_the_reasons_of_another() -> None:
    """Until the explanation of the service looked at is there, its dependencies are named."""
    lines = [line.plain for line in words.health(service("shop", needs=["web"]), explanation())]

    assert lines[-1] == "needs web"
    assert "running" not in lines


def test_dependents_are_all_that_run_and_need_it() -> None:
    """Also those that need it by way of another; those that do not run are left out."""
    known = {
        each.name: each
        for each in (
            service("db"),
            service("web", needs=["db"]),
            service("shop", needs=["web"]),
            service("idle", replica(0, "stopped"), needs=["db"]),
            service("other"),
        )
    }

    assert words.dependents(["db"], known) == ["shop", "web"]
    assert words.dependents(["db", "web"], known) == ["shop"]
    assert words.dependents(["shop"], known) == []


def test_the_summary_counts_by_health() -> None:
    """Only what there is."""
    services = [service("a"), service("b"), service("c", status="DOWN")]

    assert words.summary(services).plain == "3 services · 2 UP · 1 DOWN"
