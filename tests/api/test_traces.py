"""Traces over HTTP: from services to those who look."""

import gzip
import sqlite3
from contextlib import closing, suppress
from pathlib import Path

import httpx
import pytest
from anyio import create_task_group, sleep

from intertie.api.traces import intake
from intertie.control.traces import TracesControl
from intertie.monitor.spans import Wanted
from intertie.service.environment import read_environment
from intertie.service.spans import Recorder
from intertie.service.trace import Tracing
from intertie.suite.tracing import variables
from tests.api.tracer import TOKEN, Served, served
from tests.forward.peers import collector
from tests.monitor.traced import HOSTILE, TRACE, protobuf, request, span, told, traces
from tests.waiting import eventually

pytestmark = pytest.mark.anyio
JSON = {"content-type": "application/json"}
PROTOBUF = {"content-type": "application/x-protobuf"}


def client(it: Served) -> httpx.AsyncClient:
    """One with the key."""
    return httpx.AsyncClient(base_url=it.url, headers=it.auth, trust_env=False)


async def test_a_service_of_our_kit_is_seen(tmp_path: Path) -> None:
    """With nothing but the variables that it is given."""
    async with served(tmp_path) as it:
        environment = read_environment("orders", variables(it.url, TOKEN, 1.0))
        ours = Tracing(environment)
        ours.recorder = Recorder(environment, it.url)
        with (
            ours.within(ours.begin(), "whole", "CONSUMER", {"a": 1}) as whole,
            ours.within(ours.child(), "part", "INTERNAL", {}),
        ):
            pass
        await ours.stop()
        async with client(it) as http:
            found = (await http.get("/api/traces", params={"service": "orders"})).json()
            shown = (await http.get(f"/api/traces/{whole.trace_id:032x}")).json()

    assert [each["name"] for each in found["items"]] == ["whole"]
    assert found["items"][0]["trace_id"] == f"{whole.trace_id:032x}"
    assert [(each["name"], each["depth"]) for each in shown["spans"]] == [("whole", 0), ("part", 1)]
    assert shown["spans"][0]["fields"]["a"] == 1
    assert shown["spans"][0]["resource"]["service.instance.id"] == "orders/0"


async def test_json_and_compressed_protobuf_are_taken(tmp_path: Path) -> None:
    """The answer is in the encoding of the request, and says what was not taken."""
    packed = {**PROTOBUF, "content-encoding": "gzip"}
    async with served(tmp_path) as it, client(it) as http:
        one = await http.post("/v1/traces", content=request(told(1), told(2)), headers=JSON)
        two = await http.post(
            "/v1/traces", content=gzip.compress(protobuf([span(3)])), headers=packed
        )
        three = await http.post("/v1/traces", content=request(told(4, spanId="")), headers=JSON)
        shown = (await http.get(f"/api/traces/{TRACE}")).json()

    assert (one.status_code, one.json()) == (200, {})
    assert (two.status_code, two.content) == (200, b"")
    assert two.headers["content-type"] == PROTOBUF["content-type"]
    assert three.json()["partialSuccess"]["rejectedSpans"] == "1"
    assert len(shown["spans"]) == 3


async def test_who_sends_must_show_a_key(tmp_path: Path) -> None:
    """The one of services is good for that, and for nothing else."""
    body = protobuf([span()])
    async with served(tmp_path) as it, httpx.AsyncClient(base_url=it.url, trust_env=False) as http:
        nobody = await http.post("/v1/traces", content=body, headers=PROTOBUF)
        wrong = {**PROTOBUF, "authorization": "Bearer no"}
        other = await http.post("/v1/traces", content=body, headers=wrong)
        assert await it.tracing.store.find(Wanted()) == []
        service = await http.post("/v1/traces", content=body, headers={**PROTOBUF, **it.as_service})
        looks = await http.get("/api/traces", headers=it.as_service)

    assert nobody.status_code == other.status_code == 401
    assert service.status_code == 200
    assert looks.status_code == 401


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"{", JSON, 400),
        (b"x", {"content-type": "text/plain"}, 400),
        (b"x", {**JSON, "content-encoding": "gzip"}, 400),
        (b" " * (10 << 20) + b"{}", JSON, 413),
    ],
)
async def test_a_faulty_request_is_not_to_be_sent_again(
    tmp_path: Path, body: bytes, headers: dict[str, str], status: int
) -> None:
    """OTLP sends 400 and 413 once."""
    async with served(tmp_path) as it, client(it) as http:
        answer = await http.post("/v1/traces", content=body, headers=headers)

    assert answer.status_code == status


async def test_what_cannot_be_kept_now_may_be_sent_again(tmp_path: Path) -> None:
    """With a wait: OTLP sends again after 503."""
    async with served(tmp_path) as it, client(it) as http:
        with closing(sqlite3.connect(tmp_path / "traces.db")) as other, other:
            other.execute("DROP TABLE traces")
        answer = await http.post("/v1/traces", content=protobuf([span()]), headers=PROTOBUF)

    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) > 0


async def test_a_suite_without_traces_takes_none(tmp_path: Path) -> None:
    """And says what to write."""
    async with served(tmp_path, is_traced=False) as it, client(it) as http:
        pushed = await http.post("/v1/traces", content=protobuf([span()]), headers=PROTOBUF)
        listed = await http.get("/api/traces")

    assert pushed.status_code == listed.status_code == 404
    assert "monitoring: {tracing: {}}" in listed.json()["detail"]


async def test_traces_are_found_by_all_that_is_asked(tmp_path: Path) -> None:
    """Page by page."""
    async with served(tmp_path) as it, client(it) as http:
        await it.tracing.store.append(traces(3), now_ms=0)
        await it.tracing.store.append(
            [span(1, status="error", service="db", end_ns=span().start_ns + 900_000_000)], now_ms=0
        )

        async def ids(**params: object) -> list[int]:
            answer = await http.get("/api/traces", params={k: str(v) for k, v in params.items()})
            assert answer.status_code == 200, answer.text
            return [int(each["trace_id"], 16) for each in answer.json()["items"]]

        one = int(TRACE, 16)
        assert await ids(error="true") == [one]
        assert await ids(error="false") == [3, 2, 1]
        assert await ids(min_ms=500) == [one]
        assert await ids(service="db") == [one]
        assert await ids(since="2023-11-14T22:13:20.003Z") == [3]
        assert await ids(until="2023-11-14T22:13:20.002", error="false") == [1]
        assert await ids(limit=2, page=2) == [one, 1]
        for bad in ({"page": "0"}, {"limit": "501"}, {"min_ms": "nan"}, {"since": "noon"}):
            assert (await http.get("/api/traces", params=bad)).status_code == 422


async def test_a_page_runs_nothing(tmp_path: Path) -> None:
    """Whatever services call themselves; lines are for terminals."""
    path = f"/api/traces/{TRACE}"
    async with served(tmp_path) as it, client(it) as http:
        await it.tracing.store.append([span(name=HOSTILE, service=HOSTILE)], now_ms=0)
        page = await http.get(path, params={"format": "html"})
        text = await http.get(path, params={"format": "text", "width": "60"})
        missing = await http.get(f"/api/traces/{'0' * 32}")
        faulty = await http.get("/api/traces/nothing")

    assert page.headers["content-type"].startswith("text/html")
    assert page.headers["content-security-policy"].startswith("default-src 'none'")
    assert "<script" not in page.text
    assert text.headers["content-type"].startswith("text/plain")
    assert "\x1b" not in text.text
    assert (missing.status_code, faulty.status_code) == (404, 422)


async def test_calls_and_the_store_are_told(tmp_path: Path) -> None:
    """By default, calls of the last hour."""
    async with served(tmp_path) as it, client(it) as http:
        await it.tracing.store.append([span(1, service="edge"), span(2, parent=1)], now_ms=0)
        recent = await http.get("/api/traces/calls")
        found = await http.get("/api/traces/calls", params={"since": "2023-11-14T00:00:00Z"})
        status = (await http.get("/api/traces/status")).json()

    assert recent.json() == []
    assert found.json()[0]["callee"] == "web"
    assert (status["traces"], status["spans"], status["reason"]) == (1, 2, "")


async def test_the_door_of_services_opens_to_their_key_only(tmp_path: Path) -> None:
    """The management key is for elsewhere, and nothing else is behind that door."""
    async with served(tmp_path) as it:
        app = intake(TracesControl(lambda: it.tracing))
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://here") as http:
            body = protobuf([span()])
            taken = await http.post("/v1/traces", content=body, headers=PROTOBUF | it.as_service)
            others = [
                await http.post("/v1/traces", content=body, headers=PROTOBUF | headers)
                for headers in (it.auth, {}, {"authorization": "Bearer"})
            ]
            paths = ["/docs", "/openapi.json", "/api/traces", "/"]
            nothing = [await http.get(path, headers=it.as_service) for path in paths]

    assert taken.status_code == 200
    assert {each.status_code for each in others} == {401}
    assert {each.status_code for each in nothing} == {404}


@pytest.mark.slow
async def test_a_real_collector_can_send_here(tmp_path: Path) -> None:
    """What it got from others, in its own words."""
    async with served(tmp_path, open_writes=True) as it:
        with collector(it.url) as port:
            url = f"http://127.0.0.1:{port}/v1/traces"
            async with httpx.AsyncClient(trust_env=False) as http, create_task_group() as group:

                async def send() -> None:
                    """Until the collector listens."""
                    while True:
                        with suppress(httpx.TransportError):
                            await http.post(url, content=protobuf([span()]), headers=PROTOBUF)
                        await sleep(0.05)

                group.start_soon(send)
                await eventually(lambda: it.tracing.taken > 0, within_s=60)
                group.cancel_scope.cancel()
        trace = await it.tracing.store.trace(TRACE)

    assert [each.span_id for each in trace.spans] == [span().span_id]
