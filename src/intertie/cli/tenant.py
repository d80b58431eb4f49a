"""`tenant`: customers, apart from each other."""

from collections.abc import Mapping
from typing import Any

import click

from intertie.cli import render
from intertie.cli.client import Client
from intertie.cli.identity import every, facts, path, words
from intertie.cli.options import Target, json_option, suite_options


@click.group()
def tenant() -> None:
    """Tenants: customers, apart from each other; they are in the suite file."""


@tenant.command("list")
@suite_options
@json_option
def list_tenants(target: Target, as_json: bool) -> None:
    """List tenants, with how many users and keys they have."""
    with Client.connect(target.folder) as client:
        found = list(every(client, "/api/tenants"))
    if as_json:
        render.as_json(found)
        return
    rows = [
        [
            each["name"],
            str(each["users"]),
            str(each["keys"]),
            _rates(each),
            each["sla"] or "-",
            words(each["features"]),
        ]
        for each in found
    ]
    render.table(rows, ("TENANT", "USERS", "KEYS", "LIMITS", "SLA", "FEATURES"))


@tenant.command()
@suite_options
@json_option
@click.argument("name")
def show(target: Target, name: str, as_json: bool) -> None:
    """Show a tenant: limits, features, domains, users and keys."""
    with Client.connect(target.folder) as client:
        found = client.get(path("tenants", name))
    if as_json:
        render.as_json(found)
        return
    facts(
        {
            "tenant": found["name"],
            "users": found["users"],
            "keys": found["keys"],
            "limits": _rates(found),
            "sla": found["sla"] or "-",
            "features": found["features"],
            "domains": found["domains"],
            "routes": [route["path"] for route in found["routes"]],
        }
    )


@tenant.command()
@suite_options
@json_option
@click.argument("name")
@click.option("--client", "who", metavar="KIND:ID", help="Of one client: user:…, key:….")
def usage(target: Target, name: str, who: str | None, as_json: bool) -> None:
    """Say how much of its limits a tenant, or one of its clients, has used."""
    with Client.connect(target.folder) as client:
        found = client.get(f"{path('tenants', name)}/usage", client=who)
    if as_json:
        render.as_json(found)
        return
    rows = [
        [
            each["policy"],
            each["route"],
            f"{each['used']}/{each['limit']}",
            f"{each['window_s']} s",
            f"{each['reset_s']} s",
        ]
        for each in found
    ]
    render.table(rows, ("LIMIT", "ROUTE", "USED", "PER", "MORE IN"))


def _rates(told: Mapping[str, Any]) -> str:
    names = {"requests_per_minute": "/min", "requests_per_hour": "/h", "burst_limit": " at once"}
    rates = told["rate_limits"]
    return ", ".join(f"{rates[name]}{unit}" for name, unit in names.items() if rates[name]) or "-"
