"""Users: who there is, and what is done about one."""

import pytest
from pyotp.totp import TOTP

from intertie.control.people import Wanted
from intertie.errors import AccessDeniedError, ConflictError, IntertieError, NotFoundError
from intertie.identity.principal import Principal
from intertie.identity.sso.cookies import Cookies
from intertie.identity.sso.sessions import Lifetimes, Session, Sessions
from tests.control.premises import OF_ACME, READER, ROOT, STRANGER, Premises

pytestmark = pytest.mark.anyio

PASSWORD = "correct horse battery"


class Present:
    """Users of sessions that nobody asks about."""

    async def present(self, user: str, epoch: int) -> Principal | None:
        """See sessions.Users."""
        return None

    async def revision(self) -> object:
        """See sessions.Users."""
        return 0


async def _logins(premises: Premises, wanted: Wanted) -> list[str]:
    found, total = await premises.control.people.list(ROOT, wanted, page=1, limit=50)
    assert total == len(found)
    return [user.login for user in found]


async def test_a_user_is_created_with_all_that_is_given(premises: Premises) -> None:
    """And its password opens at once; what the trail says names who did it, and no password."""
    people, identities = premises.control.people, premises.house.identities

    user = await people.create(
        ROOT, "ann", password=PASSWORD, email="ann@example.com", groups=["admins"], roles=["extra"]
    )

    person = await people.show(ROOT, user.id)
    assert person.roles == ("admin", "extra", "superuser")
    assert (person.has_password, person.factors, person.sessions, person.keys) == (True, (), 0, 0)
    assert (await identities.passwords.login(ROOT.author, "ann", PASSWORD)).id == user.id  # type: ignore[union-attr] # else the test fails
    rows = await identities.audit.page()
    assert {row.actor for row in rows} == {"root"}
    assert {row.via for row in rows} == {"rest"}
    assert all(PASSWORD not in row.detail for row in rows)


async def test_a_weak_password_leaves_no_user_behind(premises: Premises) -> None:
    """Nor does a login that is taken."""
    people = premises.control.people
    await people.create(ROOT, "ann")

    with pytest.raises(IntertieError, match="at least 12"):
        await people.create(ROOT, "bob", password="short")
    with pytest.raises(ConflictError, match="taken"):
        await people.create(ROOT, "ANN", password=PASSWORD)

    assert await _logins(premises, Wanted()) == ["ann"]


async def test_users_are_found_by_what_is_known_of_them(premises: Premises) -> None:
    """A login whatever its case, part of a name or address, a group, a role, a tenant."""
    people = premises.control.people
    await people.create(ROOT, "ann", name="Ann Lee", groups=["admins"])
    await people.create(ROOT, "bob", email="lee@example.com", groups=["users"])
    await people.create(ROOT, "cem", tenant="acme", roles=["admin"])

    assert await _logins(premises, Wanted(login="ANN")) == ["ann"]
    assert await _logins(premises, Wanted(search="lee")) == ["ann", "bob"]
    assert await _logins(premises, Wanted(group="users")) == ["bob"]
    assert await _logins(premises, Wanted(role="admin")) == ["ann", "cem"]
    assert await _logins(premises, Wanted(tenant="acme")) == ["cem"]
    assert await _logins(premises, Wanted(search="zoe")) == []


async def test_pages_part_what_fits(premises: Premises) -> None:
    """With and without a search; the total counts all."""
    for number in range(5):
        await premises.add(f"user{number}")
    people = premises.control.people

    for wanted in (Wanted(), Wanted(search="user")):
        found, total = await people.list(ROOT, wanted, page=2, limit=2)
        assert ([user.login for user in found], total) == (["user2", "user3"], 5)


async def test_tokens_end_with_what_made_them_good(premises: Premises) -> None:
    """When a user is shut out or gone, gets a password, loses a factor, a role or its sessions."""
    people, users = premises.control.people, premises.house.identities.users

    async def is_out(login: str, act: str) -> bool:
        id = await premises.add(login, groups=("admins",))
        claims = {
            "iat": int(premises.clock.seconds),
            "tenant": "default",
            "principal": users.principal(await users.get(id)).client,
        }
        assert not premises.opened.revocations.is_revoked(claims)
        match act:
            case "password":
                await people.set_password(ROOT, id, PASSWORD)
            case "none":
                await people.set_password(ROOT, id, None)
            case "groups":
                await people.update(ROOT, id, groups=["users"])
            case "more":
                await people.update(ROOT, id, groups=["admins", "users"])
            case _:
                await getattr(people, act)(ROOT, id)
        return premises.opened.revocations.is_revoked(claims)

    ends = ("disable", "delete", "end_sessions", "reset_factors", "password", "none", "groups")
    assert [await is_out(f"by-{act}", act) for act in ends] == [True] * len(ends)
    assert not await is_out("promoted", "more")


async def test_lost_second_factors_are_forgotten(premises: Premises) -> None:
    """The app no longer counts; a second time there is nothing to forget."""
    people, totps = premises.control.people, premises.house.identities.totps
    id = await premises.add("ann")
    enrolment = await totps.enrol(ROOT.author, id)
    await totps.confirm(ROOT.author, id, TOTP(enrolment.secret).at(premises.clock()))

    before = (await people.show(ROOT, id)).factors
    first, second = await people.reset_factors(ROOT, id), await people.reset_factors(ROOT, id)

    assert (before, first, second) == (("totp",), ("totp",), ())
    assert (await people.show(ROOT, id)).factors == ()


async def test_sessions_that_have_not_ended_are_counted(premises: Premises) -> None:
    """Not those of before the user was logged out, nor those whose time is over."""
    people, users = premises.control.people, premises.house.identities.users
    id = await premises.add("ann")
    lifetimes = Lifetimes(session_s=10_000.0)
    sessions = Sessions(
        premises.house.records, Cookies(), Present(), lifetimes=lifetimes, now=premises.clock
    )

    async def count() -> int:
        return (await people.show(ROOT, id)).sessions

    await sessions.start(Session(id, epoch=(await users.get(id)).epoch))
    counts = [await count()]
    await people.end_sessions(ROOT, id)
    counts.append(await count())
    await sessions.start(Session(id, epoch=(await users.get(id)).epoch))
    counts.append(await count())
    premises.clock.move(3601)  # nobody used it for an hour
    counts.append(await count())
    await sessions.start(Session(id, epoch=(await users.get(id)).epoch), duration_s=100.0)
    premises.clock.move(101)
    counts.append(await count())

    assert counts == [1, 0, 1, 0, 0]


async def test_only_who_may_manage_sees_people(premises: Premises) -> None:
    """Names of groups are no reason to see addresses."""
    for actor in (READER, STRANGER):
        with pytest.raises(AccessDeniedError):
            await premises.control.people.list(actor, Wanted(), page=1, limit=1)


async def test_what_is_of_another_tenant_is_not_there(premises: Premises) -> None:
    """Told in the same words as what nobody has."""
    ann = await premises.add("ann")
    people = premises.control.people

    with pytest.raises(NotFoundError) as hidden:
        await people.show(OF_ACME, ann)
    with pytest.raises(NotFoundError) as missing:
        await people.show(OF_ACME, "0" * 24)

    assert str(hidden.value).replace(ann, "X") == str(missing.value).replace("0" * 24, "X")
    assert (await people.create(OF_ACME, "eli")).tenant == "acme"
