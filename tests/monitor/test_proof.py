"""The proof of a notice, on a real ledger."""

import json
import sqlite3
from datetime import UTC, datetime

import pytest

from intertie.errors import IntertieError, NotFoundError
from intertie.monitor import ledger
from intertie.monitor.ledger import Row
from intertie.monitor.proof import Proof, faults, parse, rows_of, story
from intertie.store.wal import connect

AT = datetime(2026, 3, 1, tzinfo=UTC)
TEXT = json.dumps(
    {
        "title": "Down",
        "alerts": [{"labels": {"alertname": "Down"}}],
        "evidence": [{"rule": "Down", "value": "0.0"}],
    }
)


@pytest.fixture
def db() -> sqlite3.Connection:
    """Three notices; the second was sent after the third was planned."""
    made = connect(None, ledger.SCHEMA)
    for name in ("one", "two", "three"):
        ledger.plan(made, Row(name, "g", "first", "ops", AT, TEXT))
    ledger.settle(made, id="two", outcome="sent", at=AT, answer="250 taken", tries=1)
    return made


def test_a_proof_stands_for_itself(db: sqlite3.Connection) -> None:
    """As a text it says the same, and nothing is wrong with it."""
    proof = rows_of(db, "two")
    again = parse(proof.model_dump_json())

    told = story(again)

    assert again == proof
    assert faults(again) == []
    assert [each.id for each in proof.rows] == ["two", "three", "two"]
    assert (told.title, told.outcome, told.answer) == ("Down", "sent", "250 taken")
    assert told.evidence == ({"rule": "Down", "value": "0.0"},)
    assert proof.head == proof.rows[-1].hash
    assert story(rows_of(db, "one")).outcome == "planned"


@pytest.mark.parametrize("field", ["id", "event", "body", "hash", "at_us"])
def test_a_changed_letter_breaks_it(db: sqlite3.Connection, field: str) -> None:
    """Whichever row it is in."""
    proof = rows_of(db, "two")
    for number, row in enumerate(proof.rows):
        rows = list(proof.rows)
        new = 7 if field == "at_us" else f"{getattr(row, field)}x"
        rows[number] = row.model_copy(update={field: new})

        assert faults(proof.model_copy(update={"rows": tuple(rows)}))


def test_a_row_that_is_missing_or_moved_breaks_it(db: sqlite3.Connection) -> None:
    """And so does another beginning."""
    proof = rows_of(db, "two")
    first, middle, last = proof.rows

    for rows in ((first, last), (middle, last), (first, last, middle)):
        assert faults(proof.model_copy(update={"rows": rows}))
    assert faults(proof.model_copy(update={"before": "0"}))
    assert faults(proof.model_copy(update={"notice": "four"}))


def test_what_is_no_proof_is_refused(db: sqlite3.Connection) -> None:
    """With the reason."""
    with pytest.raises(NotFoundError, match="'four'"):
        rows_of(db, "four")
    with pytest.raises(IntertieError, match="cannot read the proof"):
        parse("{}")
    bare = Proof.model_validate(rows_of(db, "one").model_dump())
    broken = bare.rows[0].model_copy(update={"body": "[]"})
    with pytest.raises(IntertieError, match="cannot read what notice one said"):
        story(bare.model_copy(update={"rows": (broken,)}))
