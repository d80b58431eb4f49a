"""`role` and `group`: what users may do, and what gives it to them."""

import click

from intertie.cli import render
from intertie.cli.client import Client
from intertie.cli.identity import every, path, plain, tenant_option, words
from intertie.cli.options import Target, json_option, suite_options


@click.group()
def role() -> None:
    """Roles: given by groups, needed by routes."""


@role.command("list")
@suite_options
@json_option
def list_roles(target: Target, as_json: bool) -> None:
    """List the roles of the suite file: which groups give them, how many routes need them."""
    with Client.connect(target.folder) as client:
        found = list(every(client, "/api/roles"))
    if as_json:
        render.as_json(found)
        return
    rows = [
        [
            plain(each["name"]),
            words(each["groups"]),
            words([route["path"] for route in each["routes"]]),
            each["api"] or "-",
        ]
        for each in found
    ]
    render.table(rows, ("ROLE", "GIVEN BY", "NEEDED BY", "MANAGEMENT API"))


@role.command()
@suite_options
@json_option
@click.argument("name")
def show(target: Target, name: str, as_json: bool) -> None:
    """Show a role: which groups give it, which routes need it, and who has it."""
    with Client.connect(target.folder) as client:
        found = client.get(path("roles", name))
        users = list(every(client, f"{path('roles', name)}/users"))
    if as_json:
        render.as_json({**found, "users": users})
        return
    click.echo(f"given by   {words(found['groups'])}")
    click.echo(f"opens API  {found['api'] or '-'}")
    click.echo(f"users      {words([each['login'] for each in users])}")
    for route in found["routes"]:
        click.echo(f"route      {plain(route['path'])} {'|'.join(route['methods'])}")


@click.group()
def group() -> None:
    """Groups: users that have something in common."""


@group.command("list")
@suite_options
@json_option
@click.option("--tenant", metavar="NAME", help="Of this tenant only.")
def list_groups(target: Target, tenant: str | None, as_json: bool) -> None:
    """List groups: those of the suite file, which all tenants have, and those made since."""
    with Client.connect(target.folder) as client:
        found = list(every(client, "/api/groups", tenant=tenant))
    if as_json:
        render.as_json(found)
        return
    rows = [
        [plain(each["name"]), each["tenant"] or "(all)", words(each["roles"])] for each in found
    ]
    render.table(rows, ("GROUP", "TENANT", "ROLES"))


@group.command()
@suite_options
@json_option
@tenant_option
@click.argument("name")
@click.option("--description", default="", help="What it is for.")
def create(target: Target, name: str, description: str, tenant: str | None, as_json: bool) -> None:
    """Create a group; which roles it gives is said by `group_mapping` of the suite file."""
    body = {"name": name, "description": description, "tenant": tenant}
    with Client.connect(target.folder) as client:
        made = client.post("/api/groups", body)
    if as_json:
        render.as_json(made)
    else:
        click.echo(f"created {plain(made['name'])} in {made['tenant']}")


@group.command()
@suite_options
@tenant_option
@click.argument("name")
def remove(target: Target, name: str, tenant: str | None) -> None:
    """Take everyone out of a group and remove it."""
    with Client.connect(target.folder) as client:
        client.send("DELETE", path("groups", name), b"", tenant=tenant)
    click.echo(f"removed {plain(name)}")
