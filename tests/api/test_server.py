"""The API's socket and server."""

import socket

import httpx
import pytest
from anyio import create_task_group, fail_after
from fastapi import FastAPI

from intertie.api.listen import bind
from intertie.api.server import ApiServer
from intertie.runtime.component import Status


@pytest.mark.anyio
async def test_it_answers_as_soon_as_it_runs_and_leaves_no_socket() -> None:
    """Ready means a request is answered; cancelled means the port is free again."""
    app = FastAPI()

    @app.get("/it")
    async def it() -> str:
        return "here"

    listener = bind("127.0.0.1", 0)
    address = listener.getsockname()
    server = ApiServer(app, listener)
    with fail_after(20):
        async with create_task_group() as group:
            await group.start(server.run)
            async with httpx.AsyncClient(trust_env=False) as client:
                answer = await client.get(f"http://127.0.0.1:{address[1]}/it")
            assert server.health().status is Status.UP
            group.cancel_scope.cancel()

    assert answer.json() == "here"
    with socket.socket() as probe:
        assert probe.connect_ex(address) != 0
