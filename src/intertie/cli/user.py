"""`user`: who may come in."""

from collections.abc import Sequence
from typing import Any

import click

from intertie.cli import render
from intertie.cli.client import Client
from intertie.cli.identity import (
    every,
    facts,
    moment,
    new_password,
    plain,
    tenant_option,
    user_path,
    words,
)
from intertie.cli.options import Target, json_option, suite_options

_password_file = click.option(
    "--password-file", metavar="FILE", help="Read the password from FILE; - is standard input."
)


@click.group()
def user() -> None:
    """Users: who may come in."""


@user.command()
@suite_options
@json_option
@tenant_option
@_password_file
@click.argument("login")
@click.option("--no-password", is_flag=True, help="It comes in by single sign-on only.")
@click.option("--email", help="Its address.")
@click.option("--verified", is_flag=True, help="The address is known to be theirs.")
@click.option("--name", help="As people call it.")
@click.option("--phone", metavar="NUMBER", help="As +491701234567.")
@click.option("--group", "groups", multiple=True, help="A group it is in; may be repeated.")
@click.option("--role", "roles", multiple=True, help="A role of its own; may be repeated.")
def add(
    *,
    target: Target,
    login: str,
    as_json: bool,
    password_file: str | None,
    no_password: bool,
    verified: bool,
    **given: Any,  # Any: options as they are named
) -> None:
    """Create the user LOGIN; its password is asked for, unless a file holds it."""
    body = {name: value for name, value in given.items() if value}
    body |= {"login": login, "email_verified": verified}
    if not no_password:
        body["password"] = new_password(password_file)
    with Client.connect(target.folder) as client:
        made = client.post("/api/users", body)
    if as_json:
        render.as_json(made)
    else:
        click.echo(f"created {plain(made['login'])} with roles {words(made['roles'])}")


@user.command("list")
@suite_options
@json_option
@click.option("--tenant", metavar="NAME", help="Of this tenant only.")
@click.option("--search", metavar="TEXT", help="Part of a login, a name or an e-mail address.")
@click.option("--group", help="In this group.")
@click.option("--role", help="With this role.")
def list_users(target: Target, as_json: bool, **wanted: str | None) -> None:
    """List users, oldest first."""
    with Client.connect(target.folder) as client:
        found = list(every(client, "/api/users", **wanted))
    if as_json:
        render.as_json(found)
        return
    rows = [
        [
            plain(each["login"]),
            each["tenant"],
            "enabled" if each["enabled"] else "disabled",
            words(each["groups"]),
            words(each["roles"]),
            plain(each["email"]) or "-",
        ]
        for each in found
    ]
    render.table(rows, ("LOGIN", "TENANT", "STATE", "GROUPS", "ROLES", "E-MAIL"))


@user.command()
@suite_options
@json_option
@tenant_option
@click.argument("login")
def show(target: Target, login: str, tenant: str | None, as_json: bool) -> None:
    """Show the user LOGIN: groups, roles, how it comes in, its sessions."""
    with Client.connect(target.folder) as client:
        found = client.get(user_path(client, login, tenant))
    if as_json:
        render.as_json(found)
        return
    verified = "verified" if found["email_verified"] else "not verified"
    facts(
        {
            "login": found["login"],
            "id": found["id"],
            "tenant": found["tenant"],
            "state": "enabled" if found["enabled"] else "disabled",
            "name": found["name"] or "-",
            "e-mail": f"{found['email']} ({verified})" if found["email"] else "-",
            "phone": found["phone"] or "-",
            "created": moment(found["created"]),
            "groups": found["groups"],
            "roles": found["roles"],
            "password": "yes" if found["has_password"] else "no",
            "accounts": found["accounts"],
            "factors": found["factors"],
            "sessions": found["sessions"],
            "keys": found["keys"],
        }
    )


@user.command()
@suite_options
@json_option
@tenant_option
@click.argument("login")
def disable(target: Target, login: str, tenant: str | None, as_json: bool) -> None:
    """Shut LOGIN out: its sessions, tokens and keys end."""
    _post(target, login, tenant, "disable", as_json=as_json)


@user.command()
@suite_options
@json_option
@tenant_option
@click.argument("login")
def enable(target: Target, login: str, tenant: str | None, as_json: bool) -> None:
    """Let LOGIN in again."""
    _post(target, login, tenant, "enable", as_json=as_json)


@user.command()
@suite_options
@tenant_option
@click.argument("login")
@click.option("--yes", is_flag=True, help="Do not ask.")
def remove(target: Target, login: str, tenant: str | None, yes: bool) -> None:
    """Remove LOGIN and everything that is its own: keys, passkeys, sessions."""
    with Client.connect(target.folder) as client:
        place = user_path(client, login, tenant)
        if not yes:
            click.confirm(f"Remove {plain(login)} for good?", abort=True, err=True)
        client.delete(place)
    click.echo(f"removed {plain(login)}")


@user.command()
@suite_options
@tenant_option
@_password_file
@click.argument("login")
@click.option("--none", "without", is_flag=True, help="Take the password away.")
def password(
    target: Target, login: str, tenant: str | None, password_file: str | None, without: bool
) -> None:
    """Give LOGIN a new password; who was logged in no longer is."""
    with Client.connect(target.folder) as client:
        place = f"{user_path(client, login, tenant)}/password"
        if without:
            client.delete(place)
        else:
            client.put(place, {"password": new_password(password_file)})
    click.echo(f"{plain(login)} has {'no' if without else 'a new'} password")


@user.command()
@suite_options
@json_option
@tenant_option
@click.argument("login")
@click.argument("groups", nargs=-1)
@click.option("--none", "without", is_flag=True, help="Take it out of every group.")
def groups(
    *,
    target: Target,
    login: str,
    groups: Sequence[str],
    tenant: str | None,
    without: bool,
    as_json: bool,
) -> None:
    """Let LOGIN be in GROUPS and no other; without any, say which it is in."""
    with Client.connect(target.folder) as client:
        place = user_path(client, login, tenant)
        if groups or without:
            found = client.put(f"{place}/groups", {"groups": [] if without else list(groups)})
        else:
            found = client.get(place)
    if as_json:
        render.as_json(found)
    else:
        facts({"groups": found["groups"], "roles": found["roles"]})


@user.command()
@suite_options
@tenant_option
@click.argument("login")
def logout(target: Target, login: str, tenant: str | None) -> None:
    """End every session of LOGIN, and every token made for it."""
    with Client.connect(target.folder) as client:
        client.delete(f"{user_path(client, login, tenant)}/sessions")
    click.echo(f"{plain(login)} is logged out")


@user.command("reset-factor")
@suite_options
@json_option
@tenant_option
@click.argument("login")
def reset_factor(target: Target, login: str, tenant: str | None, as_json: bool) -> None:
    """Forget the authenticator app and the passkeys of LOGIN, when they are lost."""
    with Client.connect(target.folder) as client:
        answer = client.send("DELETE", f"{user_path(client, login, tenant)}/factors", b"")
    if as_json:
        render.as_json(answer)
    else:
        click.echo(f"forgot of {plain(login)}: {words(answer['removed'])}")


def _post(target: Target, login: str, tenant: str | None, verb: str, *, as_json: bool) -> None:
    with Client.connect(target.folder) as client:
        found = client.post(f"{user_path(client, login, tenant)}/{verb}")
    if as_json:
        render.as_json(found)
    else:
        click.echo(f"{plain(login)} is {'enabled' if found['enabled'] else 'disabled'}")
