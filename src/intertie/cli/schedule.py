"""`schedule`: what is done at set times."""

from datetime import UTC, datetime, timedelta
from time import sleep
from typing import Any
from urllib.parse import quote

import click

from intertie.cli import render
from intertie.cli.client import Client
from intertie.cli.options import Target, json_option, suite_options

_LOOK_S = 0.2
_OVER = {"done", "failed", "crashed", "timeout", "cancelled", "skipped"}


@click.group()
def schedule() -> None:
    """What is done at set times: when, how it went, and by hand."""


@schedule.command("list")
@suite_options
@json_option
def list_tasks(target: Target, as_json: bool) -> None:
    """List tasks, with when each begins next and how the last run went."""
    with Client.connect(target.folder) as client:
        found = client.get("/api/tasks")
    if as_json:
        render.as_json(found)
        return
    rows = [
        [
            each["name"],
            each["kind"],
            f"{each['schedule']} {each['timezone']}",
            "paused" if each["paused"] else _until(each["next_at"]),
            each["last"]["status"] if each["last"] else "-",
            render.since(each["last"]["scheduled_at"]) if each["last"] else "-",
            each["last"]["error"] if each["last"] else "",
        ]
        for each in found
    ]
    render.table(rows, ("TASK", "KIND", "SCHEDULE", "NEXT IN", "LAST", "AGO", "WHY"))


@schedule.command()
@suite_options
@json_option
@click.argument("task")
@click.option(
    "-n", "--count", type=click.IntRange(1, 200), default=20, show_default=True, help="At most."
)
def runs(target: Target, task: str, *, count: int, as_json: bool) -> None:
    """List runs of TASK, the newest first."""
    with Client.connect(target.folder) as client:
        found = client.get(f"/api/tasks/{quote(task, safe='')}/runs", limit=count)
    if as_json:
        render.as_json(found)
        return
    rows = [
        [
            str(each["id"]),
            each["scheduled_at"],
            each["trigger"],
            each["status"],
            str(each["attempt"]),
            _took(each),
            each["error"],
        ]
        for each in found["items"]
    ]
    render.table(rows, ("RUN", "DUE", "BY", "STATUS", "TRIES", "TOOK", "WHY"))


@schedule.command()
@suite_options
@json_option
@click.argument("task")
def run(target: Target, task: str, as_json: bool) -> int:
    """Run TASK now, wait for its end, and print what it printed; its failure is exit code 1."""
    ended = run_and_wait(target, task)
    if as_json:
        render.as_json(ended)
    else:
        click.echo(ended["output"], nl=False)
        click.echo(": ".join(filter(None, (task, ended["status"], ended["error"]))))
    return int(ended["status"] != "done")


@schedule.command()
@suite_options
@click.argument("task")
def cancel(target: Target, task: str) -> None:
    """End the runs of TASK, with all their processes."""
    with Client.connect(target.folder) as client:
        found = client.post(f"/api/tasks/{quote(task, safe='')}/cancel")
    click.echo(f"{found['count']} runs ended")


@schedule.command()
@suite_options
@click.argument("task")
def pause(target: Target, task: str) -> None:
    """Do not run TASK by itself until it is resumed."""
    with Client.connect(target.folder) as client:
        client.post(f"/api/tasks/{quote(task, safe='')}/pause")
    click.echo(f"{task} is paused")


@schedule.command()
@suite_options
@click.argument("task")
def resume(target: Target, task: str) -> None:
    """Run TASK by itself again."""
    with Client.connect(target.folder) as client:
        client.post(f"/api/tasks/{quote(task, safe='')}/resume")
    click.echo(f"{task} runs by itself again")


@schedule.command()
@suite_options
@json_option
@click.argument("task", required=False)
def explain(target: Target, task: str | None, as_json: bool) -> None:
    """Print when tasks run next, and what is odd about their next two years."""
    from intertie.automation.cron import occurrences
    from intertie.cli.files import whole
    from intertie.control.schedule import oddities, timings

    suite = whole(target).suite
    now = datetime.now(UTC)
    odd = oddities(suite, now, name=task)
    chosen = {n: t for n, (_, t) in timings(suite).items() if task in {None, n}}
    following = {n: list(occurrences(t, now, count=5)) for n, t in chosen.items()}
    if as_json:
        told = [{"at": each.at, "task": each.task, "what": each.what} for each in odd]
        render.as_json({"next": following, "oddities": told})
        return
    for name, moments in following.items():
        timing = chosen[name]
        click.echo(f"{click.style(name, bold=True)}  {timing.schedule} {timing.timezone}")
        for at in moments:
            click.echo(f"  {at.isoformat(timespec='minutes')}")
    for each in odd:
        click.echo(f"{each.at.isoformat(timespec='minutes')}  {each.task}: {each.what}")
    if not odd:
        click.echo("nothing is odd about the next two years")


def run_and_wait(target: Target, task: str) -> dict[str, Any]:
    """The run, once it is over."""
    name = quote(task, safe="")
    with Client.connect(target.folder) as client:
        begun = client.post(f"/api/tasks/{name}/run")
        while True:
            page = client.get(f"/api/tasks/{name}/runs", limit=200)
            found: dict[str, Any] = next(e for e in page["items"] if e["id"] == begun["run"])
            if found["status"] in _OVER:
                return found
            sleep(_LOOK_S)


def _until(at: str | None) -> str:
    if at is None:
        return "-"
    return render.age(max(datetime.fromisoformat(at) - datetime.now(UTC), timedelta()))


def _took(run: dict[str, Any]) -> str:
    if run["began_at"] is None or run["ended_at"] is None:
        return "-"
    span = datetime.fromisoformat(run["ended_at"]) - datetime.fromisoformat(run["began_at"])
    return f"{span.total_seconds():.1f}s"
