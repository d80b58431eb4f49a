"""The ledger's tables: times, and changes that only the holder of a run can make."""

import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone

import pytest

from intertie.automation import rows
from intertie.automation.record import RunId
from intertie.automation.rows import End, Key, Lease, Name

LEASE = Lease("a", 1_000, 500)
DONE = End("done", 1_200, 0, b"", "", "")


@pytest.fixture
def db() -> Iterator[sqlite3.Connection]:
    """Empty tables."""
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.executescript(rows.SCHEMA)
    yield connection
    connection.close()


def test_times_are_whole_milliseconds_and_come_back() -> None:
    """Also from another zone, and before 1970; what is less than a millisecond is cut off."""
    at = datetime(2025, 6, 1, 12, 0, 0, 123_999, tzinfo=UTC)
    assert rows.at(rows.ms(at)) == at.replace(microsecond=123_000)
    assert rows.ms(at.astimezone(timezone(timedelta(hours=5)))) == rows.ms(at)
    assert rows.at(rows.ms(datetime(1960, 1, 1, tzinfo=UTC))) == datetime(1960, 1, 1, tzinfo=UTC)


def test_a_lease_is_never_empty() -> None:
    """At least one millisecond."""
    assert rows.span_ms(0) == 1
    assert Lease("a", 10, rows.span_ms(0.5)).until_ms == 510


@pytest.mark.parametrize(
    "change",
    [
        lambda db, key: rows.again(db, key, LEASE),
        lambda db, key: rows.beat(db, key, LEASE),
        lambda db, key: rows.finish(db, key, DONE, 10),
        lambda db, key: rows.retake(db, key, Lease("c", 9_999, 1)),
        lambda db, key: rows.give_up(db, key, 9_999, "why"),
    ],
)
@pytest.mark.parametrize(("attempt", "owner"), [(2, "a"), (1, "b"), (0, "a")])
def test_the_wrong_key_opens_nothing(
    db: sqlite3.Connection, change: object, attempt: int, owner: str
) -> None:
    """Neither another owner nor another attempt changes a run."""
    assert callable(change)
    row = rows.claim(db, Name("backup", 1_000, "schedule"), LEASE, "skip")
    assert row is not None
    before = rows.get(db, RunId(row[0]))

    assert change(db, Key(RunId(row[0]), attempt, owner)) is None

    assert rows.get(db, RunId(row[0])) == before


def test_a_run_that_is_over_stays_as_it_is(db: sqlite3.Connection) -> None:
    """Its own key opens it no more."""
    row = rows.claim(db, Name("backup", 1_000, "schedule"), LEASE, "skip")
    assert row is not None
    key = Key(RunId(row[0]), 1, "a")

    assert rows.finish(db, key, DONE, 10) is not None
    assert rows.finish(db, key, DONE, 10) is None
    assert rows.again(db, key, LEASE) is None


def test_a_mark_set_by_a_clock_in_the_future_forgets_nothing(db: sqlite3.Connection) -> None:
    """Once the clock is put right, runs of the present are claimed as ever."""
    rows.meet(db, [("backup", "* * * * *", 0)])
    for n in range(3):
        due_ms = 9_000_000 + n
        row = rows.claim(db, Name("backup", due_ms, "schedule"), Lease("a", due_ms, 1), "skip")
        assert row is not None
        rows.finish(db, Key(RunId(row[0]), 1, "a"), DONE, 1)

    name = Name("backup", 5_000, "schedule")
    assert rows.claim(db, name, Lease("a", 9_999_999, 1), "skip") is None
    assert rows.claim(db, name, Lease("a", 5_000, 1), "skip") is not None
