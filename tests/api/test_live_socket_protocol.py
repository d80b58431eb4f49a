"""WebSockets for uvicorn."""

import socket
import subprocess
import sys

import pytest
import uvicorn
from anyio import create_task_group, fail_after
from fastapi import FastAPI, WebSocket

from intertie.api.listen import bind
from intertie.api.live_socket_protocol import protocol
from tests.api.live_client import live
from tests.waiting import eventually


@pytest.mark.slow
@pytest.mark.anyio
async def test_a_connection_is_upgraded() -> None:
    """By a server that was given it."""
    app = FastAPI()

    @app.websocket("/it")
    async def it(socket: WebSocket) -> None:
        await socket.accept()
        await socket.send_json({"said": await socket.receive_text()})

    listener: socket.socket = bind("127.0.0.1", 0)
    server = uvicorn.Server(uvicorn.Config(app, ws=protocol, log_config=None, lifespan="off"))
    with fail_after(30):
        async with create_task_group() as group:
            group.start_soon(server.serve, [listener])
            await eventually(lambda: server.started)
            async with live(f"ws://127.0.0.1:{listener.getsockname()[1]}/it") as client:
                await client.say(type="x")
                heard = await client.hear()
            server.should_exit = True

    assert heard == {"said": '{"type": "x"}'}


def test_the_library_is_not_loaded_by_naming_it() -> None:
    """Only by the first connection."""
    program = "import sys, intertie.api.live_socket_protocol; print('websockets' in sys.modules)"
    told = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True, timeout=60
    )

    assert told.stdout.strip() == "False"
