"""Spans of the daemon's own work."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from anyio import create_task_group

from intertie.errors import StoreError
from intertie.monitor.span_intake import read
from intertie.monitor.span_own import MOST_WAITING, OwnSpans, batch_of, span_of
from intertie.monitor.spans import Span, Wanted
from intertie.monitor.tracing import Tracing
from intertie.suite.tracing import SuiteTracing
from intertie.trace_context import Piece, Tracer, Value
from tests.monitor.trace_peer import peer
from tests.w3c import PARENT, SPAN, TRACE
from tests.waiting import eventually

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def tracing(folder: Path, **config: object) -> AsyncIterator[Tracing]:
    """Open, with what it passes on."""
    wanted = SuiteTracing.model_validate(config)
    async with Tracing.open(
        wanted, folder, token="t", resolve=lambda text: text, now_ms=lambda: 0
    ) as made:
        yield made


def piece(name: str = "change: restart", failed: str | None = None) -> Piece:
    """Of a trace that is recorded."""
    fields: dict[str, Value] = {"http.method": "GET", "n": 2, "share": 0.5, "up": True}
    made = Piece(Tracer().follow(PARENT), name, "server", fields, start_ns=5, end_ns=9)
    made.failed, made.route = failed, "/api/x"
    return made


async def test_what_was_done_is_kept_as_a_span(tmp_path: Path) -> None:
    """Below its caller's span, of the daemon, with why it failed."""
    async with tracing(tmp_path) as it:
        own = OwnSpans(it, "intertie")
        own.put(piece())
        own.put(piece("step: restart", "no room"))
        await own.flush()
        found = (await it.store.trace(TRACE)).spans

    assert {(each.name, each.status, each.message) for each in found} == {
        ("change: restart", "unset", ""),
        ("step: restart", "error", "no room"),
    }
    assert {(each.service, each.parent_id, each.route) for each in found} == {
        ("intertie", SPAN, "/api/x")
    }
    assert found[0].fields["service.name"] == "intertie"


async def test_what_waits_is_kept_at_the_end(tmp_path: Path) -> None:
    """Also what came in the last moment."""
    async with tracing(tmp_path) as it:
        own = OwnSpans(it, "intertie")
        async with create_task_group() as group:
            group.start_soon(own.run)
            own.put(piece())
            await eventually(lambda: it.taken == 1)
            own.put(piece())
            group.cancel_scope.cancel()

        assert len((await it.store.trace(TRACE)).spans) == 2


async def test_too_much_loses_the_oldest(tmp_path: Path) -> None:
    """And it is counted; nobody waited."""
    async with tracing(tmp_path) as it:
        own = OwnSpans(it, "intertie")
        for number in range(MOST_WAITING + 3):
            own.put(piece(str(number)))
        await own.flush()
        names = {each.name for each in (await it.store.trace(TRACE)).spans}

    assert own.lost == 3
    assert not names & {"0", "1", "2"}


async def test_a_store_that_is_away_is_no_end(tmp_path: Path) -> None:
    """What cannot be kept is counted, and what comes later is kept."""

    class Away(Tracing):
        async def keep(self, spans: Sequence[Span]) -> None:
            raise StoreError("cannot use the store of traces: so")

    async with tracing(tmp_path) as it:
        away = Away(it.store, None, token="t", now_ms=lambda: 0)
        own = OwnSpans(away, "intertie")
        own.put(piece())
        await own.flush()

        assert own.lost == 1
        assert await it.store.find(Wanted()) == []


async def test_another_collector_gets_them_too(tmp_path: Path) -> None:
    """In the words of OTLP."""
    with peer() as other:
        async with tracing(tmp_path, provider="otlp", endpoint=other.url) as it:
            assert it.forward is not None
            async with create_task_group() as group:
                group.start_soon(it.forward.run)
                own = OwnSpans(it, "intertie")
                own.put(piece())
                await own.flush()
                await eventually(lambda: it.forward is not None and it.forward.count.sent == 1)
                group.cancel_scope.cancel()

    assert b"change: restart" in other.bodies[0]


def test_the_words_of_otlp_are_read_as_they_were_meant() -> None:
    """Our own intake reads them as any collector does."""
    made = [span_of(piece(failed="no room"), "intertie")]
    batch = batch_of(made)

    (found,) = read(batch.body, batch.content_type).spans

    assert (found.trace_id, found.span_id) == (made[0].trace_id, made[0].span_id)
    assert (found.parent_id, found.kind, found.status) == (SPAN, "server", "error")
    assert (found.start_ns, found.end_ns, found.message) == (5, 9, "no room")
    assert found.fields == made[0].fields
    assert found.service == "intertie"
