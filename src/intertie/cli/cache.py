"""`cache`: what the gateway keeps of its services' answers."""

from collections.abc import Sequence
from typing import Any

import click

from intertie.cli import render
from intertie.cli.client import Client
from intertie.cli.identity import plain
from intertie.cli.options import Target, json_option, suite_options

_VARIANT = ("", "STATUS", "WHOSE", "AGE", "FRESH FOR", "BY", "VARY", "BYTES", "HITS", "TAGS")
_tenant = click.option("--tenant", metavar="NAME", help="Of this tenant only.")


@click.group()
def cache() -> None:
    """The gateway's cache: how it does, what it keeps, and what must go."""


@cache.command()
@suite_options
@json_option
def stats(target: Target, as_json: bool) -> None:
    """Print counters since the cache was started, and how full it is."""
    with Client.connect(target.folder) as client:
        found = client.get("/api/cache")
    if as_json:
        render.as_json(found)
        return
    asked = found["hits"] + found["misses"]
    rows = [[name.replace("_", " "), f"{value:,}"] for name, value in found.items()]
    if asked:
        rows.insert(0, ["hit rate", f"{found['hits'] / asked:.1%}"])
    render.table(rows, ("WHAT", "NUMBER"))


@cache.command()
@suite_options
@json_option
@click.argument("url", required=False)
@click.option("--prefix", metavar="URL", help="All whose path begins so.")
@click.option("--tag", metavar="TAG", help="All with this Cache-Tag or Surrogate-Key.")
@click.option("--all", "everything", is_flag=True, help="Everything.")
@_tenant
def purge(
    *,
    target: Target,
    url: str | None,
    prefix: str | None,
    tag: str | None,
    everything: bool,
    tenant: str | None,
    as_json: bool,
) -> None:
    """Forget what is kept: of URL, below a prefix, with a tag, or all.

    URL is /path?query of every host, or http://host/path.
    """
    chosen = {"url": url, "prefix": prefix, "tag": tag, "all": everything or None}
    body: dict[str, object] = {name: value for name, value in chosen.items() if value is not None}
    if len(body) != 1:
        raise click.UsageError("say what to forget: one of URL, --prefix, --tag and --all")
    if tenant is not None:
        body["tenant"] = tenant
    with Client.connect(target.folder) as client:
        found = client.post("/api/cache/purge", body)
    if as_json:
        render.as_json(found)
    else:
        count = found["answers"]
        click.echo(f"forgot {count} kept answer{'' if count == 1 else 's'}")


@cache.command()
@suite_options
@json_option
@click.argument("url")
@click.option("--method", "-X", default="GET", show_default=True)
@click.option("--header", "-H", "headers", multiple=True, metavar="'NAME: VALUE'", help="As curl.")
@_tenant
def why(
    *,
    target: Target,
    url: str,
    method: str,
    headers: Sequence[str],
    tenant: str | None,
    as_json: bool,
) -> None:
    """Say what would become of a request for URL in the cache, and by which rule.

    No service is asked, and nothing is counted.
    """
    body: dict[str, object] = {"url": url, "method": method.upper()}
    body["headers"] = dict(_header(each) for each in headers)
    if tenant is not None:
        body["tenant"] = tenant
    with Client.connect(target.folder) as client:
        found = client.post("/api/cache/why", body)
    if as_json:
        render.as_json(found)
    else:
        _show(found)


def _header(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon or not name.strip():
        raise click.UsageError(f"expected 'NAME: VALUE', got {text!r}")
    return name.strip(), value.strip()


def _show(found: dict[str, Any]) -> None:
    click.echo(f"{found['verdict']}: {found['reason']} ({found['clause']})")
    click.echo(f"route {plain(found['route'])}")
    if found["last_refusal"]:
        click.echo(f"the last answer was not kept: {found['last_refusal']}")
    rows = [
        [
            "→" if each["selected"] else "",
            str(each["status"]),
            each["partition"],
            f"{each['age_s']} s",
            f"{each['ttl_s']} s",
            each["lifetime_from"],
            plain(" ".join(f"{name}={value}" for name, value in each["vary"].items())) or "-",
            f"{each['size_bytes']:,}",
            str(each["hits"]),
            plain(" ".join(each["tags"])) or "-",
        ]
        for each in found["variants"]
    ]
    if rows:
        render.table(rows, _VARIANT)
