"""Who may open `/api/live`, over a real daemon."""

import subprocess
import sys

import pytest
from websockets.exceptions import InvalidStatus

from intertie.api.live_socket_link import UNAUTHORIZED
from tests.api.live_client import live, url
from tests.harness import Bench


@pytest.mark.slow
@pytest.mark.anyio
@pytest.mark.parametrize("path", ["/api/live", "/api/graphql"])
async def test_a_page_of_another_site_is_refused(running: Bench, path: str) -> None:
    """A browser lets any page connect to any address: its Origin is looked at."""
    address = url(running, path)

    with pytest.raises(InvalidStatus) as refused:
        async with live(address, origin="http://evil.example"):
            pass

    assert refused.value.response.status_code == 403
    async with live(address, origin=address.split("/api")[0].replace("ws", "http")):
        pass


@pytest.mark.slow
@pytest.mark.anyio
async def test_another_host_name_is_refused(running: Bench) -> None:
    """A name that was made to point here gets nothing (DNS rebinding)."""
    address = url(running, "/api/live")
    host, port = address.removeprefix("ws://").split("/")[0].split(":")

    with pytest.raises(InvalidStatus) as refused:
        async with live("ws://evil.example/api/live", host=host, port=int(port)):
            pass

    assert refused.value.response.status_code == 400


@pytest.mark.slow
@pytest.mark.anyio
async def test_the_key_comes_with_the_handshake_or_as_the_first_message(guarded: Bench) -> None:
    """Where reads need it, nothing is heard before."""
    address = url(guarded, "/api/live")
    key = (guarded.state / "run" / "api.token").read_text()

    async with live(address, additional_headers={"authorization": f"Bearer {key}"}) as client:
        assert await client.hear() == {"type": "ready"}
    async with live(address) as client:
        await client.say(type="auth", authorization=f"Bearer {key}")
        assert await client.hear() == {"type": "ready"}


@pytest.mark.slow
@pytest.mark.anyio
@pytest.mark.parametrize(
    "first",
    [
        {"type": "auth", "authorization": "Bearer wrong"},
        {"type": "subscribe", "id": "1", "channel": "events"},
        {"type": "ping"},
    ],
)
async def test_whoever_does_not_prove_who_they_are_hears_nothing(
    guarded: Bench, first: dict[str, str]
) -> None:
    """The connection ends with the code for it, and no other message."""
    async with live(url(guarded, "/api/live")) as client:
        await client.say(**first)
        code, _ = await client.end()

    assert code == UNAUTHORIZED


@pytest.mark.slow
def test_nothing_of_it_is_loaded_before_the_first_connection() -> None:
    """Nor of GraphQL or gRPC: the daemon starts as quickly as without them."""
    program = (
        "import sys, intertie.api.rest, intertie.api.rpc;"
        "print([n for n in ('intertie.api.live_socket_talk', 'strawberry', 'graphql', 'grpc',"
        " 'google.protobuf') if n in sys.modules])"
    )
    told = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True, timeout=60
    )

    assert told.stdout.strip() == "[]"
