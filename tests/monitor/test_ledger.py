import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import timedelta

import pytest

from intertie.errors import NotFoundError
from intertie.monitor import ledger
from intertie.monitor.ledger import Outcome, Row
from tests.monitor.cases import NOW, minutes

ROW = Row("n1:team", "{}", "first", "team", NOW, "Disk full – 97 %")


@pytest.fixture
def db() -> Iterator[sqlite3.Connection]:
    """An empty ledger."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        connection.executescript(ledger.SCHEMA)
        yield connection


def fill(db: sqlite3.Connection, count: int = 3) -> None:
    """Notices a minute apart, sent at the second try."""
    for number in range(count):
        at = NOW + minutes(number)
        ledger.plan(db, replace(ROW, id=f"n{number}:team", planned_at=at))
        for outcome in ("failed", "sent"):
            settle(db, f"n{number}:team", outcome, after=number)


def settle(db: sqlite3.Connection, id: str, outcome: Outcome, *, after: float = 0) -> bool:
    """With an answer."""
    at = NOW + minutes(after)
    return ledger.settle(db, id=id, outcome=outcome, at=at, answer=f"it was {outcome}")


def test_a_notice_is_planned_once(db: sqlite3.Connection) -> None:
    """By its id; it is sent as it was planned first."""
    assert ledger.plan(db, ROW)
    assert not ledger.plan(db, replace(ROW, text="other"))

    assert ledger.unsent(db, 10) == [ROW]
    assert ledger.verify(db) == []


def test_what_failed_is_sent_again(db: sqlite3.Connection) -> None:
    """Until it is sent or given up, and then no more; a later word changes nothing."""
    for name in ("n1:team", "n2:team"):
        ledger.plan(db, replace(ROW, id=name))
    assert settle(db, "n1:team", "failed")
    assert [each.status for each in ledger.unsent(db, 10)] == ["failed", "planned"]
    assert len(ledger.unsent(db, 1)) == 1

    assert settle(db, "n1:team", "sent")
    assert settle(db, "n2:team", "given_up")

    assert not settle(db, "n1:team", "failed")
    assert ledger.unsent(db, 10) == []
    second, first = ledger.newest(db, group=None, most=10)
    assert (first.status, first.tries, first.answer) == ("sent", 2, "it was sent")
    assert (second.status, second.tries) == ("given_up", 1)
    assert ledger.newest(db, group="{other}", most=10) == []


def test_a_notice_that_is_not_there_cannot_be_settled(db: sqlite3.Connection) -> None:
    """Nor handed over."""
    with pytest.raises(NotFoundError, match="'n1:team'"):
        settle(db, "n1:team", "sent")
    with pytest.raises(NotFoundError):
        ledger.hand_over(db, id="n1:team", channel="sms", at=NOW)


def test_a_notice_is_handed_over_once(db: sqlite3.Connection) -> None:
    """To a channel; it is the same notice, with an id of its own."""
    ledger.plan(db, ROW)

    fresh = ledger.hand_over(db, id=ROW.id, channel="sms", at=NOW + minutes(1))

    assert fresh == replace(ROW, id="n1:sms", channel="sms", planned_at=NOW + minutes(1))
    assert ledger.hand_over(db, id=ROW.id, channel="sms", at=NOW) is None
    assert ledger.hand_over(db, id=ROW.id, channel="team", at=NOW) is None
    assert ledger.unsent(db, 10) == [ROW, fresh]


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ("UPDATE ledger SET body = '[\"x\"]' WHERE seq = 2", "row 2 .failed n0:team. is not as"),
        ("UPDATE ledger SET at_us = at_us + 1 WHERE seq = 5", "row 5"),
        ("UPDATE ledger SET event = 'sent' WHERE seq = 5", "row 5"),
        ("UPDATE ledger SET hash = 'x' WHERE seq = 9", "row 9"),
        ("DELETE FROM ledger WHERE seq = 4", "row 5"),
        ("DELETE FROM ledger WHERE seq = 1", "row 2"),
        ("DELETE FROM ledger WHERE seq = 9", "the newest rows are missing"),
        ("UPDATE ledger SET seq = 100 WHERE seq = 3", "row 4"),
        ("DELETE FROM notices WHERE id = 'n1:team'", "notice n1:team is missing"),
        ("UPDATE notices SET text = 'x' WHERE id = 'n1:team'", "n1:team is not what was planned"),
        ("UPDATE notices SET channel = 'x' WHERE id = 'n1:team'", "is not what was planned"),
        ("UPDATE notices SET planned_us = 0", "is not what was planned"),
        ("UPDATE notices SET status = 'given_up'", "is told to be given_up"),
        ("UPDATE notices SET tries = 1", "is told to be sent"),
        ("UPDATE notices SET answer = 'fine'", "which the ledger does not say"),
        (
            "INSERT INTO notices SELECT 'n9:x', 99, 99, group_key, kind, channel, planned_us, text,"
            " status, tries, answer FROM notices LIMIT 1",
            "notice n9:x is told to be sent",
        ),
    ],
)
def test_whatever_is_changed_is_found(db: sqlite3.Connection, change: str, why: str) -> None:
    """In the chain, or in what is told of it."""
    fill(db)
    assert ledger.verify(db) == []

    db.execute(change)

    faults = ledger.verify(db)
    assert faults
    assert re.search(why, faults[0])


def test_the_oldest_are_forgotten(db: sqlite3.Connection) -> None:
    """The rest still is a chain, and goes on."""
    fill(db, 10)

    assert ledger.purge(db, NOW + minutes(4)) == 4

    assert [each.id for each in ledger.newest(db, group=None, most=99)] == [
        f"n{number}:team" for number in range(9, 3, -1)
    ]
    assert ledger.verify(db) == []
    assert ledger.purge(db, NOW + minutes(4)) == 0
    assert ledger.purge(db, NOW + timedelta(days=1)) == 6
    assert ledger.plan(db, ROW)
    assert ledger.verify(db) == []


def test_what_is_open_is_not_forgotten(db: sqlite3.Connection) -> None:
    """Nor what came after it: the chain stays whole."""
    fill(db, 2)
    ledger.plan(db, replace(ROW, id="open:team", planned_at=NOW + minutes(2)))
    ledger.plan(db, replace(ROW, id="done:team", planned_at=NOW + minutes(3)))
    settle(db, "done:team", "sent", after=3)

    assert ledger.purge(db, NOW + timedelta(days=1)) == 2

    assert [each.id for each in ledger.unsent(db, 10)] == ["open:team"]
    assert ledger.verify(db) == []


def test_a_long_answer_is_cut(db: sqlite3.Connection) -> None:
    """A page of HTML is not kept whole."""
    ledger.plan(db, ROW)

    ledger.settle(db, id=ROW.id, outcome="failed", at=NOW, answer="x" * 9999, tries=4)

    (row,) = ledger.unsent(db, 1)
    assert (len(row.answer), row.tries) == (2000, 4)
    assert ledger.verify(db) == []
