"""`alerts oncall`, `alerts simulate` and `alerts heartbeats`."""

from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import groupby
from typing import Any
from urllib.parse import quote

import click

from intertie.cli import render
from intertie.cli.client import Client
from intertie.cli.options import Target, json_option, suite_options
from intertie.errors import IntertieError
from intertie.suite.values import parse_duration

_Json = dict[str, Any]  # Any: answers of the API

_at = click.option(
    "--at",
    metavar="TIME",
    help="Then, as 2026-12-24T18:00 of this machine's clock, or with Z or +01:00; default: now.",
)


@click.command("oncall")
@suite_options
@json_option
@_at
def on_call(target: Target, at: str | None, as_json: bool) -> None:
    """List who is on call, in each layer of each rota."""
    with Client.connect(target.folder) as client:
        found: list[_Json] = client.get("/api/alerts/on-call", **_moment(at))
    if as_json:
        render.as_json(found)
        return
    rows = [
        [
            each["rota"],
            each["layer"],
            each["name"],
            ", ".join(each["channels"]),
            _clock(each["since"]),
            _clock(each["until"]),
            each["why"],
        ]
        for each in found
    ]
    render.table(rows, ("ROTA", "LAYER", "PERSON", "CHANNELS", "SINCE", "UNTIL", "BY"))


@click.command()
@suite_options
@json_option
@_at
@click.option(
    "--for",
    "duration",
    metavar="DURATION",
    default="4h",
    show_default=True,
    help="How long nobody answers, up to 31d.",
)
@click.argument("name")
def simulate(*, target: Target, name: str, at: str | None, duration: str, as_json: bool) -> None:
    """Print who would be called when about NAME, a rule or an alert's fingerprint, in virtual time.

    As if it fired on and nobody answered: with rotas, overrides, mute windows and silences.
    """
    query = {**_moment(at), "duration_s": _seconds(duration)}
    with Client.connect(target.folder) as client:
        found: _Json = client.get(f"/api/alerts/simulation/{quote(name, safe='')}", **query)
    if as_json:
        render.as_json(found)
        return
    click.echo(f"{found['alert']} from {_clock(found['start'])} to {_clock(found['until'])}")
    render.table(_folded(found["calls"]), ("AT", "KIND", "PEOPLE", "CHANNELS"))


@click.command()
@suite_options
@json_option
def heartbeats(target: Target, as_json: bool) -> int:
    """List heartbeats, expected and sent; ends with 1 when one is missing or cannot be sent."""
    with Client.connect(target.folder) as client:
        found: _Json = client.get("/api/monitoring/heartbeats")
    wrong = bool(found["held"]) and bool(found["sent"])
    wrong |= any(each["state"] == "missing" for each in found["expected"])
    wrong |= any(each["trouble"] for each in found["sent"])
    if as_json:
        render.as_json(found)
        return int(wrong)
    rows = [_expected(each) for each in found["expected"]]
    rows += [_sent(each, found["held"]) for each in found["sent"]]
    render.table(rows, ("NAME", "DIRECTION", "STATE", "LAST", "COUNT", "WITHIN/EVERY", "WHY"))
    return int(wrong)


def _expected(each: _Json) -> list[str]:
    return [
        each["name"],
        "expected",
        each["state"],
        _ago(each["heard_at"]),
        str(each["count"]),
        f"{each['within_s']:g} s",
        f"{each['alert']} fires" if each["state"] == "missing" else each["suite"],
    ]


def _sent(each: _Json, held: str) -> list[str]:
    why = held or each["trouble"]
    state = "held" if held else "failing" if why else "sent" if each["sent_at"] else "waiting"
    return [
        each["name"],
        "sent",
        state,
        _ago(each["sent_at"]),
        str(each["count"]),
        f"{each['every_s']:g} s",
        why,
    ]


def _folded(calls: Sequence[_Json]) -> list[list[str]]:
    """Repeats to the same people are one line."""
    rows: list[list[str]] = []
    for (kind, people, channels), group in groupby(calls, key=_alike):
        several = list(group)
        first, last = several[0]["at"], several[-1]["at"]
        at = _clock(first) if len(several) == 1 else f"{_clock(first)} … {_clock(last)}"
        told = kind if len(several) == 1 else f"{kind} x{len(several)}"
        rows.append([at, told, ", ".join(people) or "-", ", ".join(channels) or "nobody"])
    return rows


def _alike(call: _Json) -> tuple[str, tuple[str, ...], tuple[str, ...]]:
    return call["kind"], tuple(call["people"]), tuple(call["channels"])


def _moment(at: str | None) -> dict[str, str]:
    if at is None:
        return {}
    try:
        found = datetime.fromisoformat(at)
    except ValueError as exc:
        why = "expected a time such as 2026-12-24T18:00, or one with Z or +01:00"
        raise IntertieError(f"cannot use --at {at!r}: {why}") from exc
    return {"at": found.astimezone(UTC).isoformat()}


def _seconds(duration: str) -> int:
    try:
        return max(round(parse_duration(duration)), 1)
    except ValueError as exc:
        raise IntertieError(f"cannot use --for {duration!r}: {exc}") from exc


def _clock(text: str) -> str:
    """As it stands, to the minute, with its offset."""
    found = datetime.fromisoformat(text)
    shown = found if found.utcoffset() else found.astimezone()
    return shown.isoformat(sep=" ", timespec="minutes")


def _ago(text: str | None) -> str:
    return "never" if text is None else render.since(text)
