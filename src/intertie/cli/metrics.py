"""`metrics`: what is measured."""

import webbrowser
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import click

from intertie.cli import render
from intertie.cli.client import Client
from intertie.cli.metrics_cost import cost
from intertie.cli.options import Target, json_option, suite_options
from intertie.errors import IntertieError
from intertie.suite.values import parse_duration

_MIB = 1 << 20


@click.group()
def metrics() -> None:
    """What is measured: how much is kept, and what it says."""


@metrics.command()
@suite_options
@json_option
def status(target: Target, as_json: bool) -> int:
    """Print how monitoring does and how much is kept; ends with 1 when it does not do well."""
    with Client.connect(target.folder) as client:
        found = client.get("/api/monitoring")
    if as_json:
        render.as_json(found)
        return int(found["status"] != "UP")
    rows = [
        ["status", found["status"] + (f": {found['reason']}" if found["reason"] else "")],
        ["interval", f"{found['interval_s']:g} s"],
        ["series", f"{found['series']:,}"],
        ["samples", f"{found['samples']:,}"],
        ["size", f"{found['size_bytes'] / _MIB:.1f} MiB, {found['fullness']:.0%} of the limit"],
        ["oldest", found["oldest"] or "-"],
        ["rules", f"{found['rules']}, {found['firing']} alerts fire"],
        *(["refused", f"{name}: {count:,}"] for name, count in found["refused"].items()),
    ]
    render.table(rows, ("WHAT", ""))
    return int(found["status"] != "UP")


@metrics.command()
@suite_options
@json_option
def tenants(target: Target, as_json: bool) -> None:
    """Print how much each tenant sends and may send, and what it was refused."""
    with Client.connect(target.folder) as client:
        found = client.get("/api/monitoring/tenants")
    if as_json:
        render.as_json(found)
        return
    rows = [
        [
            each["tenant"],
            f"{each['series']:,}/{each['max_series']:,}",
            f"{each['samples_per_minute']:,}",
            ", ".join(f"{why} {count:,}" for why, count in each["refused"].items()) or "-",
        ]
        for each in found
    ]
    render.table(rows, ("TENANT", "SERIES", "SAMPLES/MIN", "REFUSED"))


@metrics.command()
@suite_options
@json_option
@click.argument("expression")
@click.option("--since", metavar="DURATION", help="Over so long until now, as 1h.")
@click.option(
    "--step", metavar="DURATION", default="1m", show_default=True, help="Between two values."
)
def query(*, target: Target, expression: str, since: str | None, step: str, as_json: bool) -> None:
    """Answer EXPRESSION, in PromQL, for now or over a time."""
    path, asked = "/api/v1/query", dict[str, object](query=expression)
    if since is not None:
        now = datetime.now(UTC)
        start = now - timedelta(seconds=_seconds(since))
        path = "/api/v1/query_range"
        asked |= {"start": start.timestamp(), "end": now.timestamp(), "step": step}
    with Client.connect(target.folder) as client:
        found = client.get(path, **asked)["data"]
    if as_json:
        render.as_json(found)
        return
    render.table(list(_rows(found)), ("SERIES", "TIME", "VALUE"))


@metrics.command()
@suite_options
@json_option
@click.argument("selector")
@click.option(
    "--since", metavar="DURATION", default="1h", show_default=True, help="Over so long until now."
)
@click.option(
    "--step",
    type=click.Choice(["1m", "5m", "1h", "1d"]),
    default="5m",
    show_default=True,
    help="How long an interval is.",
)
def summary(target: Target, selector: str, since: str, *, step: str, as_json: bool) -> None:
    """Print average, maximum, minimum and 95th percentile of each interval of SELECTOR."""
    start = datetime.now(UTC) - timedelta(seconds=_seconds(since))
    with Client.connect(target.folder) as client:
        found = client.get(
            "/api/monitoring/summaries", selector=selector, step=step, since=start.isoformat()
        )
    if as_json:
        render.as_json(found)
        return
    rows = [
        [
            _series(each["metric"], each["labels"]),
            each["function"],
            at,
            f"{value:.6g}",
            "" if each["exact"] else "estimated",
        ]
        for each in found
        for at, value in each["points"]
    ]
    render.table(rows, ("SERIES", "FUNCTION", "FROM", "VALUE", ""))


@metrics.command()
@suite_options
@click.argument("name")
@click.argument("value", type=float)
@click.option("--label", "labels", multiple=True, metavar="NAME=VALUE", help="Of the series.")
def feed(target: Target, name: str, value: float, labels: tuple[str, ...]) -> None:
    """Feed VALUE to NAME, a figure that `monitoring.metrics` declares."""
    told = {name: text for name, _, text in (each.partition("=") for each in labels)}
    with Client.connect(target.folder) as client:
        client.post(
            f"/api/monitoring/metrics/{quote(name, safe='')}", {"value": value, "labels": told}
        )
    click.echo(f"{name} was fed {value:g}")


@metrics.command("open")
@suite_options
@click.argument(
    "what", type=click.Choice(["dashboards", "status"]), default="dashboards", required=False
)
@click.option("--no-browser", is_flag=True, help="Print the address only.")
def open_page(target: Target, what: str, *, no_browser: bool) -> None:
    """Print the address of the dashboards or the status page, and open it in a browser."""
    path = {"dashboards": "/api/monitoring/page", "status": "/status"}[what]
    with Client.connect(target.folder) as client:
        client.get({"dashboards": "/api/monitoring", "status": "/api/status"}[what])
        address = client.address(path)
    click.echo(address)
    if not no_browser:
        webbrowser.open(address)


metrics.add_command(cost)


def _seconds(text: str) -> float:
    try:
        return parse_duration(text)
    except ValueError as exc:
        raise IntertieError(f"cannot use {text!r}: {exc}") from exc


def _rows(found: dict[str, Any]) -> list[list[str]]:
    if found["resultType"] in {"scalar", "string"}:
        at, value = found["result"]
        return [["", _time(at), value]]
    return [
        [_series(each["metric"].pop("__name__", ""), each["metric"]), _time(at), value]
        for each in found["result"]
        for at, value in (each["values"] if "values" in each else [each["value"]])
    ]


def _series(name: str, labels: dict[str, str]) -> str:
    told = ", ".join(f'{label}="{text}"' for label, text in sorted(labels.items()))
    return f"{name}{{{told}}}" if told or not name else name


def _time(at_s: float) -> str:
    return datetime.fromtimestamp(at_s, UTC).strftime("%Y-%m-%d %H:%M:%S")
