"""The gateway is told what is no longer good, and which keys sign."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import time

import pytest
from anyio import create_task_group

from intertie.app.credentials import Credentials
from intertie.identity.issuer import Issuer
from intertie.identity.tokens.revocation import Revocations
from intertie.store.sqlite import SqliteRecords
from tests.waiting import eventually

pytestmark = pytest.mark.anyio


async def test_what_another_process_took_back_is_told(tmp_path: Path) -> None:
    """The door writes it, the daemon reads it; nothing is told while nothing changes."""
    told: list[int] = []

    async with (
        SqliteRecords.open(tmp_path / "a.db") as here,
        SqliteRecords.open(tmp_path / "a.db") as there,
    ):
        revocations = Revocations(here, time)

        async def changed() -> None:
            told.append(len(revocations.entries()))

        issuer = Issuer.open(tmp_path / "keys")
        async with create_task_group() as group:
            await group.start(Credentials(issuer, revocations, changed, look_s=0.01).run)
            await eventually(lambda: told == [0])
            await Revocations(there, time).revoke_token("a", expires_at=time() + 60)
            await eventually(lambda: told == [0, 1])
            group.cancel_scope.cancel()


async def test_keys_are_rotated_when_they_are_old(tmp_path: Path) -> None:
    """After 30 days, and the gateway has the new ones before they are used."""
    told: list[int] = []
    clock = [datetime.now(UTC)]
    issuer = Issuer.open(tmp_path / "keys", clock=lambda: clock[0])

    async def changed() -> None:
        told.append(len(issuer.jwks()["keys"]))

    async with SqliteRecords.open(tmp_path / "a.db") as records:
        revocations = Revocations(records, time)
        made = Credentials(issuer, revocations, changed, now=lambda: clock[0], look_s=0.01)
        async with create_task_group() as group:
            await group.start(made.run)
            await eventually(lambda: len(told) == 1)
            before = repr(issuer)
            clock[0] += timedelta(days=31)
            await eventually(lambda: len(told) == 2)
            group.cancel_scope.cancel()

    assert repr(issuer) != before
    assert told[1] > told[0]
