"""`alerts`: what is alarming, who was told, and who looks after it."""

from functools import partial
from typing import TYPE_CHECKING, Any, TextIO, cast
from urllib.parse import quote

import click

from intertie.cli import on_call, render, rule_insight
from intertie.cli.client import Client
from intertie.cli.options import Target, json_option, suite_options
from intertie.errors import NotFoundError

if TYPE_CHECKING:
    from intertie.monitor.channels.port import Kind

_SAID_ELSEWHERE = {"__name__", "alertname", "severity"}
_comment = click.option("--comment", metavar="TEXT", required=True, help="Why, for others.")


@click.group()
def alerts() -> None:
    """What is alarming, who was told, and who looks after it."""


@alerts.command("list")
@suite_options
@json_option
def list_alerts(target: Target, as_json: bool) -> int:
    """List what fires or is about to, the worst first; ends with 1 when something fires."""
    with Client.connect(target.folder) as client:
        found = client.get("/api/alerts")
    firing = [each for each in found if each["state"] == "firing"]
    if as_json:
        render.as_json(found)
        return int(bool(firing))
    rows = [
        [
            each["state"],
            each["severity"],
            each["name"],
            _labels(each["labels"]),
            _number(each["value"]),
            render.since(each["since"]),
            "; ".join(held["why"] for held in each["held"]),
        ]
        for each in found
    ]
    render.table(rows, ("STATE", "SEVERITY", "ALERT", "OF", "VALUE", "SINCE", "NOT TOLD, FOR"))
    return int(bool(firing))


@alerts.command()
@suite_options
@json_option
@click.argument("name")
def explain(target: Target, name: str, as_json: bool) -> None:
    """Print the rule NAME: what it stands for, what it gives now, and what became of it."""
    with Client.connect(target.folder) as client:
        found = client.get(f"/api/alerts/rules/{quote(name, safe='')}")
    if as_json:
        render.as_json(found)
        return
    click.echo(f"{click.style(found['name'], bold=True)}  {found['severity']}")
    click.echo(f"rule      {found['shown']}")
    if found["shown"] != found["expr"]:
        click.echo(f"as PromQL {found['expr']}")
    if found["for_s"]:
        click.echo(f"for       {found['for_s']:g} s")
    click.echo(f"now       {_now(found['now'])}")
    for each in found["alerts"]:
        click.echo(
            f"{each['state']:<9} {_labels(each['labels']) or '-'}"
            f"  since {render.since(each['since'])}, value {_number(each['value'])}"
        )
        for held in each["held"]:
            click.echo(f"          not told ({held['stage']}): {held['why']}")


@alerts.command()
@suite_options
@json_option
@click.option(
    "-n", "--count", type=click.IntRange(1, 1000), default=50, show_default=True, help="At most."
)
def notices(target: Target, count: int, as_json: bool) -> None:
    """List who was told of what, the newest first."""
    with Client.connect(target.folder) as client:
        found = client.get("/api/alerts/notices", limit=count)
    if as_json:
        render.as_json(found)
        return
    rows = [
        [
            render.since(each["planned_at"]),
            each["kind"],
            each["channel"],
            each["status"],
            str(each["tries"]),
            each["group"],
            each["answer"],
        ]
        for each in found
    ]
    render.table(rows, ("AGO", "KIND", "CHANNEL", "STATUS", "TRIES", "GROUP", "ANSWER"))


@alerts.command("ack")
@suite_options
@click.argument("group")
@click.option("--for", "duration", metavar="DURATION", help="As 2h; without it until it is over.")
@_comment
def acknowledge(target: Target, group: str, duration: str | None, comment: str) -> None:
    """Say that you look after GROUP, a rule's name or a group of `notices`.

    It is not repeated and not escalated meanwhile.
    """
    body: dict[str, Any] = {"group": group, "comment": comment}
    if duration:
        body["duration"] = duration
    with Client.connect(target.folder) as client:
        client.post("/api/alerts/acknowledge", body)
    click.echo(f"{group} is acknowledged")


@alerts.command()
@suite_options
@json_option
@click.argument("matchers", nargs=-1, required=True, metavar="LABEL=VALUE…")
@click.option("--for", "duration", metavar="DURATION", required=True, help="As 30m or 2h.")
@_comment
def silence(
    *, target: Target, matchers: tuple[str, ...], duration: str, comment: str, as_json: bool
) -> None:
    """Tell nobody of alerts that fit all of LABEL=VALUE (or != =~ !~) for a time."""
    body = {"matchers": list(matchers), "duration": duration, "comment": comment}
    with Client.connect(target.folder) as client:
        made = client.post("/api/alerts/silences", body)
    if as_json:
        render.as_json(made)
    else:
        click.echo(f"silence {made['id']} until {made['ends_at']}")


@alerts.command()
@suite_options
@json_option
def silences(target: Target, as_json: bool) -> None:
    """List silences that have not ended."""
    with Client.connect(target.folder) as client:
        found = client.get("/api/alerts/silences")
    if as_json:
        render.as_json(found)
        return
    rows = [
        [
            each["id"],
            ", ".join(each["matchers"]),
            each["ends_at"],
            each["created_by"],
            each["comment"],
        ]
        for each in found
    ]
    render.table(rows, ("ID", "ALERTS", "UNTIL", "BY", "WHY"))


@alerts.command()
@suite_options
@click.argument("id")
def unsilence(target: Target, id: str) -> None:
    """End the silence ID now."""
    with Client.connect(target.folder) as client:
        client.delete(f"/api/alerts/silences/{quote(id, safe='')}")
    click.echo(f"silence {id} has ended")


@alerts.command()
@suite_options
@json_option
def test(target: Target, as_json: bool) -> int:
    """Run the suite file's tests of its rules, in virtual time; ends with 1 when one fails."""
    from anyio import run

    from intertie.cli.files import whole
    from intertie.monitor.records import recording_rules
    from intertie.monitor.rule_query import over
    from intertie.monitor.rule_tests import run as run_tests
    from intertie.monitor.rules import rules_of
    from intertie.suite.monitoring import Monitoring

    monitoring = whole(target).suite.monitoring or Monitoring()
    rules = rules_of(monitoring.alerts, own=monitoring.own_names).rules
    recorded = partial(run_tests, records=recording_rules(monitoring.records))
    reports = run(recorded, monitoring.alerts.tests, rules, over)
    failed = sum(not each.passed for each in reports)
    if as_json:
        found = [{"name": r.name, "passed": r.passed, "report": str(r)} for r in reports]
        render.as_json(found)
        return int(bool(failed))
    for each in reports:
        click.echo(str(each))
    click.echo(f"{len(reports)} tests of rules, {failed} failed")
    return int(bool(failed))


@alerts.command()
@suite_options
@json_option
@click.argument("name", metavar="TEMPLATE")
@click.option(
    "--kind",
    type=click.Choice(["firing", "repeat", "escalation", "resolved", "flapping", "task"]),
    default="firing",
    show_default=True,
    help="Which notice is made up.",
)
def preview(target: Target, name: str, kind: str, as_json: bool) -> None:
    """Print a made-up notice in the words of TEMPLATE, one of `monitoring.templates`."""
    from intertie.cli.files import whole
    from intertie.monitor.channels.words import sample, words_of
    from intertie.suite.monitoring import Monitoring
    from intertie.suite.nearest import did_you_mean

    templates = (whole(target).suite.monitoring or Monitoring()).templates
    if name not in templates:
        hint = did_you_mean(name, templates) or f"known are {', '.join(templates) or 'none'}"
        raise NotFoundError(f"cannot preview {name!r}: `monitoring.templates` lacks it; {hint}")
    told = words_of(templates[name], name=name)(sample(cast("Kind", kind)))
    if as_json:
        render.as_json({"subject": told.subject, "text": told.body})
        return
    click.echo(told.text, nl=False)


@alerts.command()
@suite_options
@click.option(
    "--as",
    "form",
    type=click.Choice(["prometheus", "alertmanager", "promtool"]),
    default="prometheus",
    show_default=True,
    help="Rules for Prometheus, who is told for Alertmanager, or tests of rules for promtool.",
)
@click.option(
    "--rule-file",
    metavar="FILE",
    default="rules.yaml",
    show_default=True,
    help="For promtool: where the rules for Prometheus are.",
)
def export(target: Target, form: str, rule_file: str) -> None:
    """Print the suite's alerts as files of other programs; what they cannot say is a comment."""
    from intertie.cli.files import whole
    from intertie.monitor.alertmanager_file import to_alertmanager
    from intertie.monitor.records import recording_rules
    from intertie.monitor.rule_files import to_prometheus, to_promtool
    from intertie.monitor.rules import rules_of
    from intertie.suite.monitoring import Monitoring

    monitoring = whole(target).suite.monitoring or Monitoring()
    if form == "alertmanager":
        click.echo(to_alertmanager(monitoring), nl=False)
        return
    rules = rules_of(monitoring.alerts, own=monitoring.own_names).rules
    if form == "promtool":
        click.echo(to_promtool(monitoring.alerts.tests, rules, rule_file=rule_file), nl=False)
        return
    records = recording_rules(monitoring.records)
    interval_ms = round(monitoring.metrics_collection.interval * 1000)
    click.echo(to_prometheus(rules, records, interval_ms=interval_ms), nl=False)


@alerts.command("import")
@click.argument("file", type=click.File())
def import_rules(file: TextIO) -> None:
    """Print the rules of FILE, a rule file of Prometheus, as the suite file has them."""
    from intertie.monitor.rule_files import dump, from_prometheus

    found = from_prometheus(file.read())
    rules = {
        name: rule.model_dump(mode="json", by_alias=True, exclude_defaults=True)
        for name, rule in found.rules.items()
    }
    records = {name: each.model_dump(exclude_defaults=True) for name, each in found.records.items()}
    alerts = {"alerts": {"rules": rules}}
    tree = {"monitoring": ({"records": records} if records else {}) | alerts}
    click.echo(dump(tree, found.notes), nl=False)


for _command in (*rule_insight.COMMANDS, on_call.on_call, on_call.simulate, on_call.heartbeats):
    alerts.add_command(_command)


def _labels(labels: dict[str, str]) -> str:
    return ", ".join(f"{n}={text}" for n, text in labels.items() if n not in _SAID_ELSEWHERE)


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g}"


def _now(found: list[tuple[dict[str, str], float]] | None) -> str:
    if found is None:
        return "there are no samples to look at"
    if not found:
        return "nothing is alarming"
    return "; ".join(f"{_labels(labels) or 'it'} is {_number(value)}" for labels, value in found)
