"""`metrics cost`: what monitoring takes, before it runs."""

from contextlib import suppress
from dataclasses import asdict
from typing import Any

import click

from intertie.cli import render
from intertie.cli.client import Client
from intertie.cli.options import Target, json_option, suite_options
from intertie.errors import IntertieError

_MIB = 1 << 20


@click.command()
@suite_options
@json_option
@click.option(
    "--page-series",
    type=click.IntRange(1, 1_000_000),
    default=100,
    show_default=True,
    help="Series of each page that is scraped, which nobody can know before.",
)
def cost(target: Target, page_series: int, as_json: bool) -> None:
    """Say what monitoring will take: series, samples, disk and memory.

    By the file alone. Where the suite runs, what it takes now is printed beside it.
    """
    from anyio import run

    from intertie.cli.files import whole
    from intertie.control.rule_cost import Preview, preview

    suite = whole(target).suite

    async def ask() -> Preview:
        return await preview(suite, page_series=page_series)

    found = asdict(run(ask))
    found["running"] = _running(target)
    if as_json:
        render.as_json(found)
        return
    _print(found)


def _running(target: Target) -> dict[str, Any] | None:
    """What the running suite keeps; None: it does not run, or is not monitored."""
    with suppress(IntertieError), Client.connect(target.folder) as client:
        now = client.get("/api/monitoring")
        kept = ("series", "samples", "size_bytes", "interval_s", "oldest")
        return {name: now[name] for name in kept}
    return None


def _print(found: dict[str, Any]) -> None:
    rows = [[each["source"], f"{each['series']:,}", each["assumed"]] for each in found["parts"]]
    render.table([*rows, ["(all)", f"{found['series']:,}", ""]], ("SOURCE", "SERIES", "ASSUMED"))
    tiers = ", ".join(f"{name} {_size(size)}" for name, size in found["tier_bytes"].items())
    click.echo(f"\nsamples  {found['samples_per_s']:g} a second, each {found['interval_s']:g} s")
    click.echo(f"disk     {_size(found['disk_bytes'])} once all is as old as it gets: {tiers}")
    click.echo(f"memory   {_size(found['memory_bytes'])} for the newest hour")
    if now := found["running"]:
        click.echo(f"now      {now['series']:,} series, {_size(now['size_bytes'])} on the disk")
    for warning in found["warnings"]:
        click.echo(f"beware: {warning}")


def _size(count: int) -> str:
    return f"{count / _MIB:,.1f} MiB"
