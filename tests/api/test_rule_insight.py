"""What the routes about rules take, and answer where nothing is monitored."""

import httpx
import pytest
from pydantic import ValidationError

from intertie.api.rest import create_app
from intertie.api.rule_insight import DrillBody
from intertie.control.use_cases import Control

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    "path",
    ["/api/alerts/replay", "/api/alerts/quality", "/api/alerts/notices/x/proof"],
)
async def test_a_suite_without_monitoring_has_none(control: Control, path: str) -> None:
    """With what to write; a time that is too long is refused before."""
    transport = httpx.ASGITransport(create_app(control))
    async with httpx.AsyncClient(transport=transport, base_url="http://suite") as client:
        found = await client.get(path)
        long = await client.get("/api/alerts/replay", params={"since_s": 1e9})

    assert found.status_code == 404
    assert "monitoring: {}" in found.json()["detail"]
    assert long.status_code == 422


def test_a_drill_has_an_end() -> None:
    """Nobody waits for more than 40 seconds."""
    assert DrillBody.model_validate({}).within_s == 30
    for body in ({"within_s": 41}, {"within_s": 0}, {"severity": "mild"}):
        with pytest.raises(ValidationError):
            DrillBody.model_validate(body)
