"""Who shows the management API a token of the suite's issuer, or an API key."""

import sqlite3
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
from anyio import create_task_group

from intertie.control.callers import Callers, Nobody, actor_of
from intertie.control.identity_desk import Rights
from intertie.identity.issuer import For, Issuer
from intertie.identity.principal import Principal
from intertie.runtime.component import Status
from tests.control.premises import ROOT, Premises
from tests.waiting import eventually

pytestmark = pytest.mark.anyio

ANN = Principal("user", "u1", "acme", "ann", ("admin",), ("admins",))


def _callers(premises: Premises, issuer: Issuer) -> Callers:
    return Callers(
        lambda: issuer,
        lambda: "shop",
        opened=premises.opened,
        clock=lambda: premises.clock.seconds,
    )


def _minted(premises: Premises, issuer: Issuer, said: For, lifetime_s: float = 60.0) -> str:
    return issuer.mint_for(ANN, said, now=premises.clock(), lifetime_s=lifetime_s)


async def test_a_token_of_the_suites_issuer_is_its_user(premises: Premises, tmp_path: Path) -> None:
    """As the gateway sees it; scopes of the token go with it."""
    issuer = Issuer.open(tmp_path / "keys", clock=premises.clock)
    who = _callers(premises, issuer)
    scoped = _minted(premises, issuer, For("shop", scope="api:read openid"))

    assert who(f"Bearer {_minted(premises, issuer, For('shop'))}", address="") == ANN
    found = who(f"bearer {scoped}", address="")
    assert found is not None
    assert found.scopes == ("api:read", "openid")


async def test_other_tokens_are_nobodys(premises: Premises, tmp_path: Path) -> None:
    """Another audience, issuer or key, expired, revoked, changed, or no token at all."""
    issuer = Issuer.open(tmp_path / "keys", clock=premises.clock)
    stranger = Issuer.open(tmp_path / "others", clock=premises.clock)
    renamed = Issuer.open(tmp_path / "keys", url="https://evil.example", clock=premises.clock)
    who = _callers(premises, issuer)
    good = _minted(premises, issuer, For("shop"))
    head, body, signature = good.split(".")
    old = issuer.mint_for(
        ANN, For("shop"), now=premises.clock() - timedelta(hours=2), lifetime_s=60
    )
    refresh = issuer.sign(
        {"sub": "u1", "aud": "shop", "user": ANN.forwarded()},
        typ="id+jwt",
        now=premises.clock(),
        lifetime_s=60,
    )

    bad = {
        "audience": _minted(premises, issuer, For("else")),
        "key": _minted(premises, stranger, For("shop")),
        "issuer": _minted(premises, renamed, For("shop")),
        "old": old,
        "another kind": refresh,
        "signature": f"{head}.{body}.{signature[:-4]}AAAA",
        "none": f"{head}.{body}.",
        "long": f"{head}.{body}.{'A' * 20_000}",
        "empty": "",
        "dots": "..",
        "key-like": "itk_",
    }
    assert {name: who(f"Bearer {text}", address="") for name, text in bad.items()} == dict.fromkeys(
        bad
    )
    assert who(good, address="") is None
    assert who(f"Basic {good}", address="") is None
    await premises.opened.revocations.revoke_subject(ANN)
    assert who(f"Bearer {good}", address="") is None


@pytest.mark.slow
async def test_a_key_is_known_as_soon_as_it_was_made_elsewhere(
    premises: Premises, tmp_path: Path
) -> None:
    """And no longer as soon as it was revoked there."""
    who = _callers(premises, Issuer.open(tmp_path / "keys"))
    keys = premises.control.keys
    async with create_task_group() as group:
        await group.start(who.run)
        made = await keys.create(ROOT, "robot", roles=["admin"])
        shown = partial(who, f"Bearer {made.text}", address="")
        await eventually(lambda: shown() is not None)
        await keys.revoke(ROOT, made.key.id)
        await eventually(lambda: shown() is None)
        group.cancel_scope.cancel()


@pytest.mark.slow
async def test_nobody_is_let_in_while_it_is_not_known_what_was_taken_back(
    premises: Premises, tmp_path: Path
) -> None:
    """A token that was good opens nothing when the store cannot be read, and opens again after."""
    issuer = Issuer.open(tmp_path / "keys", clock=premises.clock)
    who = _callers(premises, issuer)
    shown = partial(who, f"Bearer {_minted(premises, issuer, For('shop'))}", address="")
    file = premises.house.folder / "rows.db"
    async with create_task_group() as group:
        await group.start(who.run)
        assert shown() == ANN
        with sqlite3.connect(file) as rows:
            rows.execute("ALTER TABLE records RENAME TO away")
        await eventually(lambda: who.health().status is Status.DEGRADED)
        refused = shown()
        with sqlite3.connect(file) as rows:
            rows.execute("ALTER TABLE away RENAME TO records")
        await eventually(lambda: who.health().status is Status.UP)
        group.cancel_scope.cancel()

    assert (refused, shown()) == (None, ANN)


async def test_without_identities_tokens_are_known_and_keys_are_not(
    premises: Premises, tmp_path: Path
) -> None:
    """The issuer is there in any suite with a gateway."""
    issuer = Issuer.open(tmp_path / "keys", clock=premises.clock)
    who = Callers(lambda: issuer, lambda: "shop", clock=lambda: premises.clock.seconds)
    made = await premises.control.keys.create(ROOT, "robot")
    await who.run()

    assert who(f"Bearer {_minted(premises, issuer, For('shop'))}", address="") == ANN
    assert who(f"Bearer {made.text}", address="") is None
    assert Nobody()(f"Bearer {made.text}", address="") is None


@pytest.mark.parametrize(
    ("roles", "scopes", "tenant", "rights"),
    [
        (("admin",), (), "default", "rw sm"),
        (("superuser",), ("api:write",), "default", "rw sm"),
        (("admin",), ("api:read",), "default", ""),
        (("admin", "user"), ("api:read",), "default", "r s"),
        (("user",), (), "default", "r s"),
        (("user",), ("openid",), "default", ""),
        (("clerk",), (), "default", ""),
        (("admin",), (), "acme", " sm"),
        (("readonly",), (), "acme", " s"),
    ],
)
def test_roles_and_scopes_decide_together(
    roles: tuple[str, ...], scopes: tuple[str, ...], tenant: str, rights: str
) -> None:
    """Who is of another tenant has no say over the suite."""
    principal = Principal("user", "u", tenant, "ann", roles, (), scopes)
    actor = actor_of(principal, Rights(), via="rest", address="192.0.2.1")

    told = {
        "r": actor.may_read,
        "w": actor.may_write,
        "s": actor.reach.sees,
        "m": actor.reach.manages,
    }
    assert {name for name, has in told.items() if has} == set(rights) - {" "}
    assert actor.reach.tenant == (None if tenant == "default" else tenant)
    assert actor.author.name == f"{tenant}/user:ann"
    assert (actor.author.via, actor.author.address) == ("rest", "192.0.2.1")
