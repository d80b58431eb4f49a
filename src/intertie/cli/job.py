"""`run`: a service's program once, or another command in its place."""

import signal
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import click

from intertie.cli import render
from intertie.cli.client import Client
from intertie.cli.options import Target, json_option, suite_options
from intertie.errors import ChangeError

_SIGNALLED = 128
"""A shell's exit code for a program that a signal ended is this plus its number."""


@click.command(context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@suite_options
@json_option
@click.option(
    "--environment", "-E", "variables", multiple=True, metavar="NAME=VALUE", help="Added to it."
)
@click.option("--no-deps", is_flag=True, help="Do not start what SERVICE depends on.")
@click.argument("service")
@click.argument("command", nargs=-1, type=click.UNPROCESSED)
def run(
    *,
    target: Target,
    service: str,
    command: Sequence[str],
    variables: Sequence[str],
    no_deps: bool,
    as_json: bool,
) -> int:
    """Run the program of SERVICE once, or COMMAND in its place, and print what it prints.

    It has the environment of the service. The exit code is that of the program; Ctrl-C ends it.
    """
    body = {
        "command": list(command),
        "environment": dict(map(_variable, variables)),
        "no_deps": no_deps,
    }
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with Client.connect(target.folder) as client:
        for item in client.events_of_post(f"/api/services/{service}/run", body):
            if as_json:
                render.json_line(item)
            code = _take(item, quiet=as_json)
            if code is not None:
                return code
    raise ChangeError(f"cannot run {service!r}: the daemon ended before it did")


def _take(item: Mapping[str, Any], *, quiet: bool) -> int | None:
    """Print a line; the exit code when it has ended."""
    if "error" in item:
        raise ChangeError(item["error"])
    if "exit_code" in item:
        code, number = item["exit_code"], item["signal"]
        return int(code) if code is not None else _SIGNALLED + int(number or 0)
    if not quiet:
        print(item["text"], file=sys.stderr if item["stream"] == "err" else sys.stdout, flush=True)
    return None


def _variable(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise click.UsageError(f"expected NAME=VALUE, got {text!r}")
    return name, value
