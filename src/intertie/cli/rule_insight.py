"""`alerts`: what rules would have told, and whether those that are there are good ones."""

from dataclasses import asdict
from typing import Any

import click

from intertie.cli import render
from intertie.cli.client import Client
from intertie.cli.options import Target, json_option, suite_options
from intertie.cli.rule_quality import proof, quality
from intertie.cli.span import Span

_SAID_ELSEWHERE = {"__name__", "alertname", "severity"}
_SHOWN = 20


@click.command()
@suite_options
@json_option
@click.argument("rule", required=False)
@click.option(
    "--since",
    type=Span(),
    default="7d",
    show_default=True,
    metavar="DURATION",
    help="How far back.",
)
@click.option("--written", is_flag=True, help="Rules of the file as it is, not applied yet.")
def replay(*, target: Target, rule: str | None, since: float, written: bool, as_json: bool) -> None:
    """Say what all rules, or RULE, would have told of stored samples."""
    asked = "written" if written else "running"
    with Client.connect(target.folder) as client:
        found = client.get("/api/alerts/replay", rule=rule, since_s=since, rules=asked)
    if as_json:
        render.as_json(found)
        return
    rows = [
        [
            each["name"],
            each["severity"],
            str(each["fired"]),
            f"{each['lasted_s']:g} s",
            "nothing was measured" if each["looks"] == each["blind"] else each["shown"],
        ]
        for each in found["rules"]
    ]
    render.table(rows, ("RULE", "SEVERITY", "FIRED", "ALL TOGETHER", ""))
    for each in found["rules"]:
        _firings(each)
    click.echo(
        f"\n{found['since'][:19]} to {found['until'][:19]}, each {found['step_s']:g} s:"
        f" {found['notices']} notices, had nobody silenced or acknowledged any"
    )
    if found["cut"]:
        click.echo(found["cut"])


@click.command()
@suite_options
@json_option
@click.option(
    "--fail-under",
    type=click.FloatRange(0, 100),
    metavar="PERCENT",
    help="End with 1 when fewer parts are watched.",
)
def coverage(target: Target, fail_under: float | None, as_json: bool) -> int:
    """List parts of the suite that no alert, objective or channel watches, and rules for them.

    By the file alone: nothing has to run.
    """
    from intertie.cli.files import whole
    from intertie.control.rule_coverage import coverage_of

    found = coverage_of(whole(target).suite)
    failed = fail_under is not None and found.percent < fail_under
    if as_json:
        render.as_json(asdict(found))
        return int(failed)
    rows = [[each.kind, each.name, ", ".join(each.by) or "NOTHING"] for each in found.parts]
    render.table(rows, ("PART", "NAME", "WATCHED BY"))
    if not found.told:
        click.echo("\nnobody is told of alerts: `monitoring.alert_integration.channels` is empty")
    if found.proposal:
        click.echo(f"\nto add to {target.file.name}:\n\n{found.proposal}", nl=False)
    click.echo(f"\n{found.percent:g}% of {len(found.parts)} parts are watched")
    return int(failed)


@click.command()
@suite_options
@json_option
@click.option(
    "--severity",
    type=click.Choice(["critical", "warning"]),
    default="critical",
    show_default=True,
    help="Of the alert.",
)
@click.option(
    "--within",
    type=Span(),
    default="30s",
    show_default=True,
    help="In which every channel is to have answered, up to 40s.",
)
def drill(*, target: Target, severity: str, within: float, as_json: bool) -> int:
    """Page people for practice, marked TEST; ends with 1 when that does not reach them in time."""
    with Client.connect(target.folder) as client:
        found = client.post("/api/alerts/drill", {"severity": severity, "within_s": within})
    if as_json:
        render.as_json(found)
        return int(not found["ok"])
    rows = [
        [each["channel"], "told" if each["ok"] else "NOT TOLD", str(each["tries"]), each["answer"]]
        for each in found["pages"]
    ]
    render.table(rows, ("CHANNEL", "", "TRIES", "ANSWER"))
    for why in found["why"]:
        click.echo(f"not as it should be: {why}")
    if found["took_s"] is not None:
        click.echo(f"from the sample to the last answer: {found['took_s']:.2f} s")
    return int(not found["ok"])


def _firings(rule: dict[str, Any]) -> None:
    if not rule["firings"]:
        return
    click.secho(f"\n{rule['name']}", bold=True)
    if rule["fired"] > _SHOWN:
        click.echo(f"  the last {_SHOWN} of {rule['fired']}")
    for each in rule["firings"][-_SHOWN:]:
        labels = each["labels"].items()
        of = ", ".join(f"{name}={text}" for name, text in labels if name not in _SAID_ELSEWHERE)
        end = "until now" if each["until"] is None else f"for {each['lasted_s']:g} s"
        click.echo(f"  {each['since'][:19]}  {end:<12}  {of or '-'}  {_told(each)}")


def _told(firing: dict[str, Any]) -> str:
    if firing["told"]:
        channels = dict.fromkeys(name for each in firing["told"] for name in each["channels"])
        count = firing["notices"]
        return f"{count} notice{'' if count == 1 else 's'}: {', '.join(channels) or 'to nobody'}"
    why = "; ".join(each["why"] for each in firing["held"])
    return f"told nobody{': ' + why if why else ''}"


COMMANDS = (replay, coverage, drill, quality, proof)
"""Below `alerts`."""
