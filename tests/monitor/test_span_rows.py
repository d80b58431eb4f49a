"""Spans as rows: what is found again, and what goes first."""

import sqlite3
from collections.abc import Iterator

import pytest

from intertie.monitor import span_rows
from intertie.monitor.spans import Span, SpanEvent, SpanLink, Wanted
from tests.monitor.traced import AT_NS, HOSTILE, MS, TRACE, span, traces


@pytest.fixture
def db() -> Iterator[sqlite3.Connection]:
    """With the tables, in memory."""
    connection = sqlite3.connect(":memory:")
    connection.executescript(span_rows.SCHEMA)
    yield connection
    connection.close()


def insert(db: sqlite3.Connection, *spans: Span, now_ms: int = 0) -> int:
    """At a moment."""
    return span_rows.insert(db, spans=spans, now_ms=now_ms)


def found(db: sqlite3.Connection, wanted: Wanted = Wanted()) -> list[int]:  # noqa: B008 - frozen
    """Numbers of the traces, in order."""
    return [int(each.trace_id, 16) for each in span_rows.find(db, wanted=wanted, skip=0, most=99)]


def test_a_span_comes_back_as_it_was(db: sqlite3.Connection) -> None:
    """With all that it holds, whatever that says."""
    whole = span(
        2,
        parent=1,
        service=HOSTILE,
        name=HOSTILE,
        kind="consumer",
        status="error",
        message=HOSTILE,
        route="/a/{b}",
        scope="lib",
        fields={"a": 1, "b": 0.5, "c": True, HOSTILE: HOSTILE},
        resource={"service.name": HOSTILE},
        events=(SpanEvent(AT_NS, "e", {"x": "y"}),),
        links=(SpanLink(TRACE, "0" * 16),),
        cut=3,
    )
    insert(db, whole, span(1))

    trace = span_rows.trace(db, trace_id=TRACE.upper(), most=10)

    assert trace is not None
    assert trace.spans == (span(1), whole)
    assert span_rows.trace(db, trace_id="00" * 16, most=10) is None


def test_a_span_that_comes_twice_counts_once(db: sqlite3.Connection) -> None:
    """So a batch may be sent again."""
    assert insert(db, span(1), span(2, status="error")) == 2
    assert insert(db, span(1), span(2, status="error"), span(3)) == 1

    (summary,) = span_rows.find(db, wanted=Wanted(), skip=0, most=9)
    assert (summary.spans, summary.errors) == (3, 1)


def test_a_trace_is_named_by_its_root_whenever_that_comes(db: sqlite3.Connection) -> None:
    """Until then by its earliest span; its time is that of all."""
    insert(db, span(5, parent=4, name="inner", service="db"))
    insert(db, span(3, parent=2, name="outer", service="api"))
    (before,) = span_rows.find(db, wanted=Wanted(), skip=0, most=9)
    insert(db, span(4, name="root", service="edge"), span(30, parent=4, name="late"))
    (after,) = span_rows.find(db, wanted=Wanted(), skip=0, most=9)

    assert (before.name, before.service) == ("outer", "api")
    assert (after.name, after.service) == ("root", "edge")
    assert after.start_ns == AT_NS + 3 * MS
    assert after.end_ns == AT_NS + 40 * MS


@pytest.mark.parametrize(
    ("wanted", "numbers"),
    [
        (Wanted(), [4, 3, 2, 1]),
        (Wanted(service="db"), [3]),
        (Wanted(route="/orders"), [2]),
        (Wanted(service="db", route="/orders"), []),
        (Wanted(failed=True), [4]),
        (Wanted(failed=False), [3, 2, 1]),
        (Wanted(min_ns=50 * MS), [1]),
        (Wanted(since_ns=AT_NS + 3 * MS), [4, 3]),
        (Wanted(until_ns=AT_NS + 3 * MS), [2, 1]),
        (Wanted(since_ns=2**70), []),
        (Wanted(service="' OR 1=1 --"), []),
    ],
)
def test_traces_are_found_by_all_that_is_asked(
    db: sqlite3.Connection, wanted: Wanted, numbers: list[int]
) -> None:
    """Those that began last first."""
    one, two, three, four = traces(4)
    insert(db, one, span(9, trace=one.trace_id, parent=1, end_ns=AT_NS + 60 * MS))
    insert(db, two, span(9, trace=two.trace_id, parent=2, route="/orders"))
    insert(db, three, span(9, trace=three.trace_id, parent=3, service="db"))
    insert(db, four, span(5, trace=four.trace_id, parent=4, status="error", end_ns=AT_NS))

    assert found(db, wanted) == numbers


def test_pages_follow_each_other(db: sqlite3.Connection) -> None:
    """Without a gap."""
    insert(db, *traces(5))

    pages = [span_rows.find(db, wanted=Wanted(), skip=skip, most=2) for skip in (0, 2, 4, 6)]

    numbers = [[int(each.trace_id, 16) for each in page] for page in pages]
    assert numbers == [[5, 4], [3, 2], [1], []]


def test_a_trace_with_too_many_spans_says_how_many_are_left_out(db: sqlite3.Connection) -> None:
    """The earliest are there."""
    insert(db, *(span(n) for n in range(1, 8)))

    trace = span_rows.trace(db, trace_id=TRACE, most=5)

    assert trace is not None
    assert (len(trace.spans), trace.left_out) == (5, 2)
    assert trace.spans[0] == span(1)


def test_calls_are_counted_between_services_only(db: sqlite3.Connection) -> None:
    """Of a parent and its child, with how they went."""
    insert(
        db,
        span(1, service="edge"),
        span(2, parent=1, service="edge"),
        span(3, parent=2, service="api", end_ns=AT_NS + 5 * MS),
        span(4, parent=2, service="api", end_ns=AT_NS + 8 * MS, status="error"),
        span(5, parent=3, service="db"),
        span(6, parent=99, service="db"),
    )

    edge, api = span_rows.calls(db, since_ns=AT_NS, until_ns=2**70)

    assert (edge.caller, edge.callee, edge.calls, edge.errors) == ("edge", "api", 2, 1)
    assert edge.mean_ns == 3 * MS
    assert (api.caller, api.callee, api.calls) == ("api", "db", 1)
    assert span_rows.calls(db, since_ns=AT_NS + 2 * MS, until_ns=2**70) == []


def test_what_was_heard_of_longest_ago_expires_whatever_its_own_clock(
    db: sqlite3.Connection,
) -> None:
    """With all of its spans."""
    old, new = traces(2, start_ns=2**62, end_ns=2**62)
    insert(db, old, now_ms=1000)
    insert(db, new, now_ms=2000)

    assert span_rows.expire(db, limit_ms=2000, most=9) == 1
    assert found(db) == [2]
    assert db.execute("SELECT count(*) FROM spans").fetchone() == (1,)


def test_traces_without_errors_are_evicted_first(db: sqlite3.Connection) -> None:
    """Of each kind the oldest, and of few traces one at a time."""
    for number, each in enumerate(traces(6)):
        insert(
            db, span(1, trace=each.trace_id, status="error" if number < 2 else "ok"), now_ms=number
        )

    order: list[int] = []
    for _ in range(6):
        before = set(found(db))
        assert span_rows.evict(db, most=100) == 1
        order += before - set(found(db))

    assert order == [3, 4, 5, 6, 1, 2]
    assert span_rows.evict(db, most=100) == 0
