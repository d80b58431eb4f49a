"""Who may look at traces, who may send them, and what is shown."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from intertie.control.actor import Actor
from intertie.control.traces import TracesControl, to_ns
from intertie.errors import AccessDeniedError, NotFoundError
from intertie.monitor.spans import SpanEvent, SpanLink, Wanted
from intertie.monitor.tracing import Tracing
from intertie.suite.tracing import SuiteTracing
from tests.monitor.traced import AT_NS, MS, TRACE, protobuf, span, traces

pytestmark = pytest.mark.anyio

WRITER = Actor("bob", may_read=True, may_write=True)
READER = Actor("ann", may_read=True, may_write=False)
STRANGER = Actor("eve", may_read=False, may_write=False)
PROTOBUF = "application/x-protobuf"
AT = datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)


@asynccontextmanager
async def traced(folder: Path) -> AsyncIterator[tuple[TracesControl, Tracing]]:
    """The use cases over a store."""
    async with Tracing.open(
        SuiteTracing(), folder, token="t", resolve=str, now_ms=lambda: 0
    ) as tracing:
        yield TracesControl(now_tracing=lambda: tracing), tracing


async def test_a_suite_without_traces_says_what_to_write() -> None:
    """Whatever is asked."""
    control = TracesControl()

    assert not control.knows("Bearer t")
    with pytest.raises(NotFoundError, match=r"add `monitoring: \{tracing: \{\}\}`"):
        await control.standing(READER)
    with pytest.raises(NotFoundError):
        await control.push(None, b"", PROTOBUF, gzipped=False)


async def test_who_may_not_read_learns_nothing_and_who_may_not_write_sends_nothing(
    tmp_path: Path,
) -> None:
    """A service that shows the token may send, and that is all."""
    async with traced(tmp_path) as (control, tracing):
        body = protobuf([span()])
        with pytest.raises(AccessDeniedError):
            await control.show(STRANGER, TRACE)
        with pytest.raises(AccessDeniedError):
            await control.push(READER, body, PROTOBUF, gzipped=False)
        assert await tracing.store.find(Wanted()) == []

        assert control.knows("Bearer t")
        assert not control.knows("Bearer other")
        taken = await control.push(None, body, PROTOBUF, gzipped=False)
        await control.push(WRITER, protobuf([span(2)]), PROTOBUF, gzipped=False)

        assert (taken.answer, taken.content_type) == (b"", PROTOBUF)
        assert (await control.standing(READER)).spans == 2


async def test_a_trace_is_shown_with_its_spans_in_order(tmp_path: Path) -> None:
    """Times are dates, and milliseconds from its start."""
    event = SpanEvent(AT_NS, "e", {"k": "v"})
    async with traced(tmp_path) as (control, tracing):
        child = span(3, parent=1, service="db", events=(event,), links=(SpanLink(TRACE, "ab"),))
        await tracing.store.append([child, span(1), span(2, parent=77)], now_ms=0)
        found = await control.show(READER, TRACE)
        text = await control.text(READER, TRACE, width=80)
        page = await control.page(READER, TRACE)

    first, second, third = found.spans
    assert [first.depth, second.depth, third.depth] == [0, 1, 0]
    assert second.service == "db"
    assert (second.offset_ms, second.duration_ms) == (2.0, 10.0)
    assert second.events[0].at == AT
    assert second.links[0].trace_id == TRACE
    assert found.duration_ms == 12.0
    assert len(found.notes) == 1
    assert text.startswith(f"trace {TRACE}")
    assert page.startswith("<!doctype html>")


async def test_pages_say_whether_there_are_more(tmp_path: Path) -> None:
    """The last one does not."""
    async with traced(tmp_path) as (control, tracing):
        await tracing.store.append(traces(5), now_ms=0)
        one = await control.find(READER, Wanted(), page=1, limit=3)
        two = await control.find(READER, Wanted(), page=2, limit=3)

    assert [len(one.items), len(two.items)] == [3, 2]
    assert (one.has_more, two.has_more) == (True, False)
    assert one.items[0].duration_ms == 10.0


async def test_calls_are_told(tmp_path: Path) -> None:
    """In milliseconds."""
    async with traced(tmp_path) as (control, tracing):
        await tracing.store.append([span(1, service="edge"), span(2, parent=1)], now_ms=0)
        (call,) = await control.calls(READER, since=AT, until=datetime(9999, 1, 1, tzinfo=UTC))

    assert (call.caller, call.callee, call.mean_ms) == ("edge", "web", 10.0)


def test_a_date_is_nanoseconds() -> None:
    """Exactly; none is before 1970."""
    assert to_ns(AT) == AT_NS
    assert to_ns(datetime(2023, 11, 14, 22, 13, 20, 1000, tzinfo=UTC)) == AT_NS + MS
    assert to_ns(datetime(1, 1, 1, tzinfo=UTC)) == 0
