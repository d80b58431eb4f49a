"""Logins against a real OpenLDAP server."""

import socket
from collections.abc import Iterator
from dataclasses import replace

import pytest
import trustme

from intertie.identity.sso import ProviderError
from intertie.identity.sso.directory import Directory, LdapSettings
from tests.identity.sso.slapd import BASE, PASSWORD, READER, READER_PASSWORD, Server, slapd

pytestmark = [pytest.mark.anyio, pytest.mark.slow]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One for all tests: none changes it."""
    with slapd(tmp_path_factory.mktemp("ldap") / "slapd") as found:
        yield found


@pytest.fixture
def settings(server: Server) -> LdapSettings:
    """As a suite has them."""
    return LdapSettings(
        "office",
        server.plain,
        f"ou=people,{BASE}",
        ca_file=server.ca_file,
        bind_dn=READER,
        bind_password=READER_PASSWORD,
    )


@pytest.mark.parametrize("login", ["ada", "ADA"])
async def test_a_password_is_checked(settings: LdapSettings, login: str) -> None:
    """The person has the name, the address and the groups of its entry."""
    person = await Directory(settings).check(login, PASSWORD)

    assert person is not None
    assert (person.subject, person.email) == (f"uid=ada,ou=people,{BASE}", "ada@example.com")
    assert person.email_verified
    assert (person.name, person.groups) == ("Ada Lovelace", ("admins", "users"))


async def test_over_tls_from_the_start(settings: LdapSettings, server: Server) -> None:
    """`ldaps` as well as START_TLS."""
    person = await Directory(replace(settings, url=server.secure)).check("ada", PASSWORD)

    assert person is not None


async def test_groups_by_search(settings: LdapSettings) -> None:
    """Below a base, by a filter, also of somebody whose name is full of signs."""
    directory = Directory(replace(settings, group_base=f"ou=groups,{BASE}"))

    ada = await directory.check("ada", PASSWORD)
    odd = await directory.check("odd,(one)*", PASSWORD)

    assert ada is not None
    assert ada.groups == ("admins", "users")
    assert odd is not None
    assert odd.groups == ("admins",)


@pytest.mark.parametrize(
    ("login", "password"),
    [
        ("ada", "wrong"),
        ("ada", ""),
        ("", PASSWORD),
        ("nobody", PASSWORD),
        ("*", PASSWORD),
        ("ad*", PASSWORD),
        ("ada)(uid=*", PASSWORD),
        ("*)(|(uid=ada", PASSWORD),
        ("ada\x00", PASSWORD),
        ("ada", f"{PASSWORD}\x00x"),
        ("a" * 300, PASSWORD),
        ("ada", "x" * 2000),
        ("ada@example.com", PASSWORD),
    ],
)
async def test_who_is_not_let_in(settings: LdapSettings, login: str, password: str) -> None:
    """Wrong, empty, too long, of two people, or more filter than name."""
    assert await Directory(settings).check(login, password) is None


async def test_a_server_that_nobody_vouches_for(settings: LdapSettings, server: Server) -> None:
    """No password is sent to it."""
    for url in (server.plain, server.secure):
        with pytest.raises(ProviderError, match="cannot ask the directory"):
            await Directory(replace(settings, url=url, ca_file=None)).check("ada", PASSWORD)


async def test_a_server_of_another_name(settings: LdapSettings, server: Server) -> None:
    """A good certificate for somebody else is not enough."""
    by_number = server.secure.replace("localhost", "127.0.0.1")

    with pytest.raises(ProviderError):
        await Directory(replace(settings, url=by_number)).check("ada", PASSWORD)


async def test_a_server_of_another_authority(settings: LdapSettings, tmp_path: "object") -> None:
    """Only the authority that the suite names counts."""
    other = f"{tmp_path}/other.pem"
    trustme.CA().cert_pem.write_to_path(other)

    with pytest.raises(ProviderError):
        await Directory(replace(settings, ca_file=other)).check("ada", PASSWORD)


async def test_a_directory_that_is_away(settings: LdapSettings) -> None:
    """Nobody is let in, and it is said why."""
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        url = f"ldap://localhost:{nobody.getsockname()[1]}"
        with pytest.raises(ProviderError, match="Can't contact LDAP server"):
            await Directory(replace(settings, url=url)).check("ada", PASSWORD)


async def test_a_reader_that_may_not(settings: LdapSettings) -> None:
    """The suite's own wrong password is a fault of the suite, not of the user."""
    with pytest.raises(ProviderError, match="Invalid credentials"):
        await Directory(replace(settings, bind_password="no")).check("ada", PASSWORD)


def test_passwords_are_not_shown(settings: LdapSettings) -> None:
    """Not even to who prints the settings."""
    assert READER_PASSWORD not in repr(settings)
