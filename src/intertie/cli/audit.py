"""`audit`: who did what."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from intertie.cli import render
from intertie.cli.client import Client
from intertie.cli.identity import plain
from intertie.cli.options import Target, json_option, suite_options

_PAGE = 1000


@click.group()
def audit() -> None:
    """The audit trail: who did what, in rows that nobody can change unnoticed."""


@audit.command("list")
@suite_options
@json_option
@click.option("--tenant", metavar="NAME", help="About this tenant only.")
@click.option("--by", metavar="NAME", help="Done by this one.")
@click.option("--target", "about", metavar="TENANT/NAME", help="Done to this one.")
@click.option("--limit", "-n", type=click.IntRange(min=1), default=50, show_default=True)
def list_entries(
    *,
    target: Target,
    tenant: str | None,
    by: str | None,
    about: str | None,
    limit: int,
    as_json: bool,
) -> None:
    """List what was done, newest first."""
    with Client.connect(target.folder) as client:
        found = list(_newest(client, limit, tenant=tenant, by=by, target=about))
    if as_json:
        render.as_json(found)
        return
    rows = [
        [
            str(each["seq"]),
            each["at"][:19].replace("T", " "),
            plain(each["actor"]),
            each["action"],
            plain(each["target"]),
            each["outcome"],
            plain(" ".join(f"{name}={value}" for name, value in each["detail"].items())),
        ]
        for each in found
    ]
    render.table(rows, ("ROW", "AT (UTC)", "WHO", "WHAT", "OF", "OUTCOME", "DETAIL"))


@audit.command()
@suite_options
@json_option
@click.option("--anchor", metavar="COUNT:HASH", help="The end of the trail from before.")
def verify(target: Target, anchor: str | None, as_json: bool) -> int:
    """Look whether any row was changed, removed or put in; ends with 1 when one was.

    Prints the anchor of the trail. Kept elsewhere, it shows later that rows were cut off its end.
    """
    with Client.connect(target.folder) as client:
        found = client.get("/api/audit/verify", anchor=anchor)
    if as_json:
        render.as_json(found)
    elif found["intact"]:
        click.echo(f"intact; anchor {found['anchor']}")
    else:
        broken = found["broken"]
        click.echo(f"row {broken['seq']} is not what was written: {broken['why']}", err=True)
    return 0 if found["intact"] else 1


@audit.command()
@suite_options
@click.option("--output", "-o", metavar="FILE", type=click.Path(path_type=Path, dir_okay=False))
def export(target: Target, output: Path | None) -> None:
    """Print every row, oldest first, as a line of JSON; whoever has them can check the chain."""
    with Client.connect(target.folder) as client, client.stream("/api/audit/export") as chunks:
        if output is None:
            _copy(chunks)
            return
        with output.open("wb") as file:
            for chunk in chunks:
                file.write(chunk)
    click.echo(f"wrote {output}", err=True)


def _copy(chunks: Iterator[bytes]) -> None:
    for chunk in chunks:
        sys.stdout.buffer.write(chunk)
    sys.stdout.buffer.flush()


def _newest(client: Client, limit: int, **wanted: object) -> Iterator[dict[str, Any]]:
    before: int | None = None
    while limit > 0:
        answer = client.get("/api/audit", limit=min(limit, _PAGE), before=before, **wanted)
        yield from answer["items"]
        limit -= len(answer["items"])
        before = answer["next"]
        if before is None:
            return
