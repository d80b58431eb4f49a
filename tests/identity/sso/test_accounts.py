"""The users of the suite, as logins need them."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from pyotp import TOTP

from intertie.errors import AccessDeniedError, IntertieError
from intertie.identity.sso import LoginRefusedError, TooManyTriesError
from intertie.identity.sso.people import Person
from tests.api.login.site import PASSWORD, TESTER, Made, made

pytestmark = pytest.mark.anyio
ADA = Person("corporate", "s-1", email="ada@example.com", email_verified=True, groups=("admins",))
SUITE = {
    "rbac_integration": {"group_mapping": {"admins": ["admin"]}},
    "mfa": {"methods": ["totp", "email"], "required_for": ["admin"]},
}


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[Made]:
    """A suite."""
    async with made(tmp_path / "suite", SUITE) as found:
        yield found


async def test_guessing_is_slowed_down(world: Made) -> None:
    """Who guesses is told to wait, and for how long, even with the right password."""
    await world.user("ada")
    accounts = world.desk.accounts

    for _ in range(5):
        with pytest.raises(LoginRefusedError, match="is wrong"):
            await accounts.by_password("ada", "guess", tenant="default", address="192.0.2.1")
    with pytest.raises(TooManyTriesError) as refused:
        await accounts.by_password("ada", PASSWORD, tenant="default", address="192.0.2.1")
    world.clock.advance(refused.value.retry_after_s + 1)
    user = await accounts.by_password("ada", PASSWORD, tenant="default", address="192.0.2.1")

    assert user.login == "ada"


@pytest.mark.parametrize(
    "email",
    [
        "eve@evil.test",
        "eve@example.com@evil.test",
        "eve@evil.test@example.com",
        "eve@EXAMPLE.com.",
        "eve@ex\u0430mple.com",
        "eve@\uff45xample.com",
        "eve@example\u3002com",
        "eve@sub.example.com",
        "@example.com",
        "eve@example.comm",
        '"eve@evil.test"@example.com',
        "eve@example.com\n",
        "",
    ],
)
async def test_only_addresses_of_the_domains_come_in(world: Made, email: str) -> None:
    """Exactly those: no second `@`, no lookalike, no child."""
    person = Person("corporate", "s", email=email, email_verified=True)

    with pytest.raises(AccessDeniedError):
        await world.desk.accounts.by_provider(person, ["example.com"], address="")


async def test_groups_follow_the_provider(world: Made) -> None:
    """At each login; a provider that says nothing of groups changes none."""
    accounts = world.desk.accounts
    first = await accounts.by_provider(ADA, ["example.com"], address="")
    silent = Person("corporate", "s-1", email=ADA.email, email_verified=True)
    second = await accounts.by_provider(silent, ["example.com"], address="")
    none = Person("corporate", "s-1", email=ADA.email, email_verified=True, groups=())
    third = await accounts.by_provider(none, ["example.com"], address="")

    assert (first.groups, second.groups, third.groups) == (("admins",), ("admins",), ())
    assert first.id == second.id == third.id


async def test_who_must_have_a_second_factor(world: Made) -> None:
    """By role; what is set up is asked of everybody."""
    accounts = world.desk.accounts
    admin = await world.user("root", groups=["admins"])
    ada = await world.user("ada", email="ada@example.com", email_verified=True)
    bob = await world.user("bob")

    assert (await accounts.factors(admin)).required
    assert (await accounts.factors(ada)).ready == ("email",)
    assert not (await accounts.factors(bob)).asked


async def test_codes(world: Made) -> None:
    """Each method takes its own, spaces do not matter, a passkey has none."""
    accounts = world.desk.accounts
    ada = await world.user("ada", email="ada@example.com", email_verified=True)
    secret = (await accounts.begin_totp(ada, address="")).secret
    codes = await accounts.confirm_totp(ada, TOTP(secret).at(world.clock()), address="")
    world.clock.advance(60)
    code = TOTP(secret).at(world.clock())
    await accounts.check_code(ada, "totp", f"{code[:3]} {code[3:]}", address="")
    await accounts.check_code(ada, "totp", codes[0], address="")
    await accounts.send_code(ada, "email", address="")
    await accounts.check_code(ada, "email", world.box.texts[0].split()[0], address="")

    for method in ("totp", "email"):
        with pytest.raises(AccessDeniedError):
            await accounts.check_code(ada, method, "123456", address="")
    with pytest.raises(LoginRefusedError):
        await accounts.check_code(ada, "passkey", "123456", address="")
    with pytest.raises(IntertieError):
        await accounts.send_code(ada, "sms", address="")


async def test_who_is_present(world: Made) -> None:
    """Until shut out, logged out everywhere, or gone."""
    accounts = world.desk.accounts
    ada = await world.user("ada")
    before = await accounts.revision()

    assert await accounts.present(ada.id, ada.epoch) is not None
    assert await accounts.present(ada.id, ada.epoch - 1) is None
    assert await accounts.present("nobody", 1) is None
    await world.identities.users.disable(TESTER, ada.id)
    assert await accounts.present(ada.id, ada.epoch) is None
    assert await accounts.revision() != before
