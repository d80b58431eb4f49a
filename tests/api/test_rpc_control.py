"""The methods of the control service."""

from typing import Any

import grpc
import pytest

from intertie.api.rpc_control import NAME
from intertie.control.use_cases import Control
from tests.api.test_rpc import SERVICE, key_of, served

pytestmark = [pytest.mark.slow, pytest.mark.anyio]


async def test_every_method_of_the_file_is_answered(control: Control) -> None:
    """None is UNIMPLEMENTED, and none fails by a fault of ours."""
    key = key_of(control)
    change = ""
    asked: dict[str, dict[str, Any]] = {
        "ListServices": {"page": 1, "limit": 10},
        "GetService": {"name": "echo"},
        "StartServices": {"services": ["echo"], "alone": True},
        "RestartServices": {"services": ["echo"]},
        "ScaleService": {"service": "echo", "replicas": 2},
        "GetPlan": {},
        "Apply": {},
        "ListChanges": {},
        "GetHealth": {},
        "MintToken": {"subject": "ann", "roles": ["admin"], "ttl_seconds": 60},
        "StopServices": {"services": ["echo"]},
    }
    told = {}
    async with served(control) as client:
        for name, fields in asked.items():
            told[name] = await client.call(name, key=key, **fields)
            if begun := getattr(told[name], "id", ""):
                change = begun
                async for step in client.call("WatchChange", id=change):
                    told["WatchChange"] = step
        told["GetChange"] = await client.call("GetChange", id=change)
        async for event in client.call("WatchEvents", kept_only=True):
            told["WatchEvents"] = event
        with pytest.raises(grpc.aio.AioRpcError) as over:
            await client.call("AbortChange", id=change, key=key)
        methods = set(client.methods())

    assert NAME == SERVICE
    assert methods == {*told, "AbortChange"}
    assert told["ListServices"].total == 1
    assert told["GetService"].replicas[0].state == "running"
    assert told["GetService"].replicas[0].pid > 0
    assert told["ScaleService"].title == "scale echo"
    assert told["ListChanges"].total >= 4
    assert told["GetHealth"].services["echo"].status == 1
    assert told["GetHealth"].addresses["api"].startswith("http://")
    assert told["MintToken"].token_type == "Bearer"
    assert told["MintToken"].expires_in == 60
    assert told["WatchChange"] == told["GetChange"]
    assert told["WatchEvents"].source == "intertie/one"
    assert over.value.code() is grpc.StatusCode.FAILED_PRECONDITION


@pytest.mark.parametrize(
    ("name", "fields", "code"),
    [
        ("GetService", {"name": "eco"}, grpc.StatusCode.NOT_FOUND),
        ("StartServices", {"services": ["eco"]}, grpc.StatusCode.NOT_FOUND),
        ("StartServices", {}, grpc.StatusCode.INVALID_ARGUMENT),
        ("ScaleService", {"service": "echo"}, grpc.StatusCode.INVALID_ARGUMENT),
        ("ScaleService", {"service": "echo", "replicas": 257}, grpc.StatusCode.INVALID_ARGUMENT),
        ("ListServices", {"page": -1}, grpc.StatusCode.INVALID_ARGUMENT),
        ("ListChanges", {"limit": 1001}, grpc.StatusCode.INVALID_ARGUMENT),
        ("GetChange", {"id": "nope"}, grpc.StatusCode.NOT_FOUND),
        ("MintToken", {}, grpc.StatusCode.INVALID_ARGUMENT),
        ("MintToken", {"subject": "a", "ttl_seconds": -1}, grpc.StatusCode.INVALID_ARGUMENT),
    ],
)
async def test_what_cannot_be_done_has_a_status_and_our_words(
    control: Control, name: str, fields: dict[str, Any], code: grpc.StatusCode
) -> None:
    """As the REST API has them."""
    async with served(control) as client:
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await client.call(name, key=key_of(control), **fields)

    assert refused.value.code() is code
    assert (refused.value.details() or "").startswith("cannot ")


async def test_a_change_that_is_not_there_cannot_be_watched(control: Control) -> None:
    """The stream ends with the status."""
    async with served(control) as client:
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            [each async for each in client.call("WatchChange", id="nope")]

    assert refused.value.code() is grpc.StatusCode.NOT_FOUND


async def test_events_resume_after_the_last_one_seen(control: Control) -> None:
    """And go on with new ones."""
    key = key_of(control)
    async with served(control) as client:
        kept = [each.id async for each in client.call("WatchEvents", kept_only=True)]
        rest = [each.id async for each in client.call("WatchEvents", after=kept[0], kept_only=True)]
        kept_now = [each.id async for each in client.call("WatchEvents", kept_only=True)]
        stream = client.call("WatchEvents", after=kept[-1])
        await client.call("RestartServices", services=["echo"], key=key)
        async for event in stream:
            if event.type == "suite.service_started":
                break
        stream.cancel()

    assert kept[1:] == rest[: len(kept) - 1]
    assert rest == kept_now[1 : len(rest) + 1]
    assert event.data["service"] == "echo"


async def test_a_deadline_ends_a_stream(control: Control) -> None:
    """The client's own; nothing is left running."""
    async with served(control) as client:
        with pytest.raises(grpc.aio.AioRpcError) as over:
            [each async for each in client.call("WatchEvents", timeout=0.5)]

    assert over.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
