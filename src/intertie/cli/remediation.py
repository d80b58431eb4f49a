"""`remediation`: what is done when alerts fire, what was, and what would have been."""

from typing import Any

import click

from intertie.cli import render
from intertie.cli.client import Client
from intertie.cli.options import Target, json_option, suite_options
from intertie.errors import IntertieError
from intertie.suite.values import parse_duration

_HEADINGS = ("ID", "AT", "RULE", "ALERT", "SERVICE", "ACTION", "MODE", "TRY", "STATUS", "WHY")


@click.group()
def remediation() -> None:
    """What is done when alerts fire: rules, history, approval, and the past replayed."""


@remediation.command("list")
@suite_options
@json_option
def list_rules(target: Target, as_json: bool) -> None:
    """List rules with what became of their actions, and what goes on now."""
    with Client.connect(target.folder) as client:
        rules = client.get("/api/remediation/rules")
        going_on = client.get("/api/remediation", state="open")
    if as_json:
        render.as_json({"rules": rules, "open": going_on})
        return
    rows = [
        [
            each["name"],
            each["mode"],
            each["action"],
            str(each["actions"]),
            str(each["recovered"]),
            str(sum(each["shadow"].values())),
            _share(each["would_have_helped"]),
        ]
        for each in rules
    ]
    headings = ("RULE", "MODE", "ACTION", "DONE", "RECOVERED", "SHADOW", "WOULD HAVE HELPED")
    render.table(rows, headings)
    if going_on:
        click.echo()
        _entries(going_on)


@remediation.command()
@suite_options
@json_option
@click.option(
    "-n", "--count", type=click.IntRange(1, 1000), default=50, show_default=True, help="At most."
)
def history(target: Target, count: int, as_json: bool) -> None:
    """List what was done, proposed, refused and given up, the newest first."""
    with Client.connect(target.folder) as client:
        found = client.get("/api/remediation", limit=count)
    render.as_json(found) if as_json else _entries(found)


@remediation.command()
@suite_options
@json_option
@click.argument("id", type=click.IntRange(1))
def approve(target: Target, id: int, as_json: bool) -> None:
    """Do what was proposed as ID."""
    _settle(target, id, "approve", as_json=as_json)


@remediation.command()
@suite_options
@json_option
@click.argument("id", type=click.IntRange(1))
def decline(target: Target, id: int, as_json: bool) -> None:
    """Do not do what was proposed as ID, nor propose it again while the alert goes on."""
    _settle(target, id, "decline", as_json=as_json)


@remediation.command()
@suite_options
@json_option
@click.option(
    "--since", metavar="DURATION", default="7d", show_default=True, help="Alerts of so long."
)
def replay(target: Target, since: str, as_json: bool) -> None:
    """Try the rules on past alerts: what they would have done, at most. Nothing is done."""
    try:
        seconds = parse_duration(since)
    except ValueError as exc:
        raise IntertieError(f"cannot use {since!r} as --since: {exc}") from exc
    with Client.connect(target.folder) as client:
        found = client.get("/api/remediation/replay", since_s=seconds)
    if as_json:
        render.as_json(found)
        return
    _entries(found["entries"])
    told = f"{found['alerts']} alerts: {found['done']} actions, {found['refused']} refused"
    click.echo(f"{told}, {found['given_up']} given up")
    for name, count in sorted(found["unanswered"].items()):
        click.echo(f"no rule answers {name} ({count})")
    if found["cut"]:
        click.echo("there was so much of it that the end is missing; try a shorter --since")


def _settle(target: Target, id: int, verb: str, *, as_json: bool) -> None:
    with Client.connect(target.folder) as client:
        found = client.post(f"/api/remediation/{id}/{verb}")
    if as_json:
        render.as_json(found)
    else:
        click.echo(f"{found['action']} {found['service']}".strip() + f": {found['status']}")


def _entries(found: list[dict[str, Any]]) -> None:
    rows = [
        [
            str(each["id"]) if each["id"] else "-",
            each["at"][:19],
            each["rule"],
            each["alert"],
            each["service"] or "-",
            each["action"],
            each["mode"],
            str(each["attempt"]),
            _status(each),
            each["why"],
        ]
        for each in found
    ]
    render.table(rows, _HEADINGS)


def _status(entry: dict[str, Any]) -> str:
    verdict: str | None = entry["verdict"]
    status: str = entry["status"]
    return status if verdict is None else f"{status}: {verdict.replace('_', ' ')}"


def _share(share: float | None) -> str:
    return "-" if share is None else f"{share:.0%}"
