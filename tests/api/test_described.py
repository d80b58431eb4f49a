"""What FastAPI cannot say of the routes."""

import json

from fastapi import FastAPI

from intertie.api.described import install
from intertie.api.openapi import render

DOCUMENT = json.loads(render())


def test_it_is_completed_once() -> None:
    """However often it is asked for."""
    app = FastAPI()
    install(app)

    @app.get("/x")
    async def x() -> int:
        return 1

    assert app.openapi() is app.openapi()
    assert app.openapi()["paths"]["/x"]["get"]["security"] == [{"key": []}, {}]


def test_writes_need_the_key_and_so_does_a_terminal() -> None:
    """Reads do beyond the loopback interface only; health never does."""
    paths = DOCUMENT["paths"]

    assert paths["/api/apply"]["post"]["security"] == [{"key": []}]
    assert paths["/api/services/{name}/terminal"]["get"]["security"] == [{"key": []}]
    assert paths["/api/services"]["get"]["security"] == [{"key": []}, {}]
    assert paths["/api/health/live"]["get"]["security"] == []
    assert paths["/api/monitoring/heartbeats/{name}"]["post"]["security"] == []


def test_a_stream_is_not_described_as_text() -> None:
    """Each event of it holds JSON."""
    stream = DOCUMENT["paths"]["/api/events"]["get"]["responses"]["200"]["content"]

    assert set(stream) == {"text/event-stream"}
    assert "type" not in stream["text/event-stream"]["schema"]
