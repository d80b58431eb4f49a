"""Commands about the suite file."""

from typing import TYPE_CHECKING

import click

from intertie.cli import render
from intertie.cli.change import follow
from intertie.cli.client import Client
from intertie.cli.openapi import with_documents
from intertie.cli.options import Target, json_option, suite_options
from intertie.errors import SuiteError

if TYPE_CHECKING:
    from intertie.suite.load import Loaded


@click.command()
@suite_options
@json_option
def check(target: Target, as_json: bool) -> None:
    """Check the suite file and print every fault with its place; exit code 2 if there are any."""
    try:
        loaded = whole(target)
    except SuiteError as exc:
        if as_json:
            render.as_json({"valid": False, "faults": [render.fault(f) for f in exc.faults]})
            raise click.exceptions.Exit(2) from exc
        raise
    if as_json:
        render.as_json({"valid": True, "faults": []})
        return
    suite = loaded.suite
    routes = len(suite.gateway.routes) if suite.gateway else 0
    click.echo(f"{target.file} is valid: {len(suite.services)} services, {routes} routes")


def whole(target: Target) -> "Loaded":
    """The suite with all that is looked at before anything starts. Raises SuiteError."""
    from intertie.control.declared import check as check_parts
    from intertie.suite import load

    loaded = with_documents(load(target.file, environment=target.environment))
    check_parts(loaded)
    return loaded


@click.command()
def schema() -> None:
    """Print the JSON Schema of the suite file, for editors."""
    from intertie.suite.schema import render as render_schema

    click.echo(render_schema(), nl=False)


@click.command()
@suite_options
@json_option
def plan(target: Target, as_json: bool) -> None:
    """Say what `apply` would do, and why; nothing is changed."""
    with Client.connect(target.folder) as client:
        answer = client.get("/api/plan")
    if as_json:
        render.as_json(answer)
        return
    for line in answer["lines"]:
        click.echo(line)


@click.command()
@suite_options
@json_option
def apply(target: Target, as_json: bool) -> None:
    """Bring the running suite to what the file says; only what differs is touched."""
    with Client.connect(target.folder) as client:
        change = client.post("/api/apply")["id"]
        final = follow(client, change, quiet=as_json)
    if as_json:
        render.as_json(final)
    elif not final["steps"]:
        click.echo("nothing to do: the suite is as the file says")
