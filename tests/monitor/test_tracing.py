"""All of tracing together: what comes in is kept, and passed on."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from anyio import create_task_group

from intertie.errors import IntertieError
from intertie.monitor.span_intake import JSON, PROTOBUF
from intertie.monitor.spans import Wanted
from intertie.monitor.tracing import BusyError, Tracing
from intertie.suite.tracing import SuiteTracing
from tests.monitor.trace_peer import peer
from tests.monitor.traced import TRACE, protobuf, request, span, told
from tests.waiting import eventually

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def tracing(folder: Path, now_ms: int = 0, **config: Any) -> AsyncIterator[Tracing]:
    """At one moment."""
    wanted = SuiteTracing.model_validate(config)
    async with Tracing.open(
        wanted, folder, token="t", resolve=lambda text: text, now_ms=lambda: now_ms
    ) as made:
        yield made


async def test_what_is_acknowledged_is_kept(tmp_path: Path) -> None:
    """Also of a request with a faulty span, which is counted."""
    async with tracing(tmp_path) as it:
        export = await it.take(request(told(1), told(2, traceId="?")), JSON)
        await it.take(protobuf([span(3)]), PROTOBUF)

        assert (export.rejected, it.rejected) == (1, 1)
        assert len((await it.store.trace(TRACE)).spans) == 2


async def test_a_faulty_request_leaves_nothing(tmp_path: Path) -> None:
    """And is refused with the reason."""
    async with tracing(tmp_path) as it:
        with pytest.raises(IntertieError, match="cannot read"):
            await it.take(b"{", JSON)

        assert await it.store.find(Wanted()) == []


async def test_too_many_requests_at_once_are_told_to_come_later(tmp_path: Path) -> None:
    """Those that are waiting already are taken."""
    async with tracing(tmp_path) as it:
        refused: list[BusyError] = []

        async def push(number: int) -> None:
            try:
                await it.take(protobuf([span(number)]), PROTOBUF)
            except BusyError as exc:
                refused.append(exc)

        async with create_task_group() as group:
            for number in range(1, 101):
                group.start_soon(push, number)

        (summary,) = await it.store.find(Wanted())
        assert refused
        assert summary.spans + len(refused) == 100


async def test_what_is_taken_is_passed_on_and_what_is_old_goes(tmp_path: Path) -> None:
    """While it runs."""
    with peer() as other:
        async with tracing(tmp_path) as it:
            await it.take(protobuf([span(9)]), PROTOBUF)
        wanted = {"provider": "jaeger", "endpoint": other.url, "retention": "1h"}
        async with tracing(tmp_path, 3_600_001, **wanted) as it, create_task_group() as group:
            await it.take(protobuf([span(1, trace="ab" * 16)]), PROTOBUF)
            group.start_soon(it.run)
            await eventually(lambda: len(other.span_ids) == 1)
            await eventually(lambda: it.forward is not None and it.forward.count.sent == 1)
            group.cancel_scope.cancel()
        async with tracing(tmp_path) as it:
            (left,) = await it.store.find(Wanted())

    assert left.trace_id == "ab" * 16


async def test_only_the_token_opens(tmp_path: Path) -> None:
    """Whatever else is shown."""
    async with tracing(tmp_path) as it:
        assert it.opens("Bearer t")
        for shown in (None, "", "t", "Bearer ", "Bearer tt", "Bearer \u00fc"):
            assert not it.opens(shown)
