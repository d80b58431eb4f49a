"""What is said on `/api/live`, over a real daemon, by a client of another make."""

from datetime import datetime

import pytest

from intertie.api.live_socket_link import (
    INVALID,
    MAX_BYTES,
    MAX_SUBSCRIPTIONS,
    TAKEN,
    TOO_BIG,
    TOO_MANY,
)
from tests.api.live_client import LiveClient, live, url
from tests.harness import Bench

pytestmark = [pytest.mark.slow, pytest.mark.anyio]


@pytest.fixture
def address(running: Bench) -> str:
    """Of the socket."""
    return url(running, "/api/live")


async def ready(client: LiveClient) -> None:
    """The greeting."""
    assert await client.hear() == {"type": "ready"}


async def test_events_resume_after_the_last_one_seen(running: Bench, address: str) -> None:
    """`after` gives only what came later, and then what comes."""
    async with live(address) as client:
        await ready(client)
        await client.say(type="subscribe", id="1", channel="events")
        first = await client.hear()
        await client.say(type="unsubscribe", id="1")
        ended = (await client.hear_until(type="complete"))[-1]

        await client.say(type="subscribe", id="2", channel="events", after=first["event"])
        second = await client.hear()

    assert (first["type"], first["id"], first["data"]["id"]) == ("next", "1", first["event"])
    assert ended == {"type": "complete", "id": "1", "reason": "unsubscribed"}
    assert second["id"] == "2"
    assert second["event"] != first["event"]
    earlier, later = (datetime.fromisoformat(each["data"]["time"]) for each in (first, second))
    assert later >= earlier


async def test_a_change_is_followed_to_its_end(running: Bench, address: str) -> None:
    """Its last form comes, then `complete`."""
    async with live(address) as client:
        await ready(client)
        with running.api() as api:
            change = api.post("/api/services/restart", json={"services": ["echo"]}).json()["id"]
        await client.say(type="subscribe", id="c", channel="changes", change=change)
        heard = await client.hear_until(type="complete")

    assert heard[-1]["reason"] == "ended"
    assert heard[-2]["data"]["status"] == "done"


async def test_health_comes_now_and_when_it_differs(running: Bench, address: str) -> None:
    """A stop is seen without asking again; what does not differ is not sent twice."""
    async with live(address) as client:
        await ready(client)
        await client.say(type="subscribe", id="h", channel="health")
        first = (await client.hear())["data"]
        with running.api() as api:
            api.post("/api/services/stop", json={"services": ["web"]})
        second = (await client.hear())["data"]
        with running.api() as api:
            api.post("/api/services/start", json={"services": ["web"]})
        while (await client.hear())["data"]["status"] != "UP":
            pass

    assert first["status"] == "UP"
    assert {**second, "timestamp": ""} != {**first, "timestamp": ""}


async def test_logs_are_followed(address: str) -> None:
    """Lines that are there come first, with the filter of the REST API."""
    async with live(address) as client:
        await ready(client)
        await client.say(
            type="subscribe", id="l", channel="logs", services=["echo"], tail=5, stream="out"
        )
        line = (await client.hear())["data"]

    assert (line["service"], line["stream"], line["text"]) == ("echo", "out", "hello from echo")


@pytest.mark.parametrize(
    "wanted",
    [
        {"channel": "changes", "change": "nope"},
        {"channel": "logs", "services": ["eco"]},
        {"channel": "logs", "grep": "("},
    ],
)
async def test_what_cannot_be_subscribed_to_is_a_problem(
    address: str, wanted: dict[str, object]
) -> None:
    """The subscription fails with the words of the REST API; the connection goes on."""
    async with live(address) as client:
        await ready(client)
        await client.say(type="subscribe", id="x", **wanted)
        failed = await client.hear()
        await client.say(type="ping")
        after = await client.hear()

    assert (failed["type"], failed["id"]) == ("error", "x")
    assert failed["problem"]["detail"].startswith("cannot ")
    assert after == {"type": "pong"}


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("no json", INVALID),
        ("[]", INVALID),
        (b"{}", INVALID),
        ("{}", INVALID),
        ('{"type": "shout"}', INVALID),
        ('{"type": "subscribe", "id": "1", "channel": "nowhere"}', INVALID),
        ('{"type": "ping", "more": 1}', INVALID),
        ('{"type": "subscribe", "id": "", "channel": "health"}', INVALID),
        ("[" * 60_000, INVALID),
        ('{"type": "ping", "x": "' + "x" * MAX_BYTES + '"}', TOO_BIG),
    ],
)
async def test_what_is_no_message_ends_the_connection(
    address: str, message: str | bytes, code: int
) -> None:
    """With a code, and a reason for a person."""
    async with live(address) as client:
        await ready(client)
        await client.socket.send(message)
        found, reason = await client.end()

    assert found == code
    assert reason.startswith("cannot ")


async def test_an_id_is_used_once_at_a_time(address: str) -> None:
    """A second subscription of the same id ends the connection; a cancelled one is free again."""
    async with live(address) as client:
        await ready(client)
        await client.say(type="subscribe", id="1", channel="health")
        await client.say(type="unsubscribe", id="1")
        await client.hear_until(type="complete")
        await client.say(type="subscribe", id="1", channel="health")
        await client.say(type="subscribe", id="1", channel="events")
        code, _ = await client.end()

    assert code == TAKEN


async def test_a_connection_has_so_many_subscriptions(address: str) -> None:
    """One more ends it."""
    async with live(address) as client:
        await ready(client)
        for number in range(MAX_SUBSCRIPTIONS + 1):
            await client.say(type="subscribe", id=str(number), channel="health")
        code, _ = await client.end()

    assert code == TOO_MANY


async def test_a_key_shown_later_is_answered_too(address: str) -> None:
    """Reads are open on the loopback interface: whoever shows a wrong one stays a reader."""
    async with live(address) as client:
        await ready(client)
        await client.say(type="auth", authorization="Bearer wrong")
        await ready(client)
