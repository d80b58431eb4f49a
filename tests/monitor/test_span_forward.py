"""Batches that are passed on to another collector."""

import anyio
import httpx
import pytest

from intertie.monitor import span_forward
from intertie.monitor.span_forward import Batch, SpanForward
from intertie.monitor.span_intake import PROTOBUF
from tests.forward.peers import collector
from tests.monitor.trace_peer import peer
from tests.monitor.traced import protobuf, span
from tests.waiting import eventually

pytestmark = pytest.mark.anyio


def forward(client: httpx.AsyncClient, url: str) -> SpanForward:
    """One that does not wait long."""
    headers = {"x-scope-orgid": "shop"}
    return SpanForward(client, url, headers=headers, random=lambda: 0.5, base_s=0.001)


async def run_until_settled(it: SpanForward, spans: int) -> None:
    """Until so many spans were sent or dropped."""
    async with anyio.create_task_group() as group:
        group.start_soon(it.run)
        await eventually(lambda: it.count.sent + it.count.dropped >= spans)
        group.cancel_scope.cancel()


def batch(text: bytes = b"spans", spans: int = 3) -> Batch:
    """Some bytes."""
    return Batch(text, PROTOBUF, spans)


async def test_a_batch_is_passed_on_as_it_came() -> None:
    """Compressed, with the headers that are asked for."""
    with peer() as made:
        async with httpx.AsyncClient(trust_env=False) as client:
            it = forward(client, made.url)
            it.put(batch(b"one"))
            it.put(batch(b"two"))
            await run_until_settled(it, 6)

    assert made.bodies == [b"one", b"two"]
    headers, _ = made.got[0]
    assert headers["content-type"] == PROTOBUF
    assert headers["x-scope-orgid"] == "shop"
    assert (it.count.sent, it.count.dropped, it.count.reason) == (6, 0, "")


@pytest.mark.parametrize("code", [408, 429, 502, 503, 504])
async def test_what_may_be_sent_again_is_sent_again(code: int) -> None:
    """Until it is taken."""
    with peer(code, code, retry_after="0") as made:
        async with httpx.AsyncClient(trust_env=False) as client:
            it = forward(client, made.url)
            it.put(batch())
            await run_until_settled(it, 3)

    assert len(made.got) == 3
    assert (it.count.sent, it.count.dropped) == (3, 0)


@pytest.mark.parametrize("code", [400, 401, 404, 500])
async def test_what_is_refused_is_dropped_at_once(code: int) -> None:
    """The next one is sent."""
    with peer(code) as made:
        async with httpx.AsyncClient(trust_env=False) as client:
            it = forward(client, made.url)
            it.put(batch(spans=1))
            it.put(batch(spans=2))
            await run_until_settled(it, 3)

    assert (it.count.sent, it.count.dropped) == (2, 1)
    assert len(made.got) == 2


async def test_a_collector_that_is_away_loses_a_batch_in_the_end() -> None:
    """It is counted, and the reason is told; none waits for ever."""
    async with httpx.AsyncClient(trust_env=False) as client:
        it = forward(client, "http://127.0.0.1:1/v1/traces")
        it.put(batch())
        await run_until_settled(it, 3)

    assert (it.count.sent, it.count.dropped) == (0, 3)
    assert it.count.reason


async def test_the_queue_drops_the_oldest(monkeypatch: pytest.MonkeyPatch) -> None:
    """And counts what it dropped."""
    monkeypatch.setattr(span_forward, "MOST_BYTES", 10)
    with peer() as made:
        async with httpx.AsyncClient(trust_env=False) as client:
            it = forward(client, made.url)
            for text in (b"aaaaa", b"bbbbb", b"ccccc"):
                it.put(batch(text, spans=1))
            assert it.count.dropped == 1
            await run_until_settled(it, 3)

    assert made.bodies == [b"bbbbb", b"ccccc"]


@pytest.mark.slow
async def test_a_real_collector_takes_it() -> None:
    """And hands on the same spans."""
    with peer() as last, collector(last.url.removesuffix("/v1/traces")) as port:
        url = f"http://127.0.0.1:{port}/v1/traces"
        async with httpx.AsyncClient(trust_env=False) as client:
            it = SpanForward(client, url, headers={}, random=lambda: 0.5, base_s=0.05)
            it.put(Batch(protobuf([span(1), span(2, parent=1)]), PROTOBUF, 2))
            await run_until_settled(it, 2)
            await eventually(lambda: len(last.span_ids) == 2)

    assert it.count.sent == 2
    assert last.span_ids == {span(1).span_id, span(2).span_id}
