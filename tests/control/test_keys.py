"""API keys: made, listed, rotated and ended."""

from datetime import timedelta

import pytest

from intertie.errors import AccessDeniedError, ConflictError, NotFoundError
from intertie.identity.keytable import KeyRefusal
from intertie.identity.principal import Principal
from tests.control.premises import OF_ACME, READER, ROOT, Premises

pytestmark = pytest.mark.anyio


async def _opens(premises: Premises, text: str) -> str:
    table = await premises.house.identities.key_table()
    found = table.check(text, address="192.0.2.1", now=premises.clock.seconds)
    return found.reason if isinstance(found, KeyRefusal) else "opens"


async def test_a_key_is_told_without_what_opens(premises: Premises) -> None:
    """Its text is in the answer to its creation only."""
    keys = premises.control.keys
    made = await keys.create(ROOT, "robot", roles=["clerk"])

    info = await keys.show(ROOT, made.key.id)

    assert await _opens(premises, made.text) == "opens"
    assert (info.state, info.last_used, info.key.roles) == ("active", None, ("clerk",))
    assert made.text[21:60] not in repr(info) + repr(made)
    assert [row.actor for row in await premises.house.identities.audit.page()] == ["root"]


async def test_after_a_rotation_both_texts_open_for_a_while(premises: Premises) -> None:
    """Then only the new one."""
    keys = premises.control.keys
    old = await keys.create(ROOT, "robot")
    new = await keys.rotate(ROOT, old.key.id, overlap_s=60)

    both = [await _opens(premises, each.text) for each in (old, new)]
    premises.clock.move(61)
    after = [await _opens(premises, each.text) for each in (old, new)]

    assert (both, after) == (["opens", "opens"], ["expired", "opens"])


async def test_a_key_tells_what_state_it_is_in(premises: Premises) -> None:
    """Active until it expires, or is revoked for good."""
    keys = premises.control.keys
    soon = premises.clock() + timedelta(seconds=5)
    made = await keys.create(ROOT, "short", expires=soon)
    other = await keys.create(ROOT, "long")
    premises.clock.move(6)

    states = [
        (await keys.show(ROOT, made.key.id)).state,
        (await keys.revoke(ROOT, other.key.id)).state,
        (await keys.show(ROOT, other.key.id)).state,
    ]

    assert states == ["expired", "revoked", "revoked"]
    with pytest.raises(ConflictError, match="expired already"):
        await keys.create(ROOT, "late", expires=soon)


async def test_when_a_key_was_used_is_listed(premises: Premises) -> None:
    """Oldest key first, in pages."""
    keys = premises.control.keys
    made = [await keys.create(ROOT, f"k{number}") for number in range(3)]
    await premises.house.identities.keys.record_uses({made[1].key.id: premises.clock()})

    found, total = await keys.list(ROOT, page=1, limit=2)

    assert ([each.key.name for each in found], total) == (["k0", "k1"], 3)
    assert [each.last_used for each in found] == [None, premises.clock()]


async def test_a_key_is_of_the_tenant_of_who_makes_it(premises: Premises) -> None:
    """It has no owner elsewhere, and callers of other tenants do not find it."""
    keys = premises.control.keys
    ann = await premises.add("ann")
    made = await keys.create(OF_ACME, "robot", roles=["admin"])
    table = await premises.house.identities.key_table()
    found = table.check(made.text, address="", now=premises.clock.seconds)
    others = await keys.create(ROOT, "other")

    assert isinstance(found, Principal)
    assert found.tenant == "acme"
    with pytest.raises(NotFoundError):
        await keys.create(OF_ACME, "robot", owner=ann)
    with pytest.raises(NotFoundError):
        await keys.create(OF_ACME, "robot", tenant="globex")
    for act in (keys.show, keys.revoke, keys.delete):
        with pytest.raises(NotFoundError):
            await act(OF_ACME, others.key.id)
    assert [each.key.id for each in (await keys.list(OF_ACME, page=1, limit=9))[0]] == [made.key.id]
    with pytest.raises(AccessDeniedError):
        await keys.list(READER, page=1, limit=9)


async def test_a_deleted_key_opens_nothing_and_is_not_listed(premises: Premises) -> None:
    """As if it had never been, but for the trail."""
    keys = premises.control.keys
    made = await keys.create(ROOT, "robot")

    await keys.delete(ROOT, made.key.id)

    assert await _opens(premises, made.text) == "unknown"
    assert (await keys.list(ROOT, page=1, limit=9))[1] == 0
