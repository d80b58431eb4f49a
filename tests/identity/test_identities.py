"""The identity store as a whole."""

import base64
import logging
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from pyotp.totp import TOTP

from intertie.errors import AccessDeniedError, NotFoundError, StoreError
from intertie.identity.audit import Actor
from intertie.identity.external import Visitor
from intertie.identity.identities import Identities, Terms
from intertie.store.sqlite import SqliteRecords
from intertie.suite.identity import Identity, Tenant
from tests.identity.authenticator import Authenticator
from tests.identity.house import ADMIN, CHEAP, PARTY, House, open_house

pytestmark = pytest.mark.anyio

WORD = "correct horse battery"


@dataclass
class _Box:
    """A channel that keeps what it is given."""

    texts: list[str] = field(default_factory=list)

    async def send(self, address: str, text: str) -> None:
        self.texts.append(text)


def _files(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


async def _live(house: House, box: _Box) -> list[str]:
    """Do everything once, also wrongly; give all secrets that came up."""
    identities = house.identities
    ann = await identities.users.create(ADMIN, "ann", phone="+491701234567")
    await identities.passwords.set(ADMIN, ann.id, WORD)
    await identities.passwords.login(ADMIN, "ann", WORD)
    await identities.passwords.login(ADMIN, "ann", WORD + " wrongly typed")
    keys = [
        await identities.keys.create(ADMIN, "hashed", owner=ann.id),
        await identities.keys.create(ADMIN, "sealed", mode="sealed"),
    ]
    keys += [await identities.keys.rotate(ADMIN, key.key.id) for key in keys]
    enrolment = await identities.totps.enrol(ADMIN, ann.id)
    code = TOTP(enrolment.secret).at(house.clock.at)
    recovery = await identities.totps.confirm(ADMIN, ann.id, code)
    await identities.totps.check(ADMIN, ann.id, recovery[0])
    await identities.codes.send(ADMIN, ann.id, "sms")
    with pytest.raises(AccessDeniedError):
        await identities.codes.check(ADMIN, ann.id, "sms", recovery[1])
    secrets = [key.text.split("_")[2] for key in keys]
    return [WORD, *secrets, enrolment.secret, *recovery, *[r.replace("-", "") for r in recovery]]


async def test_no_secret_is_in_a_file_a_log_or_a_repr(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Passwords, keys, seeds and codes: searched for in every byte that is left behind."""
    caplog.set_level(logging.DEBUG)
    box = _Box()
    async with open_house(tmp_path, channels={"sms": box}) as house:
        secrets = await _live(house, box)
        table = await house.identities.key_table()
        plain = await house.identities.keys.plain_keys()
        shown = repr([house.identities, vars(house.identities), table, plain]) + caplog.text
        lines = [line async for line in house.identities.audit.export()]
        files = _files(tmp_path)

    assert {"rows.db", "audit.db", "master.json"} <= set(files)
    for secret in secrets:
        assert secret not in shown
        assert not [line for line in lines if secret in line]
        for name, content in files.items():
            assert secret.encode() not in content, name
            assert base64.b64encode(secret.encode()).rstrip(b"=") not in content, name
    assert files["rows.db"] + files["rows.db-wal"]  # what was searched is not nothing
    sent = box.texts[0][:6].encode()
    assert b'"code":"' + sent not in files["rows.db"] + files["rows.db-wal"]


async def test_the_search_would_find_a_secret(tmp_path: Path) -> None:
    """A word that is stored on purpose is in the bytes of the files."""
    async with open_house(tmp_path) as house:
        await house.identities.users.create(ADMIN, "ann", name="findable")
        found = [name for name, content in _files(tmp_path).items() if b"findable" in content]

    assert any(name.startswith("rows.db") for name in found)


async def test_files_are_private(tmp_path: Path) -> None:
    """The trail and the master key are for this user only."""
    async with open_house(tmp_path):
        modes = {
            name: (tmp_path / name).stat().st_mode & 0o777 for name in ("audit.db", "master.json")
        }

    assert modes == {"audit.db": 0o600, "master.json": 0o600}


async def test_everything_outlives_the_process(tmp_path: Path) -> None:
    """Users, keys, apps and the trail, as the next process finds them."""
    async with open_house(tmp_path) as house:
        ann = await house.identities.users.create(ADMIN, "ann")
        key = await house.identities.keys.create(ADMIN, "ci", owner=ann.id)
        revision = await house.identities.revision()
    async with open_house(tmp_path) as again:
        assert await again.identities.users.get(ann.id) == ann
        assert await again.identities.keys.get(key.key.id) == key.key
        assert await again.identities.revision() == revision
        assert await again.identities.audit.verify() is None
        assert await again.actions() == [("user.create", "done"), ("key.create", "done")]


async def test_a_deleted_user_leaves_nothing_that_opens(tmp_path: Path) -> None:
    """Keys, passkeys, password, codes and accounts elsewhere go with it."""
    async with open_house(tmp_path) as house:
        identities = house.identities
        visitor = Visitor("corp", "s-1", email="ann@example.com", email_verified=True)
        ann = await identities.externals.upsert(
            Actor("corp"), visitor, domains=["example.com"], role_sync=True
        )
        await identities.passwords.set(ADMIN, ann.id, WORD)
        await identities.keys.create(ADMIN, "ci", owner=ann.id)
        device = Authenticator()
        answer = device.create(await identities.passkeys.registration(ann.id))
        await identities.passkeys.register(ADMIN, ann.id, answer)

        await identities.delete_user(ADMIN, ann.id)

        assert len(await identities.key_table()) == 0
        with pytest.raises(NotFoundError):
            await identities.factors(ann.id)
        kept = [
            await house.records.find(name)
            for name in (
                "identity_users",
                "identity_credentials",
                "identity_logins",
                "identity_links",
                "identity_keys",
                "identity_key_codes",
                "identity_passkeys",
                "identity_pending",
            )
        ]
        assert [page.total for page in kept] == [0] * 8


async def test_the_master_key_can_be_a_secret(tmp_path: Path) -> None:
    """Then no file is made, and another value opens nothing."""
    terms = Terms.of(Identity(), {"acme": Tenant()}, party=PARTY)
    one, two = (base64.b64encode(bytes([n]) * 32).decode() for n in (1, 2))
    async with SqliteRecords.open(tmp_path / "rows.db") as records:
        async with Identities.open(tmp_path, records, terms, master=one, cost=CHEAP) as identities:
            made = await identities.keys.create(ADMIN, "ci", mode="sealed", tenant="acme")
            (plain,) = await identities.keys.plain_keys()
        async with Identities.open(tmp_path, records, terms, master=two, cost=CHEAP) as other:
            with pytest.raises(StoreError, match=r"cannot use master key .*not there any more"):
                await other.key_table()

    assert plain.text == made.text
    assert not (tmp_path / "master.json").exists()


def test_terms_are_those_of_the_suite() -> None:
    """Its groups, its tenants, and how long codes live."""
    terms = Terms.of(Identity.model_validate({"mfa": {"code_lifetime": 60}}), {}, party=PARTY)

    assert terms.mapping["admins"] == ("admin", "superuser")
    assert terms.tenants.names == {"default"}
    assert terms.limits.lifetime_s == 60
