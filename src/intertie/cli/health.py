"""`health`: the health of everything, for people, scripts and Terraform."""

import json
import sys

import click

from intertie.cli import render
from intertie.cli.client import Client
from intertie.cli.options import Target, json_option, suite_options

EXIT_NOT_UP = 1


@click.command()
@suite_options
@json_option
@click.option("--external", is_flag=True, help="Print what a Terraform external data source wants.")
@click.option("--exit-code", is_flag=True, help="End with 1 unless everything is UP.")
def health(target: Target, external: bool, exit_code: bool, as_json: bool) -> int:
    """Show whether each service is UP, DEGRADED or DOWN, and why."""
    if external and not sys.stdin.isatty():
        sys.stdin.read()  # the query: there is nothing to be asked
    with Client.connect(target.folder) as client:
        report = client.report("/api/health")
    if external:
        services = {name: found["status"] for name, found in report["services"].items()}
        click.echo(json.dumps({"status": report["status"], **services}))
    elif as_json:
        render.as_json(report)
    else:
        render.health(report)
    return EXIT_NOT_UP if exit_code and report["status"] != "UP" else 0
