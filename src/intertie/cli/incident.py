"""`incidents` and `incident`: what went wrong, and the post-mortem of it as Markdown."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import click

from intertie.cli import render
from intertie.cli.client import Client
from intertie.cli.options import Target, json_option, suite_options
from intertie.errors import IntertieError, NotFoundError
from intertie.suite.values import parse_duration


@click.command()
@suite_options
@json_option
@click.option(
    "--since", metavar="DURATION", default="24h", show_default=True, help="Of so long, as 7d."
)
def incidents(target: Target, since: str, as_json: bool) -> None:
    """List incidents, the newest first."""
    with Client.connect(target.folder) as client:
        found = _list(client, since)
    if as_json:
        render.as_json(found)
        return
    rows = [
        [
            each["id"],
            each["begin"][:19],
            _took(each["to_recover_s"]),
            ", ".join(each["services"]) or "-",
            ", ".join(each["alerts"]) or "-",
            str(each["told"]),
            each["title"],
        ]
        for each in found
    ]
    render.table(rows, ("INCIDENT", "BEGAN", "TOOK", "SERVICES", "ALERTS", "NOTICES", "WHAT"))


@click.command()
@suite_options
@json_option
@click.argument("id", required=False)
@click.option("--since", metavar="DURATION", help="The newest of so long, as 1h (default: 24h).")
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write to FILE instead of the terminal.",
)
def incident(
    *, target: Target, id: str | None, since: str | None, output: Path | None, as_json: bool
) -> None:
    """Print the post-mortem of the incident ID as Markdown; without ID of the newest."""
    if id is not None and since is not None:
        raise click.UsageError("an ID and --since exclude each other")
    with Client.connect(target.folder) as client:
        wanted = id if id is not None else _newest(client, since or "24h")
        path = f"/api/incidents/{quote(wanted, safe='')}?format="
        text = client.text(path + ("json" if as_json else "markdown"))
    if output is None:
        click.echo(text, nl=not text.endswith("\n"))
        return
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as exc:
        raise IntertieError(f"cannot write {output}: {exc.strerror}") from exc


def _newest(client: Client, since: str) -> str:
    found = _list(client, since)
    if not found:
        raise NotFoundError(
            f"cannot tell of an incident: there was none in the last {since};"
            " `--since 30d` looks further back"
        )
    id: str = found[0]["id"]
    return id


def _list(client: Client, since: str) -> Any:
    try:
        seconds = parse_duration(since)
        start = datetime.now(UTC) - timedelta(seconds=seconds)
    except (ValueError, OverflowError) as exc:
        raise IntertieError(f"cannot use {since!r} as --since: {exc}") from exc
    return client.get("/api/incidents", since=start.isoformat())


def _took(seconds: float | None) -> str:
    return "ongoing" if seconds is None else render.age(timedelta(seconds=seconds))
