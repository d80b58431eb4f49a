"""`traces`: what requests went through, and where their time went."""

import shutil
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import click

from intertie.cli import render
from intertie.cli.client import Client
from intertie.cli.options import Target, json_option, suite_options
from intertie.errors import RequestError
from intertie.suite.values import parse_duration

_WIDEST = 400
_NARROWEST = 40
_MIB = 1 << 20
_LONGEST = 80


@click.group()
def traces() -> None:
    """What requests went through, and where their time went."""


@traces.command("list")
@suite_options
@json_option
@click.option("--service", metavar="NAME", help="Those that went through it.")
@click.option("--route", metavar="PATH", help="Those that went through it, as /orders/{id}.")
@click.option("--slow", metavar="DURATION", help="Those that took so long or longer, as 200ms.")
@click.option("--errors", is_flag=True, help="Those with a span that failed.")
@click.option("--since", metavar="DURATION", help="Those that began so long ago or later, as 1h.")
@click.option("--page", type=click.IntRange(1, 10_000), default=1, show_default=True)
@click.option("-n", "--count", type=click.IntRange(1, 500), default=50, show_default=True)
def list_traces(target: Target, *, as_json: bool, **options: Any) -> None:
    """List traces, those that began last first."""
    asked = _asked(options, datetime.now(UTC))
    with Client.connect(target.folder) as client:
        found = client.get("/api/traces", **asked)
    if as_json:
        render.as_json(found)
        return
    rows = [
        [
            each["trace_id"],
            render.since(each["started_at"]),
            f"{each['duration_ms']:,.1f} ms",
            str(each["spans"]),
            str(each["errors"] or ""),
            _plain(each["service"]),
            _plain(each["name"]),
        ]
        for each in found["items"]
    ]
    render.table(rows, ("TRACE", "AGO", "TOOK", "SPANS", "ERRORS", "SERVICE", "NAME"))
    if found["has_more"]:
        click.echo(f"there are more: --page {found['page'] + 1}", err=True)


@traces.command()
@suite_options
@json_option
@click.option("--html", "as_html", is_flag=True, help="Print a page for browsers.")
@click.argument("trace_id", metavar="ID")
def show(target: Target, trace_id: str, *, as_json: bool, as_html: bool) -> None:
    """Print the trace ID as a waterfall of its spans."""
    path = f"/api/traces/{quote(trace_id, safe='')}"
    with Client.connect(target.folder) as client:
        if as_json:
            render.as_json(client.get(path))
            return
        columns = shutil.get_terminal_size((100, 24)).columns
        width = min(_WIDEST, max(_NARROWEST, columns))
        how = "html" if as_html else f"text&width={width}"
        click.echo(client.text(f"{path}?format={how}"), nl=False)


@traces.command()
@suite_options
@json_option
@click.option("--since", metavar="DURATION", default="1h", show_default=True)
def calls(target: Target, since: str, as_json: bool) -> None:
    """List which service called which, how often, and how well."""
    with Client.connect(target.folder) as client:
        found = client.get("/api/traces/calls", since=_ago(since, datetime.now(UTC)))
    if as_json:
        render.as_json(found)
        return
    rows = [
        [
            _plain(each["caller"]),
            _plain(each["callee"]),
            f"{each['calls']:,}",
            str(each["errors"] or ""),
            f"{each['mean_ms']:,.1f} ms",
        ]
        for each in found
    ]
    render.table(rows, ("CALLER", "CALLEE", "CALLS", "ERRORS", "MEAN"))


@traces.command()
@suite_options
@json_option
def status(target: Target, as_json: bool) -> int:
    """Print how many are kept; ends with 1 while the other collector takes none."""
    with Client.connect(target.folder) as client:
        found = client.get("/api/traces/status")
    if as_json:
        render.as_json(found)
        return int(bool(found["reason"]))
    rows = [
        ["traces", f"{found['traces']:,}, {found['evicted']:,} removed for want of room"],
        ["spans", f"{found['spans']:,}; since the start {_intake(found)}"],
        ["size", f"{found['size_bytes'] / _MIB:.1f} MiB"],
        ["passed on", f"{found['forwarded']:,}, {found['dropped']:,} dropped"],
        *([["trouble", found["reason"]]] if found["reason"] else []),
    ]
    render.table(rows, ("WHAT", ""))
    return int(bool(found["reason"]))


def _intake(found: Any) -> str:
    return f"{found['taken']:,} came, {found['rejected']:,} could not be read"


def _asked(options: dict[str, Any], now: datetime) -> dict[str, object]:
    slow, since = options["slow"], options["since"]
    return {
        "service": options["service"],
        "route": options["route"],
        "error": True if options["errors"] else None,
        "min_ms": None if slow is None else _seconds(slow) * 1000,
        "since": None if since is None else _ago(since, now),
        "page": options["page"],
        "limit": options["count"],
    }


def _ago(text: str, now: datetime) -> str:
    return (now - timedelta(seconds=_seconds(text))).isoformat()


def _seconds(text: str) -> float:
    try:
        return parse_duration(text)
    except ValueError as exc:
        raise RequestError(f"cannot use the duration {text[:80]!r}: {exc}") from exc


def _plain(text: str) -> str:
    from intertie.monitor.span_view import plain

    return plain(text)[:_LONGEST]
