"""What calls did outside, in the audit trail."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest
from anyio import create_task_group, fail_after

from intertie.identity.audit import Audit, Entry
from intertie.integrations.errors import VendorDownError
from intertie.integrations.external_apis.spotify import AddItems, SpotifyIntegration
from intertie.integrations.trail import Trail
from tests.integrations.stage import Stage, answer

pytestmark = pytest.mark.anyio
CONFIG = {"client_id": "c", "client_secret": "s3cret"}
ADDED = AddItems(playlist_id="p", uris=["spotify:track:1"])


def now() -> datetime:
    """Any."""
    return datetime(2030, 1, 1, tzinfo=UTC)


async def test_what_changes_something_is_written_down(tmp_path: Path) -> None:
    """With its effect and how it ended; what only reads is not."""
    stage = Stage()
    async with Audit.open(tmp_path / "audit.db", now=now) as audit, create_task_group() as group:
        trail = Trail(audit)
        stage.tools.observers = (trail,)
        await group.start(trail.run)
        spotify = stage.made(SpotifyIntegration, "acme", config=CONFIG)
        stage.vendor.answers = lambda request: answer({"snapshot_id": "1", "id": "x", "name": "y"})
        await spotify.track(id="x")
        await spotify.add_items(ADDED)
        stage.vendor.answers = lambda request: answer(status=503)
        with pytest.raises(VendorDownError):
            await spotify.add_items(ADDED)
        rows: Sequence[Entry] = ()
        with fail_after(60):
            while len(rows) < 2:
                rows = await audit.page(target="acme/main")
        group.cancel_scope.cancel()

    assert [each.action for each in rows] == ["spotify.add_items"] * 2
    assert [json.loads(each.detail)["fault"] for each in rows] == ["VendorDownError", None]
    assert "s3cret" not in str(rows)


async def test_rows_that_come_too_fast_are_counted(tmp_path: Path) -> None:
    """Calls do not wait for the disk; what is missing is known."""
    stage = Stage()
    async with Audit.open(tmp_path / "audit.db", now=now) as audit:
        trail = Trail(audit, most=1)
        stage.tools.observers = (trail,)
        spotify = stage.made(SpotifyIntegration, config=CONFIG)
        stage.vendor.answers = lambda request: answer({"snapshot_id": "1"})
        for _ in range(3):
            await spotify.add_items(ADDED)

        lost = trail.lost
        await trail.write()

        assert (lost, trail.lost) == (2, 0)
        assert len(await audit.page()) == 1
