"""`key`: API keys."""

from datetime import UTC, datetime, timedelta
from typing import Any

import click

from intertie.cli import render
from intertie.cli.client import Client
from intertie.cli.identity import every, moment, path, plain, tenant_option, user_id, words
from intertie.cli.options import Target, json_option, suite_options
from intertie.cli.running import addresses
from intertie.suite.values import parse_duration


@click.group()
def key() -> None:
    """API keys: for programs, shown once."""


@key.command()
@suite_options
@json_option
@tenant_option
@click.argument("name")
@click.option("--owner", metavar="LOGIN", help="Ends with this user, and has its roles at most.")
@click.option("--role", "roles", multiple=True, help="A role; may be repeated.")
@click.option("--scope", "scopes", multiple=True, help="A scope; may be repeated.")
@click.option("--cidr", "cidrs", multiple=True, help="Where it may be used from; may be repeated.")
@click.option("--expires", metavar="DURATION", help="After so long, such as 90d.")
@click.option("--sealed", is_flag=True, help="Keep it encrypted, for a gateway that never asks.")
def create(
    *,
    target: Target,
    name: str,
    as_json: bool,
    owner: str | None,
    expires: str | None,
    sealed: bool,
    **given: Any,  # Any: options as they are named
) -> None:
    """Make an API key; its text is printed once and kept nowhere."""
    body = {option: value for option, value in given.items() if value}
    body |= {"name": name, "mode": "sealed" if sealed else "hashed"}
    with Client.connect(target.folder) as client:
        if owner is not None:
            body["owner"] = user_id(client, owner, given["tenant"])
        if expires is not None:
            body["expires"] = _from_now(expires)
        made = client.post("/api/keys", body)
    _show_once(target, made, as_json=as_json)


@key.command("list")
@suite_options
@json_option
@click.option("--tenant", metavar="NAME", help="Of this tenant only.")
def list_keys(target: Target, tenant: str | None, as_json: bool) -> None:
    """List API keys, oldest first."""
    with Client.connect(target.folder) as client:
        found = list(every(client, "/api/keys", tenant=tenant))
    if as_json:
        render.as_json(found)
        return
    rows = [
        [
            each["id"],
            plain(each["name"]),
            each["tenant"],
            each["state"],
            words(each["roles"]),
            ", ".join(f"…{one['last4']}" for one in each["secrets"]),
            moment(each["expires"]),
            moment(each["last_used"]),
        ]
        for each in found
    ]
    headings = ("ID", "NAME", "TENANT", "STATE", "ROLES", "ENDS IN", "EXPIRES", "LAST USED")
    render.table(rows, headings)


@key.command()
@suite_options
@json_option
@click.argument("id")
@click.option("--overlap", metavar="DURATION", default="24h", show_default=True)
def rotate(target: Target, id: str, overlap: str, as_json: bool) -> None:
    """Give the key ID a new text; the one before opens until the overlap is over."""
    with Client.connect(target.folder) as client:
        made = client.post(f"{path('keys', id)}/rotate", {"overlap": overlap})
    _show_once(target, made, as_json=as_json)


@key.command()
@suite_options
@json_option
@click.argument("id")
@click.option("--delete", is_flag=True, help="Take it out of the list too.")
def revoke(target: Target, id: str, delete: bool, as_json: bool) -> None:
    """End the key ID at once, for good."""
    with Client.connect(target.folder) as client:
        answer = client.post(f"{path('keys', id)}/revoke")
        if delete:
            client.delete(path("keys", id))
    if as_json:
        render.as_json(answer)
    else:
        click.echo(f"revoked {plain(answer['name'])}")


@key.command("rotate-master")
@suite_options
@json_option
def rotate_master(target: Target, *, as_json: bool) -> None:
    """Seal all that is kept sealed under a new master key; keys and apps go on."""
    with Client.connect(target.folder) as client:
        answer = client.post("/api/keys/rotate-master")
    if as_json:
        render.as_json(answer)
    else:
        click.echo(f"sealed {answer['count']} anew")


def _show_once(target: Target, made: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        render.as_json(made)
        return
    click.echo(made["text"])
    url = addresses(target.folder).get("gateway", "http://GATEWAY")
    click.echo("this is the only sight of it; use it so:", err=True)
    click.echo(f"  curl -H 'x-api-key: {made['text'][:24]}…' {url}/", err=True)


def _from_now(span: str) -> str:
    try:
        seconds = parse_duration(span)
    except ValueError as exc:
        raise click.UsageError(str(exc)) from exc
    return (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat()
