"""The proof of a notice: rows of the ledger that follow from each other, from sample to answer.

A proof is a file that stands for itself. Whoever changes a letter of it breaks its chain; whoever
makes a whole new one cannot make it end in the hash that the ledger had.
"""

import json
import sqlite3
from dataclasses import dataclass
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from intertie.errors import IntertieError, NotFoundError
from intertie.monitor.ledger import row_hash

MOST_ROWS = 10_000


class LedgerRow(BaseModel):
    """A row as it was written."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    seq: int
    id: str
    event: str
    at_us: int
    body: str
    hash: str


class Proof(BaseModel):
    """Rows of the ledger in a row: from the notice's first to its last."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    notice: str
    before: str
    """The hash of the row before the first; empty: there was none."""
    rows: Annotated[tuple[LedgerRow, ...], Field(min_length=1, max_length=MOST_ROWS)]
    head: str
    """The hash of the ledger's newest row when the proof was made."""


@dataclass(frozen=True, slots=True)
class Story:
    """What a proof says."""

    notice: str
    evidence: tuple[dict[str, object], ...]
    """Samples, evaluation and state of each alert; nothing: they were not kept."""
    alerts: tuple[dict[str, object], ...]
    """As they were told."""
    title: str
    kind: str
    channel: str
    planned_us: int
    outcome: str
    """planned, failed, sent or given_up."""
    answer: str
    """Of the provider."""
    settled_us: int | None


def rows_of(db: sqlite3.Connection, id: str) -> Proof:
    """Raises NotFoundError, and IntertieError where too much lies between its rows."""
    low, high = db.execute("SELECT min(seq), max(seq) FROM ledger WHERE id = ?", (id,)).fetchone()
    if low is None:
        raise NotFoundError(f"cannot prove notice {id[:200]!r}: the ledger has none with that id")
    if high - low >= MOST_ROWS:
        raise IntertieError(f"cannot prove notice {id!r}: more than {MOST_ROWS} rows lie between")
    earlier = "SELECT hash FROM ledger WHERE seq < ? ORDER BY seq DESC LIMIT 1"
    before = db.execute(earlier, (low,)).fetchone()
    base, head = db.execute("SELECT base, head FROM chain").fetchone()
    text = "SELECT seq, id, event, at_us, body, hash FROM ledger WHERE seq >= ? AND seq <= ?"
    rows = [
        LedgerRow(seq=seq, id=of, event=event, at_us=at_us, body=body, hash=found)
        for seq, of, event, at_us, body, found in db.execute(f"{text} ORDER BY seq", (low, high))
    ]
    return Proof(notice=id, before=before[0] if before else base, rows=tuple(rows), head=head)


def parse(text: str) -> Proof:
    """A proof of a file. Raises IntertieError for what is none."""
    try:
        return Proof.model_validate_json(text)
    except ValidationError as exc:
        raise IntertieError(f"cannot read the proof: {exc.errors()[0]['msg']}") from exc


def faults(proof: Proof) -> list[str]:
    """What does not fit together, in words; nothing: it is as it was written."""
    found: list[str] = []
    before = proof.before
    for row in proof.rows:
        if row.hash != row_hash(before, row.id, row.event, row.at_us, row.body):
            found.append(f"row {row.seq} is not as it was written, or follows another")
        before = row.hash
    mine = [each for each in proof.rows if each.id == proof.notice]
    if not mine or mine[0].event != "planned":
        found.append(f"there is no row that plans notice {proof.notice}")
    if not found and _evidence_differs(mine[0]):
        found.append("the samples are of other alerts than those that were told")
    return found


def story(proof: Proof) -> Story:
    """What it says. Raises IntertieError where its rows cannot be read."""
    mine = [each for each in proof.rows if each.id == proof.notice]
    try:
        _, kind, channel, text = json.loads(mine[0].body)
        message = json.loads(text)
        last = mine[-1]
        answer = json.loads(last.body)[0] if last.event != "planned" else ""
        return Story(
            notice=proof.notice,
            evidence=tuple(message.get("evidence", ())),
            alerts=tuple(message["alerts"]),
            title=message["title"],
            kind=kind,
            channel=channel,
            planned_us=mine[0].at_us,
            outcome=last.event,
            answer=answer,
            settled_us=None if last.event == "planned" else last.at_us,
        )
    except (ValueError, LookupError, TypeError) as exc:
        raise IntertieError(f"cannot read what notice {proof.notice} said: {exc}") from exc


def _evidence_differs(row: LedgerRow) -> bool:
    try:
        message = json.loads(json.loads(row.body)[3])
    except (ValueError, LookupError, TypeError):
        return True
    names = {each["labels"].get("alertname") for each in message["alerts"]}
    about = {each["rule"] for each in message.get("evidence", ())}
    return bool(about) and not about & names
