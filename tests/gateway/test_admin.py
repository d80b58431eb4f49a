from pathlib import Path

import pytest

from intertie.gateway.admin import Admin
from tests.gateway.stage import client, door, suite_of, upstream
from tests.waiting import eventually

pytestmark = pytest.mark.anyio


async def test_no_envoy_is_an_answer_too(tmp_path: Path) -> None:
    """None, and no error: it may be starting, or have been killed."""
    (tmp_path / "run").mkdir()
    admin = Admin(tmp_path / "run")

    await admin.stop_listening()

    assert await admin.stats("x") is None
    assert await Admin(tmp_path / "missing").stats("x") is None


@pytest.mark.slow
async def test_stats_are_found_by_a_pattern(tmp_path: Path) -> None:
    """Counters and texts alike, as text; also where the path is too long for a socket."""
    deep = tmp_path / ("d" * 100)
    async with door(deep, suite_of(), {}) as made:
        stats = await Admin(made.run).stats(r"^cluster_manager\.(cds\.version_text|cluster_added)$")

    assert stats is not None
    assert stats["cluster_manager.cluster_added"] == "0"
    assert len(stats["cluster_manager.cds.version_text"]) == 16


@pytest.mark.slow
async def test_a_gateway_that_stops_listening_still_answers_who_is_connected(
    tmp_path: Path,
) -> None:
    """New connections are refused, those that are there go on."""
    suite = suite_of({"path": "/", "service": "web", "auth_required": False})
    async with (
        upstream("web") as web,
        door(tmp_path, suite, {"web": [web.port]}) as made,
        client(made) as http,
    ):
        await http.get("/before")

        await Admin(made.run).stop_listening()

        assert (await http.get("/after")).status_code == 200
        # Its workers stop one after the other, and nobody waits for them.
        await eventually(lambda: not made.serves(), 60)
