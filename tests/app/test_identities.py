"""The users and keys of a suite, opened by two processes."""

from pathlib import Path

import pytest

from intertie.app.identities import open_identities
from intertie.app.identity import settings_of
from intertie.identity.audit import Actor
from intertie.runtime.folder import StateFolder
from tests.app.test_identity import suite

pytestmark = pytest.mark.anyio


async def test_what_one_made_the_other_knows(tmp_path: Path) -> None:
    """Daemon and door have the same; nobody else may read the folder."""
    folder = StateFolder(tmp_path / ".intertie")
    folder.create()
    settings = settings_of(suite(), tmp_path)
    async with (
        open_identities(folder, settings) as (daemon, _),
        open_identities(folder, settings) as (door, _),
    ):
        before = await door.revision()
        user = await daemon.users.create(Actor("test"), "ada", groups=("admins",))
        found = await door.users.get(user.id)
        after = await door.revision()

    assert door.users.principal(found).roles == ("admin", "superuser")
    assert after != before
    assert folder.identity.stat().st_mode & 0o077 == 0
