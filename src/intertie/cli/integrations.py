"""`integrations`: connections to services outside."""

import webbrowser
from collections.abc import Iterator
from dataclasses import asdict
from time import monotonic, sleep
from typing import Any
from urllib.parse import quote, urlencode

import click

from intertie.cli import render
from intertie.cli.client import Client
from intertie.cli.identity import plain
from intertie.cli.options import Target, json_option, suite_options
from intertie.errors import IntertieError, NotFoundError

_LOOK_S = 0.5
_BAR = 32


@click.group()
def integrations() -> None:
    """Connections to services outside: how they do, and what kinds there are."""


@integrations.command("list")
@suite_options
@json_option
def list_integrations(target: Target, as_json: bool) -> None:
    """List connections, with how each does and how often it was used."""
    with Client.connect(target.folder) as client:
        found = client.get("/integrations/status")
    if as_json:
        render.as_json(found["integrations"])
        return
    rows = [_row(each) for each in found["integrations"]]
    render.table(rows, ("NAME", "TENANT", "KIND", "STATE", "CALLS", "FAILED", "MEAN", "WHY"))


@integrations.command()
@suite_options
@json_option
def health(target: Target, as_json: bool) -> int:
    """Print how many work, by category, and how calls went; ends with 1 when one is unhealthy."""
    with Client.connect(target.folder) as client:
        found = client.get("/integrations/status")
        calls = client.get("/integrations/metrics")
    counted = [each for each in found["integrations"] if each["status"] != "disabled"]
    bad = [each for each in counted if each["status"] == "unhealthy"]
    if as_json:
        render.as_json({**found, "success_rate": calls["success_rate"]})
        return int(bool(bad))
    states = [each["status"] for each in counted]
    click.echo(
        f"{len(states)} integrations: {states.count('healthy')} healthy,"
        f" {states.count('degraded')} degraded, {len(bad)} unhealthy"
    )
    if calls["total_calls"]:
        click.echo(
            f"{calls['total_calls']:,} calls, {calls['success_rate']:.1%} went well,"
            f" {calls['mean_response_ms']:.0f} ms on average"
        )
    for category, part in _by_category(counted):
        bar = "█" * round(part * _BAR)
        click.echo(f"{category:<18} {bar:<{_BAR}} {part:>4.0%}")
    return int(bool(bad))


def _by_category(found: list[dict[str, Any]]) -> Iterator[tuple[str, float]]:
    """How many of each category are healthy, from 0 to 1."""
    from intertie.integrations import catalog

    known = catalog.kinds()
    states: dict[str, list[str]] = {}
    for each in found:
        category = known[each["kind"]].category if each["kind"] in known else "others"
        states.setdefault(category, []).append(each["status"])
    for category, these in sorted(states.items()):
        yield category, these.count("healthy") / len(these)


@integrations.command()
@suite_options
@json_option
@click.argument("name")
@click.option("--tenant", metavar="NAME", help="Whose it is, where several have one of this name.")
def check(target: Target, name: str, tenant: str | None, as_json: bool) -> int:
    """Look at the connection NAME now; ends with 1 when it is not healthy."""
    query = f"?{urlencode({'tenant': tenant})}" if tenant else ""
    with Client.connect(target.folder) as client:
        found = client.report(f"/integrations/health/{quote(name, safe='')}{query}")
    if "healthy" not in found:  # a problem document
        raise NotFoundError(plain(str(found.get("detail", found))))
    if as_json:
        render.as_json(found)
    elif found["healthy"]:
        click.echo(f"{plain(found['name'])} is healthy ({found['response_time'] * 1000:.0f} ms)")
    else:
        click.echo(f"{plain(found['name'])} is {found['status']}: {plain(found['error'])}")
        if "cure" in found:
            click.echo(f"what to do: {plain(found['cure'])}")
    return 0 if found["healthy"] else 1


@integrations.command()
@suite_options
@json_option
def metrics(target: Target, as_json: bool) -> None:
    """Print calls, failures and times of each operation."""
    with Client.connect(target.folder) as client:
        found = client.get("/integrations/metrics")
    if as_json:
        render.as_json(found)
        return
    rows = [
        [
            each["integration"],
            each["tenant"],
            each["operation"],
            f"{each['calls']:,}",
            f"{each['failed']:,}",
            f"{each['attempts']:,}",
            f"{each['total_s'] / each['calls'] * 1000:.1f} ms",
        ]
        for each in found["operations"]
    ]
    headings = ("NAME", "TENANT", "OPERATION", "CALLS", "FAILED", "ATTEMPTS", "MEAN")
    render.table(rows, headings)


@integrations.command()
@suite_options
@json_option
@click.argument("name", metavar="[TENANT/]NAME")
@click.option("--redirect", metavar="URL", help="Where the vendor sends people back to.")
@click.option("--no-browser", is_flag=True, help="Print the address only.")
@click.option("--wait", metavar="SECONDS", default=300.0, show_default=True, type=float)
def connect(target: Target, name: str, *, as_json: bool, **said: Any) -> int:
    """Log the connection NAME in at its vendor, and wait until a person has said yes."""
    tenant, named = _named(name)
    body = {"tenant": tenant, "redirect_uri": said["redirect"]}
    with Client.connect(target.folder) as client:
        path = f"/api/integrations/{quote(named, safe='')}"
        before = client.get(f"{path}/grant", tenant=tenant).get("granted_at")
        begun = client.post(f"{path}/connect", {k: v for k, v in body.items() if v})
        click.echo(f"say yes here: {begun['url']}", err=as_json)
        if not said["no_browser"]:
            webbrowser.open(begun["url"])
        granted = _granted(client, f"{path}/grant", tenant, before=before, wait_s=said["wait"])
    if granted is None:
        raise IntertieError(f"cannot log in as {name}: nobody said yes in {said['wait']:g} s")
    if as_json:
        render.as_json(granted)
    else:
        click.echo(f"{name} is connected")
    return 0


@integrations.command()
@suite_options
@json_option
@click.argument("name", metavar="[TENANT/]NAME")
def disconnect(target: Target, name: str, as_json: bool) -> None:
    """Give the grant of the connection NAME back to its vendor, and forget it."""
    tenant, named = _named(name)
    with Client.connect(target.folder) as client:
        path = f"/api/integrations/{quote(named, safe='')}/disconnect"
        answer = client.post(path, {"tenant": tenant} if tenant else {})
    if as_json:
        render.as_json(answer)
    else:
        told = "" if answer["vendor_told"] else "; the vendor was not told, or has no way for it"
        click.echo(f"{name} is not connected any more{told}")


@integrations.command("rotate-keys")
@suite_options
@json_option
def rotate_keys(target: Target, as_json: bool) -> None:
    """Seal all that is kept of integrations under new keys; connections go on."""
    with Client.connect(target.folder) as client:
        answer = client.post("/api/integrations/rotate-keys")
    if as_json:
        render.as_json(answer)
    else:
        click.echo(f"sealed {answer['count']} anew")


def _named(name: str) -> tuple[str | None, str]:
    tenant, slash, named = name.rpartition("/")
    return (tenant or None) if slash else None, named


def _granted(
    client: Client, path: str, tenant: str | None, *, before: str | None, wait_s: float
) -> dict[str, Any] | None:
    until = monotonic() + wait_s
    while monotonic() < until:
        found: dict[str, Any] = client.get(path, tenant=tenant)
        if found["granted"] and found["granted_at"] != before:
            return found
        sleep(_LOOK_S)
    return None


@integrations.command()
@click.argument("name", metavar="[KIND]", required=False)
@json_option
def kinds(name: str | None, as_json: bool) -> None:
    """List the kinds that there are, or what one asks for and can do."""
    from intertie.integrations import catalog

    if name is not None:
        _show_kind(name, as_json)
        return
    found = catalog.kinds().values()
    if as_json:
        render.as_json([{"kind": each.kind, "title": each.title} for each in found])
        return
    rows = [[each.kind, each.category, each.stability, each.title] for each in found]
    render.table(rows, ("KIND", "CATEGORY", "STABILITY", "WHAT"))


def _show_kind(name: str, as_json: bool) -> None:
    from intertie.integrations import catalog

    known = catalog.find(name)
    if as_json:
        render.as_json(asdict(known))
        return
    click.echo(f"{known.kind}: {known.title} ({known.stability})\n{known.docs}\n")
    click.echo(f"can: {', '.join(known.operations)}\n")
    needed: Any = known.settings.get("required", [])
    settings: Any = known.settings.get("properties", {})
    rows = [
        [key, "yes" if key in needed else "", plain(str(each.get("description", "")))]
        for key, each in settings.items()
    ]
    render.table(rows, ("CONFIG", "NEEDED", "WHAT"))


def _row(each: dict[str, Any]) -> list[str]:
    mean = each["mean_ms"]
    return [
        each["name"],
        each["tenant"],
        each["kind"],
        each["status"],
        f"{each['calls']:,}",
        f"{each['failed']:,}",
        "-" if mean is None else f"{mean:.1f} ms",
        plain(each["error"] or ""),
    ]


@click.command("integration")
@click.argument("name")
@click.option("--tenant", metavar="NAME", default="default", show_default=True)
@suite_options
@json_option
def explain_integration(target: Target, name: str, tenant: str, as_json: bool) -> None:
    """Say how a connection is set up, and where each of its settings is from.

    Nothing has to run: the file says it all. Secrets are shown as references.
    """
    from intertie.integrations.declared import origins
    from intertie.suite import load

    found = origins(load(target.file, environment=target.environment), name, tenant)
    if as_json:
        render.as_json([asdict(each) for each in found])
        return
    rows = [[each.key, plain(each.value), each.origin] for each in found]
    render.table(rows, ("SETTING", "VALUE", "FROM"))
