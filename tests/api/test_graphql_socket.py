"""Subscriptions over WebSocket, over a real daemon."""

from typing import Any

import pytest

from tests.api.live_client import LiveClient, live, url
from tests.harness import Bench

pytestmark = [pytest.mark.slow, pytest.mark.anyio]
PROTOCOL: Any = ["graphql-transport-ws"]


def address(bench: Bench) -> str:
    """Of the socket."""
    return url(bench, "/api/graphql")


async def greet(client: LiveClient, **payload: str) -> None:
    """Say who it is."""
    await client.say(type="connection_init", payload=payload)
    assert await client.hear() == {"type": "connection_ack"}


async def subscribe(client: LiveClient, query: str, id: str = "1", **variables: Any) -> None:
    """Begin an operation."""
    await client.say(type="subscribe", id=id, payload={"query": query, "variables": variables})


def key(bench: Bench) -> str:
    """As the header has it."""
    return f"Bearer {(bench.state / 'run' / 'api.token').read_text()}"


async def test_a_change_is_followed_to_its_end(running: Bench) -> None:
    """Begun by a mutation over the same connection."""
    watch = "subscription($change: ID!){change(id: $change){id status steps{service status}}}"
    async with live(address(running), subprotocols=PROTOCOL) as client:
        await greet(client, Authorization=key(running))
        await subscribe(client, 'mutation{restart(services:["echo"]){id actor}}')
        begun = (await client.hear_until(type="complete"))[0]["payload"]["data"]["restart"]
        await subscribe(client, watch, change=begun["id"])
        heard = await client.hear_until(type="complete", id="1")

    assert begun["actor"] == "graphql"
    assert heard[-2]["payload"]["data"]["change"]["status"] == "done"


async def test_events_resume_and_end_when_told(running: Bench) -> None:
    """After `complete` nothing of the operation comes, and its id is free."""
    async with live(address(running), subprotocols=PROTOCOL) as client:
        await greet(client)
        await subscribe(client, "subscription{events{id}}")
        first = (await client.hear())["payload"]["data"]["events"]["id"]
        await client.say(type="complete", id="1")
        await client.say(type="ping")
        await client.hear_until(type="pong")
        await subscribe(client, "subscription($a: ID){events(after: $a){id}}", a=first)
        second = (await client.hear())["payload"]["data"]["events"]["id"]

    assert first != second


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("subscription{nope}", "BAD_REQUEST"),
        ("subscription{", "BAD_REQUEST"),
        ("", "BAD_REQUEST"),
    ],
)
async def test_what_cannot_begin_is_an_error(running: Bench, query: str, code: str) -> None:
    """The connection goes on."""
    async with live(address(running), subprotocols=PROTOCOL) as client:
        await greet(client)
        await subscribe(client, query)
        failed = await client.hear()
        await client.say(type="ping")
        after = await client.hear()

    assert (failed["type"], failed["id"]) == ("error", "1")
    assert failed["payload"][0]["extensions"]["code"] == code
    assert after == {"type": "pong"}


async def test_what_fails_on_the_way_is_told_in_our_words(running: Bench) -> None:
    """With the code of REST."""
    async with live(address(running), subprotocols=PROTOCOL) as client:
        await greet(client)
        await subscribe(client, 'subscription{change(id: "nope"){id}}')
        heard = await client.hear_until(id="1")
        await subscribe(client, 'mutation{stop(services:["echo"]){id}}', id="2")
        denied = await client.hear_until(id="2")

    told = str(heard[-1])
    assert "cannot find" in told or "no such" in told or "NOT_FOUND" in told
    assert "UNAUTHORIZED" in str(denied[-1])


@pytest.mark.parametrize(
    ("messages", "code"),
    [
        ([{"type": "subscribe", "id": "1", "payload": {"query": "{__typename}"}}], 4401),
        ([{"type": "connection_init"}, {"type": "connection_init"}], 4429),
        ([{"type": "connection_init", "payload": 7}], 4400),
        ([{"type": "connection_init"}, {"type": "shout"}], 4400),
        ([{"type": "connection_init"}, {"type": "subscribe", "id": "1"}], 4400),
        (
            [{"type": "connection_init"}]
            + [{"type": "subscribe", "id": "1", "payload": {"query": "subscription{events{id}}"}}]
            * 2,
            4409,
        ),
    ],
)
async def test_a_breach_of_the_protocol_ends_the_connection(
    running: Bench, messages: list[dict[str, Any]], code: int
) -> None:
    """With the code that the protocol names."""
    async with live(address(running), subprotocols=PROTOCOL) as client:
        for message in messages:
            await client.say(**message)
        found, _ = await client.end()

    assert found == code


async def test_another_protocol_is_refused(running: Bench) -> None:
    """Nothing is guessed."""
    async with live(address(running)) as client:
        code, _ = await client.end()

    assert code == 4406


async def test_beyond_this_machine_the_key_is_needed(guarded: Bench) -> None:
    """By the payload, or by the header of the handshake."""
    options: dict[str, Any] = {"subprotocols": PROTOCOL}
    async with live(address(guarded), **options) as client:
        await client.say(type="connection_init", payload={"authorization": "Bearer wrong"})
        code, _ = await client.end()
    headers = {"authorization": key(guarded)}
    async with live(address(guarded), additional_headers=headers, **options) as client:
        await greet(client)

    assert code == 4401
