"""Answers as text for people: tables on a terminal, JSON on request."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import click

from intertie.errors import Fault

_MOST_MOMENTS = 12
_COLOUR = {
    "running": "green",
    "completed": "green",
    "listening": "green",
    "UP": "green",
    "DEGRADED": "yellow",
    "DOWN": "red",
    "starting": "yellow",
    "waiting": "yellow",
    "stopping": "yellow",
    "backoff": "yellow",
    "unhealthy": "red",
    "failed": "red",
    "done": "green",
    "doing": "yellow",
}


def as_json(value: object) -> None:
    """Print `value` as indented JSON."""
    click.echo(json.dumps(value, indent=2, default=str))


def table(rows: Sequence[Sequence[str]], headings: Sequence[str]) -> None:
    """Print columns just wide enough, the state words in colour on a terminal."""
    widths = [max(len(row[column]) for row in (headings, *rows)) for column in range(len(headings))]
    click.secho(_line(headings, widths), bold=True)
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        styled = [click.style(cell, fg=_COLOUR.get(cell.strip())) for cell in cells]
        click.echo("  ".join(styled).rstrip())


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    padded = (cell.ljust(width) for cell, width in zip(cells, widths, strict=True))
    return "  ".join(padded).rstrip()


def services(answer: Mapping[str, Any], now: datetime | None = None) -> None:
    """One row a replica, engines last."""
    moment = now or datetime.now(UTC)
    rows = [
        [
            service["name"]
            if len(service["replicas"]) == 1
            else f"{service['name']}/{replica['index']}",
            replica["state"],
            str(replica["pid"] or "-"),
            str(replica["port"] or "-"),
            str(replica["restarts"]),
            age(moment - datetime.fromisoformat(replica["since"])),
            replica["reason"],
        ]
        for service in answer["items"]
        for replica in service["replicas"]
    ]
    table(rows, ("SERVICE", "STATE", "PID", "PORT", "RESTARTS", "SINCE", "WHY"))


def explanation(answer: Mapping[str, Any]) -> None:
    """Why a service is where it is, in a few paragraphs."""
    click.echo(f"{click.style(answer['service'], bold=True)} {answer['summary']}")
    if answer["blocked_by"]:
        click.echo(f"blocked   {' → '.join(answer['blocked_by'])}")
    for need in answer["needs"]:
        mark = click.style("✔", fg="green") if need["met"] else click.style("…", fg="yellow")
        wish = need["condition"].removeprefix("service_").replace("_", " ")
        optional = "" if need["required"] else " (not required)"
        click.echo(f"needs     {mark} {need['service']} {wish}{optional}: {need['now']}")
    if answer["needed_by"]:
        click.echo(f"needed by {', '.join(answer['needed_by'])}")
    for index in answer["flapping"]:
        click.secho(f"flapping  replica {index}: see its health below", fg="red")
    _legs(answer["critical_path"])
    _moments("states", answer["moments"], lambda m: f"{m['state']:<10} {m['reason']}")
    _moments("health", answer["health"], _turn)


def _turn(found: Mapping[str, Any]) -> str:
    return f"{'UP' if found['up'] else 'DOWN':<10} {found['reason']}"


def _legs(path: Sequence[Mapping[str, Any]]) -> None:
    if not path:
        return
    click.echo("\nlast start, by the critical path")
    for leg in path:
        took = leg["started_s"]
        end = "not ready yet" if took is None else f"ready after {took:.3f} s"
        click.echo(f"  {leg['service']:<24} waited {leg['waited_s']:.3f} s, {end}")


def _moments(
    title: str,
    found: Mapping[str, Sequence[Mapping[str, Any]]],
    tell: Callable[[Mapping[str, Any]], str],
) -> None:
    for index, moments in found.items():
        if moments:
            click.echo(f"\n{title} of replica {index}")
        for moment in moments[-_MOST_MOMENTS:]:
            click.echo(f"  {moment['at'][11:23]}  {tell(moment)}")


def health(report: Mapping[str, Any]) -> None:
    """One row a service; the suite's own verdict last."""
    rows = [
        [name, found["status"], found["error"] or ""]
        for name, found in sorted(report["services"].items())
    ]
    table([*rows, ["(all)", report["status"], ""]], ("SERVICE", "HEALTH", "WHY"))


def age(span: Any) -> str:
    """A timedelta in its largest unit: 12s, 3m, 5h, 2d."""
    seconds = max(0, int(span.total_seconds()))
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds >= size:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"


def since(at: str) -> str:
    """How long ago an ISO date is."""
    return age(datetime.now(UTC) - datetime.fromisoformat(at))


def log_line(line: Mapping[str, Any], width: int) -> None:
    """A line of a service's log, its name in front."""
    name = f"{line['service']}/{line['replica']}".ljust(width)
    colour = "red" if line["stream"] == "err" else "cyan"
    click.echo(f"{click.style(name, fg=colour)} | {line['text']}")


def event(item: Mapping[str, Any]) -> None:
    """An event: time, type, subject and what its payload adds."""
    data = {key: value for key, value in item["data"].items() if value is not None}
    shown = " ".join(f"{key}={value}" for key, value in data.items())
    click.echo(f"{item['time'][11:23]}  {item['type']:<24}  {item['subject']:<24}  {shown}")


def json_line(value: object) -> None:
    """Print `value` as JSON on one line, for streams."""
    click.echo(json.dumps(value, default=str))


def fault(item: Fault) -> dict[str, object]:
    """A fault of the suite file as JSON values."""
    return {**asdict(item), "file": str(item.file)}


def changes(answer: Mapping[str, Any]) -> None:
    """One row a change."""
    rows = [
        [
            item["id"],
            item["title"],
            item["status"],
            item["actor"],
            item["began_at"][:19],
            (item["error"] or "").partition("\n")[0],
        ]
        for item in answer["items"]
    ]
    table(rows, ("CHANGE", "WHAT", "STATUS", "ACTOR", "BEGAN", "ERROR"))


def change(item: Mapping[str, Any]) -> None:
    """A change and its steps."""
    click.echo(f"{item['id']}  {item['title']} by {item['actor']}: {item['status']}")
    if item["error"]:
        click.secho(item["error"], fg="red")
    if item.get("trace_id"):  # older changes have none
        click.echo(f"trace {item['trace_id']}: see `intertie logs --trace {item['trace_id']}`")
    rows = [
        [step["service"], step["action"], step["status"], "; ".join(step["why"])]
        for step in item["steps"]
    ]
    table(rows, ("SERVICE", "ACTION", "STATUS", "WHY"))
