"""API keys in memory: what opens, what does not, and how fast."""

import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from intertie.identity.keytable import KeyRefusal, KeyTable, Uses
from intertie.identity.keytext import make, parse
from intertie.identity.principal import Principal
from intertie.identity.store import Revision
from intertie.identity.tenants import Tenants
from tests.identity.house import ADMIN, MAPPING, House, open_house

pytestmark = pytest.mark.anyio


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    """An empty identity store."""
    async with open_house(tmp_path) as opened:
        yield opened


async def _check(
    house: House, text: str, address: str = "10.0.0.1", after_s: float = 0
) -> Principal | KeyRefusal:
    table = await house.identities.key_table()
    return table.check(text, address=address, now=house.clock.seconds + after_s)


async def test_a_key_tells_who_it_is_for(house: House) -> None:
    """Kind, tenant, name, roles and scopes."""
    made = await house.identities.keys.create(
        ADMIN, "ci", tenant="acme", roles=["user"], scopes=["read"]
    )

    assert await _check(house, made.text) == Principal(
        "key", made.key.id, "acme", "ci", roles=("user",), scopes=("read",)
    )


async def test_a_wrong_secret_is_as_unknown_as_a_wrong_id(house: House) -> None:
    """Well-formed, with the right checksum, and still nothing."""
    made = await house.identities.keys.create(ADMIN, "ci")
    shown = parse(made.text)
    assert shown is not None
    other = make(b"x", b"y" * 32)
    forged = type(shown)(shown.id, other.secret)

    assert await _check(house, forged.text) == KeyRefusal("unknown", made.key.id)
    assert await _check(house, other.text) == KeyRefusal("unknown")
    assert await _check(house, made.text[:-1]) == KeyRefusal("malformed")
    assert str(KeyRefusal("unknown", made.key.id)) == str(KeyRefusal("unknown"))


async def test_each_end_of_a_key_has_its_reason(house: House) -> None:
    """Told only to who shows a right secret."""
    keys = house.identities.keys
    until = house.clock() + timedelta(seconds=60)
    short = await keys.create(ADMIN, "short", expires=until)
    over = await keys.create(ADMIN, "over")
    old = await keys.create(ADMIN, "old")
    await keys.revoke(ADMIN, over.key.id)
    await keys.rotate(ADMIN, old.key.id, overlap_s=60)

    assert isinstance(await _check(house, short.text, after_s=59), Principal)
    assert await _check(house, short.text, after_s=60) == KeyRefusal("expired", short.key.id)
    assert await _check(house, over.text) == KeyRefusal("revoked", over.key.id)
    assert await _check(house, old.text, after_s=60) == KeyRefusal("expired", old.key.id)


@pytest.mark.parametrize(
    ("address", "opens"),
    [
        ("10.1.2.3", True),
        ("::ffff:10.1.2.3", True),
        ("2001:db8::7", True),
        ("11.0.0.1", False),
        ("::ffff:11.0.0.1", False),
        ("2001:db9::7", False),
        ("", False),
        ("10.1.2.3, 11.0.0.1", False),
        ("010.1.2.3", False),
    ],
)
async def test_a_key_may_be_bound_to_addresses(house: House, address: str, opens: bool) -> None:
    """IPv4 inside IPv6 is IPv4; what is no address is nowhere."""
    made = await house.identities.keys.create(ADMIN, "ci", cidrs=["10.0.0.0/8", "2001:db8::/32"])

    found = await _check(house, made.text, address)

    assert found == (KeyRefusal("address", made.key.id) if not opens else found)
    assert isinstance(found, Principal) == opens


async def test_a_key_has_no_more_roles_than_its_owner(house: House) -> None:
    """What the owner loses, the key loses; it may have fewer."""
    identities = house.identities
    ann = await identities.users.create(ADMIN, "ann", groups=["admins", "users"])
    whole = await identities.keys.create(ADMIN, "whole", owner=ann.id)
    part = await identities.keys.create(ADMIN, "part", owner=ann.id, roles=["admin", "root"])

    both = [await _check(house, key.text) for key in (whole, part)]
    await identities.users.update(ADMIN, ann.id, groups=["users"])
    less = [await _check(house, key.text) for key in (whole, part)]

    roles = [found.roles for found in (*both, *less) if isinstance(found, Principal)]
    assert roles == [
        ("admin", "readonly", "superuser", "user"),
        ("admin",),
        ("readonly", "user"),
        (),
    ]


async def test_a_key_ends_with_its_owner(house: House) -> None:
    """Disabled for a while, or deleted for good."""
    identities = house.identities
    ann = await identities.users.create(ADMIN, "ann")
    made = await identities.keys.create(ADMIN, "ci", owner=ann.id)

    await identities.users.disable(ADMIN, ann.id)
    out = await _check(house, made.text)
    await identities.users.enable(ADMIN, ann.id)
    back = await _check(house, made.text)
    await identities.users.delete(ADMIN, ann.id)
    gone = await _check(house, made.text)

    assert out == gone == KeyRefusal("owner", made.key.id)
    assert isinstance(back, Principal)


async def test_a_key_ends_with_its_tenant(house: House) -> None:
    """A tenant that the suite no longer has."""
    made = await house.identities.keys.create(ADMIN, "ci", tenant="acme")
    sealer = house.identities.sealer

    table = await KeyTable.load(house.records, sealer, mapping=MAPPING, tenants=Tenants({}))

    found = table.check(made.text, address="10.0.0.1", now=house.clock.seconds)
    assert found == KeyRefusal("tenant", made.key.id)


async def test_another_process_sees_each_change_by_the_revision(
    house: House, tmp_path: Path
) -> None:
    """Everything that decides about a key grows it; reading and logins do not."""
    seen: list[Revision] = []
    identities = house.identities
    async with open_house(tmp_path, clock=house.clock) as other:
        seen.append(await other.identities.revision())
        ann = await identities.users.create(ADMIN, "ann")
        seen.append(await other.identities.revision())
        made = await identities.keys.create(ADMIN, "ci", owner=ann.id)
        seen.append(await other.identities.revision())
        await identities.users.disable(ADMIN, ann.id)
        seen.append(await other.identities.revision())
        table = await other.identities.key_table()
        await identities.passwords.login(ADMIN, "ann", "wrong password 1")
        assert await other.identities.revision() == table.revision == seen[-1]

    found = table.check(made.text, address="10.0.0.1", now=house.clock.seconds)
    assert [revision.number for revision in seen] == [0, 1, 2, 3]
    assert found == KeyRefusal("owner", made.key.id)


async def test_a_reader_never_misses_a_change(house: House, tmp_path: Path) -> None:
    """Keys come and go in one process; whatever another holds at rest is all of them."""
    identities = house.identities
    texts: list[str] = []
    done = anyio.Event()

    async def write() -> None:
        for number in range(15):
            texts.append((await identities.keys.create(ADMIN, f"k{number}")).text)
        done.set()

    async with open_house(tmp_path, clock=house.clock) as other, anyio.create_task_group() as group:
        group.start_soon(write)
        while True:
            finished = done.is_set()
            known = list(texts)
            table = await other.identities.key_table()
            for text in known:
                found = table.check(text, address="::1", now=house.clock.seconds)
                assert isinstance(found, Principal)
            if finished and table.revision == await other.identities.revision():
                break

    assert len(table) == 15
    assert table.revision == Revision(15)


async def test_old_keys_open_after_the_master_key_was_rotated(house: House) -> None:
    """Nobody has to hand out new ones; what was sealed is sealed under the new one."""
    identities = house.identities
    old = await identities.keys.create(ADMIN, "old", mode="sealed")

    counts = [await identities.rotate_master(ADMIN) for _ in range(3)]
    new = await identities.keys.create(ADMIN, "new")

    assert counts == [1, 1, 1]
    assert isinstance(await _check(house, old.text), Principal)
    assert isinstance(await _check(house, new.text), Principal)
    assert [plain.text for plain in await identities.keys.plain_keys()] == [old.text]


@given(text=st.text(max_size=120))
def test_no_text_opens_an_empty_table_or_breaks_it(text: str) -> None:
    """Whatever a stranger sends as a key is refused."""
    table = KeyTable(Revision(0), {})

    assert isinstance(table.check(text, address="x", now=0), KeyRefusal)


@pytest.mark.slow
async def test_a_check_takes_microseconds(house: House) -> None:
    """Less than 50 in the middle of many, however busy the machine."""
    made = await house.identities.keys.create(ADMIN, "ci")
    table = await house.identities.key_table()
    took: list[float] = []

    for _ in range(2000):
        began = time.perf_counter()
        table.check(made.text, address="10.0.0.1", now=house.clock.seconds)
        took.append(time.perf_counter() - began)

    assert median(took) < 50e-6


async def test_nothing_secret_is_shown(house: House) -> None:
    """A table in a log tells its revision."""
    await house.identities.keys.create(ADMIN, "ci")

    table = await house.identities.key_table()

    assert repr(table) == f"KeyTable(revision={table.revision!r})"


def test_uses_are_told_once_an_hour() -> None:
    """However often a key is used; and of a bounded number of keys."""
    uses = Uses(size=2)
    noon = datetime(2026, 1, 1, 12, tzinfo=UTC)
    for second in range(0, 3600, 60):
        uses.seen("a", noon.timestamp() + second)

    first = uses.take()
    uses.seen("a", noon.timestamp() + 3599)
    again = uses.take()
    for key in ("a", "b", "c"):
        uses.seen(key, noon.timestamp() + 3600)

    assert first == {"a": noon}
    assert again == {}
    assert uses.take() == {"a": noon + timedelta(hours=1), "b": noon + timedelta(hours=1)}
