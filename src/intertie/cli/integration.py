"""`points`: what services need of this machine, and whether it has it."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

import anyio
import click

from intertie.cli import render
from intertie.cli.options import Target, json_option, suite_options

if TYPE_CHECKING:
    from intertie.points import Checked, Finding


@click.group()
def points() -> None:
    """Integration points: mounts, disks and queues that services declare."""


@points.command()
@suite_options
@json_option
def check(target: Target, as_json: bool) -> int:
    """Hold what the file declares against this machine; ends with 1 when something differs."""
    found = [each.finding for each in _survey(target)]
    _show(found, as_json)
    return int(any(each.is_drift for each in found))


@points.command()
@suite_options
@json_option
def apply(target: Target, as_json: bool) -> int:
    """Set what may be set, and print the exact commands for the rest."""
    from intertie.points.survey import put_right

    done, left = put_right(_survey(target))
    if as_json:
        render.as_json({"done": [asdict(f) for f in done], "left": [asdict(f) for f in left]})
        return int(bool(left))
    for each in done:
        click.echo(f" ✔ {each.service} {each.key}: {each.found} → {each.wanted}")
    for each in left:
        click.echo(f" ✘ {each.service} {each.key}: wanted {each.wanted}, found {each.found}")
        for line in each.remedy:
            click.echo(f"     {line}")
    return int(bool(left))


def _survey(target: Target) -> "Sequence[Checked]":
    from intertie.points.survey import survey
    from intertie.suite import load

    services = load(target.file, environment=target.environment).suite.services
    declared = {n: s.integration_points for n, s in services.items() if s.integration_points}
    return anyio.run(survey, declared)


def _show(found: "Sequence[Finding]", as_json: bool) -> None:
    if as_json:
        render.as_json([asdict(each) for each in found])
        return
    rows = [[f.service, f.point, f.key, f.wanted, f.found, f.status] for f in found]
    render.table(rows, ("SERVICE", "POINT", "KEY", "WANTED", "FOUND", "STATUS"))
    for line in dict.fromkeys(line for each in found for line in each.remedy):
        click.echo(f"  {line}")
