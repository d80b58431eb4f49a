"""The gateway's description, for the portal."""

import json
from pathlib import Path

import pytest
from anyio import create_task_group

from intertie.app.described import DOCUMENT, Described
from intertie.control.openapi import Imports
from intertie.event import GatewayApplied
from intertie.runtime.hub import EventHub
from tests.app.test_edge import suite
from tests.gateway.stage import now
from tests.waiting import eventually

pytestmark = pytest.mark.anyio


@pytest.mark.slow
async def test_the_document_follows_the_routes(tmp_path: Path) -> None:
    """Written at the start, and again once another configuration is live."""
    paths = ["/a"]
    hub = EventHub("test", now=now)

    def imports() -> Imports:
        routes = [{"path": path, "service": "web"} for path in paths]
        return Imports(suite(gateway={"port": 8000, "routes": routes}))

    def described() -> set[str]:
        file = tmp_path / DOCUMENT
        return set(json.loads(file.read_text())["paths"]) if file.exists() else set()

    made = Described(imports, dict, server="http://localhost:8000", folder=tmp_path, hub=hub)
    async with create_task_group() as group:
        await group.start(made.run)
        await eventually(lambda: "/a" in "".join(described()))
        paths.append("/b")
        hub.publish(GatewayApplied(generation="2", accepted=True), "gateway")
        await eventually(lambda: "/b" in "".join(described()))
        group.cancel_scope.cancel()
