"""The audit trail: who did what, and the proof that nobody changed it since."""

import json
import sqlite3

import pytest

from intertie.control.actor import ForbiddenError
from intertie.control.audit import Trail
from intertie.errors import AccessDeniedError, StoreError
from tests.control.premises import OF_ACME, READER, ROOT, Premises

pytestmark = pytest.mark.anyio


async def test_the_trail_is_read_in_pages_from_its_end(premises: Premises) -> None:
    """Each row once, though rows come in meanwhile."""
    for number in range(5):
        await premises.add(f"user{number}")
    audit = premises.control.audit

    first, after = await audit.page(ROOT, Trail(), limit=2)
    await premises.add("late")
    second, last = await audit.page(ROOT, Trail(before=after), limit=3)

    assert [row.target for row in [*first, *second]] == [
        f"default/user{number}" for number in (4, 3, 2, 1, 0)
    ]
    assert last is None


async def test_rows_are_chosen_by_who_what_and_tenant(premises: Premises) -> None:
    """Together."""
    await premises.add("ann")
    await premises.add("dee", tenant="acme")
    await premises.control.people.create(OF_ACME, "eli")
    audit = premises.control.audit

    async def targets(wanted: Trail) -> list[str]:
        return [row.target for row in (await audit.page(ROOT, wanted, limit=50))[0]]

    assert await targets(Trail(tenant="acme")) == ["acme/eli", "acme/dee"]
    assert await targets(Trail(tenant="acme", actor="root")) == ["acme/dee"]
    assert await targets(Trail(target="default/ann")) == ["default/ann"]


async def test_a_tenant_reads_what_was_done_to_its_own(premises: Premises) -> None:
    """By whomever; the proof is of all rows, and so not for it."""
    await premises.add("ann")
    await premises.add("dee", tenant="acme")
    audit = premises.control.audit

    rows, _ = await audit.page(OF_ACME, Trail(), limit=50)
    async with audit.export(OF_ACME) as lines:
        exported = [json.loads(line)["target"] async for line in lines]

    assert [row.target for row in rows] == exported == ["acme/dee"]
    with pytest.raises(ForbiddenError):
        await audit.verify(OF_ACME)
    with pytest.raises(AccessDeniedError):
        await audit.page(READER, Trail(), limit=1)
    with pytest.raises(AccessDeniedError):
        audit.export(READER)


async def test_a_row_that_was_changed_is_found(premises: Premises) -> None:
    """And so is an end that was cut off, with the anchor from before."""
    for login in ("ann", "bob", "cem"):
        await premises.add(login)
    audit = premises.control.audit
    before = await audit.verify(ROOT)
    with sqlite3.connect(premises.house.folder / "audit.db") as file:
        file.execute("DROP TRIGGER audit_no_delete")
        file.execute("DELETE FROM audit WHERE seq = 3")
    cut, known = await audit.verify(ROOT), await audit.verify(ROOT, str(before.anchor))
    with sqlite3.connect(premises.house.folder / "audit.db") as file:
        file.execute("DROP TRIGGER audit_no_update")
        file.execute("UPDATE audit SET actor = 'eve' WHERE seq = 1")
    changed = await audit.verify(ROOT)

    assert before.broken is None
    assert before.anchor.count == 3
    assert cut.broken is None
    assert known.broken is not None
    assert known.broken.seq == 3
    assert changed.broken is not None
    assert changed.broken.seq == 1
    with pytest.raises(StoreError, match="anchor"):
        await audit.verify(ROOT, "yesterday")
