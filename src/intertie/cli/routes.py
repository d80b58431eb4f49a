"""`routes` and `explain request`: what the gateway does, by the suite file alone."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from intertie.cli import render
from intertie.cli.openapi import with_documents
from intertie.cli.options import Target, json_option, suite_options

if TYPE_CHECKING:
    from intertie.control.routes import RequestExplained


@click.command()
@suite_options
@json_option
def routes(target: Target, as_json: bool) -> None:
    """List the gateway's routes in the order they are tried, with what each asks for."""
    from intertie.control.routes import list_routes
    from intertie.suite import load

    loaded = with_documents(load(target.file, environment=target.environment))
    found = list_routes(loaded)
    if as_json:
        render.as_json([asdict(each) for each in found])
        return
    rows = [
        [
            each.path,
            ",".join(each.methods),
            each.target,
            ",".join(each.auth) or "open",
            ",".join(each.roles) or "-",
            each.rate or "-",
            "yes" if each.cached else "-",
            each.place,
        ]
        for each in found
    ]
    render.table(rows, ("PATH", "METHODS", "TO", "AUTH", "ROLES", "RATE", "CACHED", "PLACE"))


@click.command("request")
@click.argument("method")
@click.argument("path")
@click.option("--header", "-H", "headers", multiple=True, metavar="'NAME: VALUE'", help="As curl.")
@suite_options
@json_option
def explain_request(
    target: Target, method: str, path: str, headers: Sequence[str], as_json: bool
) -> None:
    """Say what would become of a request, and which lines of the file decide.

    Nothing has to run: the file says it all. Of credentials only their kind is looked at.
    """
    from intertie.control import routes as control
    from intertie.suite import load

    sent = dict(_header(each) for each in headers)
    loaded = with_documents(load(target.file, environment=target.environment))
    found = control.explain_request(loaded, method, path, sent)
    if as_json:
        render.as_json(asdict(found))
    else:
        _show(found)


def _header(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon or not name.strip():
        raise click.UsageError(f"expected 'NAME: VALUE', got {text!r}")
    return name.strip(), value.strip()


def _show(found: "RequestExplained") -> None:
    told = f"{found.status} " if found.status else ""
    click.echo(f"{told}{found.why}")
    if found.route:
        click.echo(f"route {found.route}  {found.place}")
    if found.reasons:
        rows = [[each.policy, each.value, each.key, each.place] for each in found.reasons]
        render.table(rows, ("POLICY", "VALUE", "KEY", "PLACE"))
