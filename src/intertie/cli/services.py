"""Commands about running services."""

import re
from collections.abc import Sequence

import click

from intertie.cli import render
from intertie.cli.change import follow
from intertie.cli.client import Client
from intertie.cli.options import Target, json_option, suite_options

_LEVELS = ("trace", "debug", "info", "warning", "error", "critical")
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
@click.option("--stream", type=click.Choice(["out", "err"]), help="Standard output or error only.")
@click.option("--grep", metavar="REGEX", help="Lines with a match only.")
@click.option(
    "--level", type=click.Choice(_LEVELS), help="JSON and logfmt lines at least this grave."
)
@click.option("--search", metavar="TEXT", help="Find TEXT in everything kept, rotated parts too.")
@click.option(
    "--trace", metavar="ID", help="All lines of one trace, of all services and of the daemon."
)
def logs(
    *,
    target: Target,
    services: Sequence[str],
    follow: bool,
    tail: int,
    as_json: bool,
    search: str | None,
    trace: str | None,
    **only: str | None,
) -> None:
    """Print the logs of SERVICES (default: all), oldest first."""
    with Client.connect(target.folder) as client:
        named = list(services) or None
        if trace is not None:
            lines = client.get(f"/api/logs/trace/{_trace_id(trace)}")
        elif search is not None:
            lines = client.get(
                "/api/logs/search", services=named, pattern=search, stream=only["stream"]
            )
        else:
            lines = client.events("/api/logs", services=named, follow=follow, tail=tail, **only)
        for line in lines:
            if as_json:
                render.json_line(line)
            else:
                render.log_line(line, width=24)


@click.command()
@suite_options
@json_option
@click.option("--no-deps", is_flag=True, help="Just these, whatever they depend on.")
@_names
def start(target: Target, services: Sequence[str], no_deps: bool, as_json: bool) -> None:
    """Start SERVICES and what they depend on; wait until they are ready."""
    body = {"services": list(services), "no_deps": no_deps}
    _change(target, [("/api/services/start", body)], as_json)


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


@click.command()
@suite_options
@json_option
@click.argument("counts", nargs=-1, required=True, metavar="SERVICE=N...")
def scale(target: Target, counts: Sequence[str], as_json: bool) -> None:
    """Have N replicas of each SERVICE, until the next `apply`; those there are go on."""
    posts = [(f"/api/services/{name}/scale", {"replicas": n}) for name, n in map(_count, counts)]
    _change(target, posts, as_json)


@click.command()
@suite_options
@json_option
@click.argument("service")
def explain(target: Target, service: str, as_json: bool) -> None:
    """Say why SERVICE is where it is: what it waits for, who blocks, why it restarted.

    Also the critical path of its last start: the services whose starts made it start when it did.
    """
    with Client.connect(target.folder) as client:
        answer = client.get(f"/api/services/{service}/explain")
    if as_json:
        render.as_json(answer)
    else:
        render.explanation(answer)


def _trace_id(text: str) -> str:
    """Of an id, or of a whole traceparent."""
    parts = text.strip().lower().split("-")
    found = parts[1] if len(parts) > 1 else parts[0]
    if not re.fullmatch("[0-9a-f]{32}", found):
        raise click.UsageError(f"expected the 32 hexadecimal digits of a trace, got {text!r}")
    return found


def _count(text: str) -> tuple[str, int]:
    name, _, number = text.partition("=")
    if not name or not number.isdecimal() or int(number) < 1:
        raise click.UsageError(f"expected SERVICE=N such as web=3, got {text!r}")
    return name, int(number)


def _act(target: Target, action: str, services: Sequence[str], as_json: bool) -> None:
    _change(target, [(f"/api/services/{action}", {"services": list(services)})], as_json)


def _change(target: Target, posts: Sequence[tuple[str, object]], as_json: bool) -> None:
    with Client.connect(target.folder) as client:
        for path, body in posts:
            final = follow(client, client.post(path, body)["id"], quiet=as_json)
            if as_json:
                render.as_json(final)
