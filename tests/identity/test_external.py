"""Who comes by single sign-on, and as whom."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import anyio
import pytest

from intertie.errors import AccessDeniedError, IntertieError, NotFoundError
from intertie.identity.audit import Actor
from intertie.identity.external import Visitor
from intertie.identity.users import User
from tests.identity.house import ADMIN, House, open_house

pytestmark = pytest.mark.anyio

ANN = Visitor(
    provider="corp",
    subject="s-1",
    email="Ann@Example.com",
    email_verified=True,
    name="Ann",
    groups=("users",),
)
LOGIN = Actor("corp", via="login", address="10.0.0.1")


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    """An empty identity store."""
    async with open_house(tmp_path) as opened:
        yield opened


async def _upsert(
    house: House,
    visitor: Visitor,
    domains: tuple[str, ...] = ("example.com",),
    *,
    role_sync: bool = True,
) -> User:
    externals = house.identities.externals
    return await externals.upsert(LOGIN, visitor, domains=domains, role_sync=role_sync)


async def test_a_first_visit_makes_a_user_and_later_ones_find_it(house: House) -> None:
    """By its subject: address and name may change."""
    first = await _upsert(house, ANN)

    later = await _upsert(house, replace(ANN, email="ann.b@example.com", name="Ann B"))

    assert (first.login, first.email, first.named) == ("ann@example.com", "ann@example.com", False)
    assert (later.id, later.email, later.name) == (first.id, "ann.b@example.com", "Ann B")
    assert (await house.identities.users.list())[1] == 1


async def test_groups_follow_the_provider_where_the_suite_says_so(house: House) -> None:
    """With `role_sync` they are taken away too; without it they stay as set here."""
    first = await _upsert(house, ANN)
    kept = await _upsert(house, replace(ANN, groups=("admins",)), role_sync=False)
    synced = await _upsert(house, replace(ANN, groups=("others", "", "a\nb")))

    assert [user.groups for user in (first, kept, synced)] == [("users",), ("users",), ("others",)]
    assert house.identities.users.principal(synced).roles == ()


@pytest.mark.parametrize(
    ("visitor", "domains"),
    [
        (ANN, ()),
        (ANN, ("other.example",)),
        (replace(ANN, email="ann@evil.test@example.com"), ("example.com",)),
        (replace(ANN, email="ann@sub.example.com"), ("example.com",)),
        (replace(ANN, email_verified=False), ("example.com",)),
        (replace(ANN, email=""), ("example.com",)),
    ],
)
async def test_strangers_of_other_domains_stay_out(
    house: House, visitor: Visitor, domains: tuple[str, ...]
) -> None:
    """Only a verified address of an allowed domain comes in, and nothing is made of others."""
    with pytest.raises(AccessDeniedError, match="cannot sign in"):
        await _upsert(house, visitor, domains)

    assert (await house.identities.users.list())[1] == 0
    assert await house.actions() == [("user.sign-in", "refused")]


async def test_a_domain_that_is_no_longer_allowed_ends_later_visits(house: House) -> None:
    """The rule is asked at each login, not at the first only."""
    await _upsert(house, ANN)

    with pytest.raises(AccessDeniedError):
        await _upsert(house, ANN, ("other.example",))


async def test_a_named_user_comes_in_whatever_the_domain(house: House) -> None:
    """Made here by name with a verified address, linked at the first visit."""
    users = house.identities.users
    ann = await users.create(ADMIN, "ann", email="ann@example.com", email_verified=True)

    first = await _upsert(house, ANN, ())
    later = await _upsert(house, replace(ANN, email="new@elsewhere.example"), ())

    assert (first.id, later.id) == (ann.id, ann.id)
    assert [(link.provider, link.subject) for link in later.links] == [("corp", "s-1")]
    assert later.email == "ann@example.com"


@pytest.mark.parametrize(("here", "there"), [(True, False), (False, True), (False, False)])
async def test_an_address_that_one_side_has_not_verified_links_nothing(
    house: House, here: bool, there: bool
) -> None:
    """Else who types the address of another, here or there, would become that user."""
    users = house.identities.users
    ann = await users.create(ADMIN, "ann", email="ann@example.com", email_verified=here)

    with pytest.raises(AccessDeniedError, match="not verified on both sides"):
        await _upsert(house, replace(ANN, email_verified=there))

    assert (await users.get(ann.id)).links == ()
    assert (await users.list())[1] == 1


async def test_a_login_that_looks_like_an_address_is_not_taken_over(house: House) -> None:
    """The login is a name that somebody chose, not a proof."""
    await house.identities.users.create(ADMIN, "ann@example.com")

    with pytest.raises(AccessDeniedError, match="is that of a user here"):
        await _upsert(house, ANN)


async def test_an_address_given_to_a_new_person_links_nothing(house: House) -> None:
    """A second account of the same provider is another person, whatever its address."""
    await _upsert(house, ANN)

    with pytest.raises(AccessDeniedError, match="another account of this provider"):
        await _upsert(house, replace(ANN, subject="s-2"))


async def test_two_providers_can_be_one_user(house: House) -> None:
    """Both have verified the address."""
    first = await _upsert(house, ANN)

    second = await _upsert(house, replace(ANN, provider="other", subject="o-1"))

    assert second.id == first.id
    assert len(second.links) == 2


async def test_tenants_do_not_share_accounts(house: House) -> None:
    """The same account at the same provider is another user in another tenant."""
    first = await _upsert(house, ANN)

    second = await _upsert(house, replace(ANN, tenant="acme"))

    assert (second.id != first.id, second.tenant) == (True, "acme")
    with pytest.raises(NotFoundError, match="cannot find tenant"):
        await _upsert(house, replace(ANN, tenant="nosuch"))


async def test_provider_and_subject_are_not_run_together(house: House) -> None:
    """`a` and `b:c` is not `a:b` and `c`."""
    one = await _upsert(house, replace(ANN, provider="a", subject="b:c"))
    two = await _upsert(house, replace(ANN, provider="a:b", subject="c", email="bob@example.com"))

    assert one.id != two.id


async def test_a_disabled_user_stays_out(house: House) -> None:
    """Whatever the provider says."""
    ann = await _upsert(house, ANN)
    await house.identities.users.disable(ADMIN, ann.id)

    with pytest.raises(AccessDeniedError, match="the user is disabled"):
        await _upsert(house, ANN)


async def test_a_visit_that_changes_nothing_leaves_the_revision(house: House) -> None:
    """Else each login would make other processes read all keys again."""
    await _upsert(house, ANN)
    before = await house.identities.revision()

    await _upsert(house, ANN)
    same = await house.identities.revision()
    await _upsert(house, replace(ANN, groups=("admins",)))

    assert same == before
    assert (await house.identities.revision()).number == before.number + 1
    assert await house.actions() == [("user.sign-in", "done")] * 3


async def test_two_first_visits_at_once_make_one_user(house: House, tmp_path: Path) -> None:
    """In one process or in two."""
    seen: list[str] = []

    async def visit(where: House) -> None:
        seen.append((await _upsert(where, ANN)).id)

    async with open_house(tmp_path, clock=house.clock) as other, anyio.create_task_group() as group:
        for where in (house, other, house, other):
            group.start_soon(visit, where)

    assert len(seen) == 4
    assert len(set(seen)) == 1


async def test_after_deletion_a_visit_makes_a_new_user(house: House) -> None:
    """The old one is gone for good."""
    first = await _upsert(house, ANN)

    await house.identities.delete_user(ADMIN, first.id)
    second = await _upsert(house, ANN)

    assert second.id != first.id
    assert (await _upsert(house, ANN)).id == second.id


@pytest.mark.parametrize("subject", ["", "x" * 256])
async def test_a_subject_that_cannot_be_is_refused(house: House, subject: str) -> None:
    """OpenID Connect allows 255 characters."""
    with pytest.raises(IntertieError, match="names no subject"):
        await _upsert(house, replace(ANN, subject=subject))
