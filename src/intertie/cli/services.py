"""Commands about running services."""

from collections.abc import Sequence

import click

from intertie.cli import render
from intertie.cli.change import follow
from intertie.cli.client import Client
from intertie.cli.options import Target, json_option, suite_options

_names = click.argument("services", nargs=-1, required=True)


@click.command()
@suite_options
@json_option
def ps(target: Target, as_json: bool) -> None:
    """List services, the gateway included, with state, pid, port and why."""
    with Client.connect(target.folder) as client:
        answer = client.get("/api/services", limit=1000)
    if as_json:
        render.as_json(answer["items"])
    else:
        render.services(answer)


@click.command()
@suite_options
@json_option
@click.argument("services", nargs=-1)
@click.option("--follow", "-F", is_flag=True, help="Go on printing as lines arrive.")
@click.option(
    "--tail", "-n", default=100, show_default=True, help="Lines to begin with, a service."
)
def logs(target: Target, services: Sequence[str], follow: bool, tail: int, as_json: bool) -> None:
    """Print the logs of SERVICES (default: all), oldest first."""
    with Client.connect(target.folder) as client:
        lines = client.events(
            "/api/logs", services=list(services) or None, follow=follow, tail=tail
        )
        for line in lines:
            if as_json:
                render.json_line(line)
            else:
                render.log_line(line, width=24)


@click.command()
@suite_options
@json_option
@_names
def start(target: Target, services: Sequence[str], as_json: bool) -> None:
    """Start SERVICES and what they depend on; wait until they are ready."""
    _act(target, "start", services, as_json)


@click.command()
@suite_options
@json_option
@_names
def stop(target: Target, services: Sequence[str], as_json: bool) -> None:
    """Stop SERVICES, and first those that depend on them."""
    _act(target, "stop", services, as_json)


@click.command()
@suite_options
@json_option
@_names
def restart(target: Target, services: Sequence[str], as_json: bool) -> None:
    """Restart SERVICES, one replica after the other; wait until they are ready."""
    _act(target, "restart", services, as_json)


def _act(target: Target, action: str, services: Sequence[str], as_json: bool) -> None:
    with Client.connect(target.folder) as client:
        change = client.post(f"/api/services/{action}", {"services": list(services)})["id"]
        final = follow(client, change, quiet=as_json)
    if as_json:
        render.as_json(final)
