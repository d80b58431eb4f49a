"""`user`: who may come in."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from intertie.identity.users import User
from tests.identity.manor import PASSWORD, ROOT, Manor, open_manor

pytestmark = [pytest.mark.anyio, pytest.mark.slow]


@pytest.fixture
async def manor(tmp_path: Path) -> AsyncIterator[Manor]:
    """A running suite with users and keys."""
    async with open_manor(tmp_path) as made:
        yield made


async def test_a_user_is_added_listed_shown_and_removed(manor: Manor) -> None:
    """As text for people, and as JSON."""
    added = await manor.ok(
        "user", "add", "ann", "--password-file", "-", "--group", "admins", typed=f"{PASSWORD}\n"
    )
    await manor.ok("user", "add", "dee", "--no-password", "--tenant", "acme")
    table = (await manor.ok("user", "list")).out
    listed = (await manor.ok("user", "list", "--tenant", "acme", "--json")).json()
    shown = (await manor.ok("user", "show", "ann")).out
    await manor.ok("user", "remove", "ann", "--yes")
    gone = await manor.run("user", "show", "ann")

    assert added.out == "created ann with roles admin, superuser\n"
    assert [line.split()[:2] for line in table.splitlines()[1:]] == [
        ["ann", "default"],
        ["dee", "acme"],
    ]
    assert [each["login"] for each in listed] == ["dee"]
    assert "password  yes" in shown
    assert (gone.code, gone.err) == (
        1,
        "error: cannot find user 'ann' in tenant 'default'; see `intertie user list`\n",
    )


async def test_a_password_is_never_an_argument(manor: Manor) -> None:
    """It comes from a file or by hand; with neither, that is said."""
    await manor.add("ann")
    (manor.folder / "word").write_text(f"{PASSWORD}\n")
    nobody = await manor.run("user", "password", "ann")
    missing = await manor.run("user", "password", "ann", "--password-file", "nowhere")
    weak = await manor.run("user", "password", "ann", "--password-file", "-", typed="short")
    await manor.ok("user", "password", "ann", "--password-file", "word")
    found = await manor.identities.passwords.login(ROOT, "ann", PASSWORD)
    none = await manor.ok("user", "password", "ann", "--none")

    assert (nobody.code, missing.code, weak.code) == (2, 1, 1)
    assert "--password-file FILE" in nobody.err
    assert isinstance(found, User)
    assert none.out == "ann has no password\n"
    assert not isinstance(await manor.identities.passwords.login(ROOT, "ann", PASSWORD), User)


async def test_a_user_is_shut_out_and_let_in(manor: Manor) -> None:
    """By one command each; a logout leaves it enabled."""
    ann = await manor.add("ann")
    off = (await manor.ok("user", "disable", "ann")).out
    on = (await manor.ok("user", "enable", "ann", "--json")).json()
    out = (await manor.ok("user", "logout", "ann")).out
    reset = (await manor.ok("user", "reset-factor", "ann")).out

    assert (off, on["enabled"]) == ("ann is disabled\n", True)
    assert (out, reset) == ("ann is logged out\n", "forgot of ann: -\n")
    assert (await manor.identities.users.get(ann)).enabled


async def test_the_groups_of_a_user_are_shown_and_set(manor: Manor) -> None:
    """All at once; without any they stay."""
    await manor.add("ann", groups=("users",))
    await manor.ok("user", "groups", "ann", "admins", "clerks")
    shown = (await manor.ok("user", "groups", "ann")).out
    unknown = await manor.run("user", "groups", "ann", "nowhere")
    none = (await manor.ok("user", "groups", "ann", "--none", "--json")).json()

    assert shown == "groups  admins, clerks\nroles   admin, clerk, superuser\n"
    assert unknown.code == 1
    assert "group_mapping" in unknown.err
    assert none["groups"] == []


async def test_removing_asks_first(manor: Manor) -> None:
    """Anything but yes leaves the user there."""
    await manor.add("ann")
    answer = await manor.run("user", "remove", "ann", typed="n\n")

    assert answer.code == 130
    assert (await manor.ok("user", "list", "--json")).json()[0]["login"] == "ann"
