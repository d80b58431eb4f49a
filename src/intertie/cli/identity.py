"""What the commands about users, keys and tenants share."""

import sys
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

import click

from intertie.cli.client import Client
from intertie.errors import IntertieError, NotFoundError

_PAGE = 1000
_MAX_PASSWORD_FILE = 4096

tenant_option = click.option(
    "--tenant", metavar="NAME", help="Of this tenant (default: the default one)."
)


def path(*segments: str) -> str:
    """`/api/…`, whatever is in a name."""
    return "/".join(["/api", *(quote(segment, safe="") for segment in segments)])


def every(client: Client, place: str, **params: object) -> Iterator[Mapping[str, Any]]:
    """All items of a list that comes in pages."""
    page = 0
    while True:
        page += 1
        answer = client.get(place, page=page, limit=_PAGE, **params)
        yield from answer["items"]
        if page * _PAGE >= answer["total"]:
            return


def user_path(client: Client, login: str, tenant: str | None) -> str:
    """Where a user is. Raises NotFoundError."""
    return path("users", user_id(client, login, tenant))


def user_id(client: Client, login: str, tenant: str | None) -> str:
    """What a user is known by for ever. Raises NotFoundError."""
    home = tenant or "default"
    found = client.get("/api/users", login=login, tenant=home)["items"]
    if not found:
        what = "see `intertie user list`"
        raise NotFoundError(f"cannot find user {login!r} in tenant {home!r}; {what}")
    id: str = found[0]["id"]
    return id


def new_password(file: str | None) -> str:
    """From a file, `-` is standard input; without one it is asked for and not shown."""
    if file is None:
        if not sys.stdin.isatty():
            what = "give --password-file FILE, or - for standard input"
            raise click.UsageError(f"there is nobody to ask for a password: {what}")
        asked: str = click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
        return asked
    try:
        with click.open_file(file, encoding="utf-8") as stream:
            text: str = stream.read(_MAX_PASSWORD_FILE)
    except (OSError, UnicodeDecodeError) as exc:
        raise IntertieError(f"cannot read the password from {file}: {exc}") from exc
    return text.removesuffix("\n").removesuffix("\r")


def plain(text: object) -> str:
    """Nobody's name is able to steer the reader's terminal."""
    return "".join(each if each.isprintable() else ascii(each)[1:-1] for each in str(text))


def words(found: object) -> str:
    """A list on one line."""
    return ", ".join(map(plain, found)) if isinstance(found, list) and found else "-"


def facts(told: Mapping[str, object]) -> None:
    """One fact a line."""
    width = max(map(len, told))
    for name, value in told.items():
        shown = words(value) if isinstance(value, list) else plain(value)
        click.echo(f"{name.ljust(width)}  {shown}")


def moment(text: str | None) -> str:
    """To the minute."""
    return text[:16].replace("T", " ") if text else "-"
