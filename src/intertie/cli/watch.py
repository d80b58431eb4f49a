"""Commands about what happened."""

import click

from intertie.cli import render
from intertie.cli.client import Client
from intertie.cli.options import Target, json_option, suite_options


@click.command()
@suite_options
@json_option
@click.option("--follow", "-F", is_flag=True, help="Go on printing as events happen.")
def events(target: Target, follow: bool, as_json: bool) -> None:
    """Print recent events: starts, stops, health, changes, gateway generations."""
    with Client.connect(target.folder) as client:
        for item in client.events("/api/events", follow=follow):
            if as_json:
                render.json_line(item)
            else:
                render.event(item)


@click.command()
@suite_options
@json_option
@click.argument("change", required=False)
@click.option("--abort", is_flag=True, help="Abort the change named.")
def changes(target: Target, change: str | None, abort: bool, as_json: bool) -> None:
    """List changes, newest first, or show one with its steps."""
    if abort and not change:
        raise click.UsageError("--abort needs the id of a change")
    with Client.connect(target.folder) as client:
        if abort:
            client.post(f"/api/changes/{change}/abort")
        answer = client.get(f"/api/changes/{change}" if change else "/api/changes")
    if as_json:
        render.as_json(answer)
    elif change:
        render.change(answer)
    else:
        render.changes(answer)
