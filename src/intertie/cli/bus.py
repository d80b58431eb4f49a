"""Commands about the message bus."""

import json
import sys
from collections.abc import Iterator, Mapping
from typing import Any

import click

from intertie.cli import render
from intertie.cli.client import Client
from intertie.cli.options import Target, json_option, suite_options
from intertie.errors import IntertieError


@click.group()
def bus() -> None:
    """Look at the message bus and speak on it."""


@bus.command()
@suite_options
@json_option
def info(target: Target, as_json: bool) -> None:
    """Say which broker it is, whether it is reached, and what it can do."""
    with Client.connect(target.folder) as client:
        answer = client.get("/api/bus")
    if as_json:
        render.as_json(answer)
        return
    click.echo(f"{answer['engine']} at {answer['address']}, exchange {answer['exchange']}")
    click.echo(f"{answer['status']} {answer['reason']}".rstrip())
    for name, able in (answer["capabilities"] or {}).items():
        click.echo(f"  {'yes' if able else 'no ':<4} {name.replace('_', ' ')}")


@bus.command()
@suite_options
@json_option
@click.argument("topic")
@click.argument("data", default="{}")
@click.option("--subject", help="What the event is about.")
@click.option("--key", help="Events of one key keep their order.")
@click.option("--priority", type=click.Choice(["high", "normal", "low"]), default="normal")
def publish(target: Target, topic: str, data: str, as_json: bool, **options: str | None) -> None:
    """Publish an event with DATA, a JSON object; `-` reads it from standard input."""
    text = sys.stdin.read() if data == "-" else data
    try:
        content = json.loads(text)
    except ValueError as exc:
        raise click.UsageError(f"DATA is not JSON: {exc}") from exc
    if not isinstance(content, dict):
        raise click.UsageError('DATA must be a JSON object, such as \'{"services": ["api"]}\'')
    body = {name: value for name, value in options.items() if value is not None}
    with Client.connect(target.folder) as client:
        sent = client.post("/api/bus/messages", {"topic": topic, "data": content, **body})
    if as_json:
        render.as_json(sent)
    else:
        click.echo(f"published {sent['id']} to {topic}")


@bus.command()
@suite_options
@json_option
@click.argument("topic", default="#")
@click.option("--count", "-n", type=click.IntRange(min=1), help="End after so many.")
def tail(target: Target, topic: str, count: int | None, as_json: bool) -> None:
    """Print events of TOPIC as they come; `*` is one word, `#` at the end the rest."""
    with Client.connect(target.folder) as client:
        for number, item in enumerate(client.events("/api/bus/messages", topic=topic), start=1):
            if as_json:
                render.json_line(item)
            else:
                render.event(_plain_event(item))
            if number == count:
                return


@bus.command()
@suite_options
@json_option
def groups(target: Target, as_json: bool) -> None:
    """List groups: how far behind, what is in hand, how many dead letters."""
    with Client.connect(target.folder) as client:
        answer = client.get("/api/bus/groups")
    if as_json:
        render.as_json(answer)
        return
    rows = [
        [
            found["group"],
            found["pattern"],
            "?" if found["lag"] is None else str(found["lag"]),
            str(found["pending"]),
            str(found["consumers"]),
            str(found["dead"]),
        ]
        for found in answer
    ]
    render.table(rows, ("GROUP", "TOPICS", "WAITING", "IN HAND", "CONSUMERS", "DEAD"))


@bus.group()
def dead() -> None:
    """Dead letters: messages that a group could not deal with."""


@dead.command("list")
@suite_options
@json_option
@click.argument("group", required=False)
@click.option("--limit", type=click.IntRange(1, 1000), default=100, show_default=True)
def list_letters(target: Target, group: str | None, limit: int, as_json: bool) -> None:
    """List them, oldest first, of GROUP or of all."""
    with Client.connect(target.folder) as client:
        answer = client.get("/api/bus/dead-letters", group=group, limit=limit)
    if as_json:
        render.as_json(answer)
        return
    rows = [
        [
            found["group"],
            found["id"],
            found["topic"],
            str(found["tries"]),
            found["at"][:19],
            _plain(found["reason"].partition("\n")[0]),
        ]
        for found in answer
    ]
    render.table(rows, ("GROUP", "ID", "TOPIC", "TRIES", "BURIED", "WHY"))


@dead.command()
@suite_options
@click.argument("group")
@click.argument("id")
def show(target: Target, group: str, id: str) -> None:
    """Print one with its whole message, as JSON."""
    with Client.connect(target.folder) as client:
        found = [each for each in _letters(client, group) if each["id"] == id]
    if not found:
        raise IntertieError(f"cannot show {id!r}: group {group!r} has no such dead letter")
    render.as_json(found[0])


@dead.command()
@suite_options
@click.argument("group")
@click.argument("ids", nargs=-1)
@click.option("--all", "every", is_flag=True, help="Every one of the group.")
def replay(target: Target, group: str, ids: tuple[str, ...], every: bool) -> None:
    """Deliver them to their group anew, as if for the first time."""
    _each(target, group, ids, every=every, verb="replayed")


@dead.command()
@suite_options
@click.argument("group")
@click.argument("ids", nargs=-1)
@click.option("--all", "every", is_flag=True, help="Every one of the group.")
def drop(target: Target, group: str, ids: tuple[str, ...], every: bool) -> None:
    """Forget them for good."""
    _each(target, group, ids, every=every, verb="dropped")


def _each(target: Target, group: str, ids: tuple[str, ...], *, every: bool, verb: str) -> None:
    if bool(ids) == every:
        raise click.UsageError("name dead letters by their ids, or all of them with --all")
    with Client.connect(target.folder) as client:
        count = 0
        for id in _every(client, group) if every else ids:
            count += 1
            if verb == "replayed":
                client.post(f"/api/bus/dead-letters/{group}/{id}/replay")
            else:
                client.delete(f"/api/bus/dead-letters/{group}/{id}")
    click.echo(f"{verb} {count}")


def _every(client: Client, group: str) -> Iterator[str]:
    """As many as there are now: one that is buried anew meanwhile is not one of them."""
    left = sum(each["dead"] for each in client.get("/api/bus/groups") if each["group"] == group)
    while found := _letters(client, group):
        yield from [each["id"] for each in found]
        left -= len(found)
        if left <= 0:
            return


def _letters(client: Client, group: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = client.get("/api/bus/dead-letters", group=group, limit=1000)
    return found


def _plain(text: str) -> str:
    """Whoever may publish must not be able to steer the reader's terminal."""
    return "".join(each if each.isprintable() else ascii(each)[1:-1] for each in text)


def _plain_event(item: Mapping[str, Any]) -> dict[str, Any]:
    data = {
        _plain(name): _plain(value) if isinstance(value, str) else value
        for name, value in item["data"].items()
    }
    return {**item, "subject": _plain(item["subject"]), "data": data}
