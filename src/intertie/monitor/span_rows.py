"""Spans as rows, and what is asked of them."""

import json
import sqlite3
import zlib
from collections.abc import Sequence
from typing import Any, get_args

from intertie.monitor.spans import (
    Call,
    Kind,
    Span,
    SpanEvent,
    SpanLink,
    Status,
    Trace,
    TraceSummary,
    Wanted,
)

# `seen_ms` is by our own clock: those of services may be wrong by years.
SCHEMA = """
CREATE TABLE IF NOT EXISTS spans (
    trace BLOB NOT NULL,
    span BLOB NOT NULL,
    parent BLOB NOT NULL,
    service TEXT NOT NULL,
    route TEXT NOT NULL,
    name TEXT NOT NULL,
    kind INTEGER NOT NULL,
    status INTEGER NOT NULL,
    start_ns INTEGER NOT NULL,
    end_ns INTEGER NOT NULL,
    body BLOB NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS spans_once ON spans (trace, span);
CREATE TABLE IF NOT EXISTS traces (
    trace BLOB PRIMARY KEY,
    service TEXT NOT NULL,
    name TEXT NOT NULL,
    route TEXT NOT NULL,
    rootless INTEGER NOT NULL,
    root_ns INTEGER NOT NULL,
    start_ns INTEGER NOT NULL,
    end_ns INTEGER NOT NULL,
    spans INTEGER NOT NULL,
    errors INTEGER NOT NULL,
    seen_ms INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS traces_by_start ON traces (start_ns);
CREATE INDEX IF NOT EXISTS traces_by_seen ON traces (seen_ms);
CREATE INDEX IF NOT EXISTS traces_by_worth ON traces (errors > 0, seen_ms);
"""
_ADD_SPAN = "INSERT INTO spans VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"
# The root is the earliest span without a parent, else the earliest of all.
_IS_BETTER = "(excluded.rootless, excluded.root_ns) < (traces.rootless, traces.root_ns)"
_ADD_TRACE = f"""
INSERT INTO traces VALUES (?, ?, ?, ?, ?, ?, ?, ?, 1, ?, ?)
ON CONFLICT (trace) DO UPDATE SET
    service = CASE WHEN {_IS_BETTER} THEN excluded.service ELSE traces.service END,
    name = CASE WHEN {_IS_BETTER} THEN excluded.name ELSE traces.name END,
    route = CASE WHEN {_IS_BETTER} THEN excluded.route ELSE traces.route END,
    root_ns = CASE WHEN {_IS_BETTER} THEN excluded.root_ns ELSE traces.root_ns END,
    rootless = min(traces.rootless, excluded.rootless),
    start_ns = min(traces.start_ns, excluded.start_ns),
    end_ns = max(traces.end_ns, excluded.end_ns),
    spans = traces.spans + 1,
    errors = traces.errors + excluded.errors,
    seen_ms = max(traces.seen_ms, excluded.seen_ms)
"""  # noqa: S608 - of constants
_FIND = """
SELECT trace, service, name, route, start_ns, end_ns, spans, errors FROM traces
WHERE {} ORDER BY start_ns DESC, trace DESC LIMIT ? OFFSET ?
"""
_SHOW = """
SELECT span, parent, service, route, name, kind, status, start_ns, end_ns, body FROM spans
WHERE trace = ? ORDER BY start_ns, span LIMIT ?
"""
_CALLS = """
SELECT above.service, below.service, count(*), sum(below.status = ?),
    avg(below.end_ns - below.start_ns)
FROM traces
JOIN spans AS below ON below.trace = traces.trace
JOIN spans AS above ON above.trace = below.trace AND above.span = below.parent
WHERE traces.start_ns >= ? AND traces.start_ns < ? AND above.service != below.service
GROUP BY 1, 2 ORDER BY 3 DESC, 1, 2
"""
_KINDS: tuple[Kind, ...] = get_args(Kind)
_STATUSES: tuple[Status, ...] = get_args(Status)
_ERROR = _STATUSES.index("error")
_INT64 = 2**63 - 1


def insert(db: sqlite3.Connection, *, spans: Sequence[Span], now_ms: int) -> int:
    """Add those that are not there; how many were added."""
    count = 0
    for span in spans:
        trace = bytes.fromhex(span.trace_id)
        if db.execute(_ADD_SPAN, (trace, *_row(span))).rowcount < 1:
            continue
        count += 1
        at = (span.start_ns, span.start_ns, span.end_ns)
        told = (span.service, span.name, span.route, span.parent_id != "")
        db.execute(_ADD_TRACE, (trace, *told, *at, span.status == "error", now_ms))
    return count


def find(db: sqlite3.Connection, *, wanted: Wanted, skip: int, most: int) -> list[TraceSummary]:
    """Those that began last first."""
    conditions, values = _conditions(wanted)
    rows = db.execute(_FIND.format(" AND ".join(conditions)), (*values, most, skip))
    return [TraceSummary(row[0].hex(), *row[1:]) for row in rows]


def trace(db: sqlite3.Connection, *, trace_id: str, most: int) -> Trace | None:
    """One, with its spans; None: there is none. Raises ValueError for what is no id."""
    key = bytes.fromhex(trace_id)
    total = db.execute("SELECT spans FROM traces WHERE trace = ?", (key,)).fetchone()
    if total is None:
        return None
    spans = tuple(_span(trace_id.lower(), row) for row in db.execute(_SHOW, (key, most)))
    return Trace(trace_id.lower(), spans, total[0] - len(spans))


def calls(db: sqlite3.Connection, *, since_ns: int, until_ns: int) -> list[Call]:
    """Spans whose parent is another service's."""
    rows = db.execute(_CALLS, (_ERROR, since_ns, min(until_ns, _INT64)))
    return [
        Call(one, other, count, errors, round(mean)) for one, other, count, errors, mean in rows
    ]


def expire(db: sqlite3.Connection, *, limit_ms: int, most: int) -> int:
    """Remove some that nothing was heard of since; how many."""
    which = "SELECT trace FROM traces WHERE seen_ms < ? ORDER BY seen_ms LIMIT ?"
    return _remove(db, [row[0] for row in db.execute(which, (limit_ms, most))])


def evict(db: sqlite3.Connection, *, most: int) -> int:
    """Remove some that are worth the least, at most a tenth of all; how many."""
    (total,) = db.execute("SELECT count(*) FROM traces").fetchone()
    which = "SELECT trace FROM traces ORDER BY errors > 0, seen_ms LIMIT ?"
    some = min(most, max(1, total // 10))
    return _remove(db, [row[0] for row in db.execute(which, (some,))])


def _remove(db: sqlite3.Connection, keys: Sequence[bytes]) -> int:
    for table in ("spans", "traces"):
        text = f"DELETE FROM {table} WHERE trace = ?"  # noqa: S608 - one of two words
        db.executemany(text, [(key,) for key in keys])
    return len(keys)


def _conditions(wanted: Wanted) -> tuple[list[str], list[object]]:
    conditions = ["start_ns >= ?", "end_ns - start_ns >= ?"]
    values: list[object] = [min(wanted.since_ns, _INT64), min(wanted.min_ns, _INT64)]
    if wanted.until_ns is not None:
        conditions.append("start_ns < ?")
        values.append(min(wanted.until_ns, _INT64))
    if wanted.failed is not None:
        conditions.append("errors > 0" if wanted.failed else "errors = 0")
    of_span = {"service": wanted.service, "route": wanted.route}
    given = {column: value for column, value in of_span.items() if value is not None}
    if given:
        fits = " AND ".join(f"spans.{column} = ?" for column in given)
        one = f"SELECT 1 FROM spans WHERE spans.trace = traces.trace AND {fits}"  # noqa: S608
        conditions.append(f"EXISTS ({one})")
        values += given.values()
    return conditions, values


def _row(span: Span) -> tuple[object, ...]:
    return (
        bytes.fromhex(span.span_id),
        bytes.fromhex(span.parent_id),
        span.service,
        span.route,
        span.name,
        _KINDS.index(span.kind),
        _STATUSES.index(span.status),
        span.start_ns,
        span.end_ns,
        _body(span),
    )


def _body(span: Span) -> bytes:
    """What nothing is looked for by."""
    told = {
        "message": span.message,
        "scope": span.scope,
        "fields": span.fields,
        "resource": span.resource,
        "events": [(each.at_ns, each.name, each.fields) for each in span.events],
        "links": [(each.trace_id, each.span_id) for each in span.links],
        "cut": span.cut,
    }
    return zlib.compress(json.dumps(told, separators=(",", ":")).encode(), 1)


def _span(trace_id: str, row: tuple[Any, ...]) -> Span:  # Any: as SQLite gives it
    span, parent, service, route, name, kind, status, start_ns, end_ns, body = row
    told = json.loads(zlib.decompress(body))
    return Span(
        trace_id=trace_id,
        span_id=span.hex(),
        parent_id=parent.hex(),
        service=service,
        name=name,
        kind=_KINDS[kind],
        start_ns=start_ns,
        end_ns=end_ns,
        status=_STATUSES[status],
        route=route,
        message=told["message"],
        scope=told["scope"],
        fields=told["fields"],
        resource=told["resource"],
        events=tuple(SpanEvent(*each) for each in told["events"]),
        links=tuple(SpanLink(*each) for each in told["links"]),
        cut=told["cut"],
    )
