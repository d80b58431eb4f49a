"""`openapi`: the gateway as a document, documents as routes, and what services have of both."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import click

from intertie.cli import render
from intertie.cli.client import Client
from intertie.cli.options import Target, json_option, suite_options
from intertie.cli.running import addresses, find_daemon

if TYPE_CHECKING:
    from intertie.control.openapi import Imports
    from intertie.suite.load import Loaded


@click.group()
def openapi() -> None:
    """Read and write OpenAPI documents."""


@openapi.command("export")
@suite_options
@click.option("--output", "-o", type=click.Path(dir_okay=False, writable=True), help="A file.")
def export_document(target: Target, output: str | None) -> None:
    """Print the whole gateway as one OpenAPI 3.1 document.

    It is that of the suite file. When the suite runs, services are asked for their own
    `/openapi.json`, and what they say is part of it.
    """
    from intertie.control.openapi import export

    imports = _imports(target)
    found = anyio.run(export, imports, _server(target, imports), _running(target))
    for name, why in found.silent.items():
        click.echo(f"nothing of {name} itself: {why}", err=True)
    text = json.dumps(found.document, indent=2)
    if output is None:
        click.echo(text)
    else:
        Path(output).write_text(f"{text}\n")


@openapi.command()
@suite_options
@json_option
def check(target: Target, as_json: bool) -> int:
    """Ask running services whether they have what routes lead to; exit code 1 if they do not.

    Only safe methods are used.
    """
    from intertie.control.openapi import check_services

    imports = _imports(target)
    with Client.connect(target.folder) as client:
        running = _addresses(client)
    report = anyio.run(check_services, imports.suite, running)
    if as_json:
        render.as_json({"ok": report.ok, "endpoints": [asdict(each) for each in report.results]})
    else:
        rows = [
            [r.route, r.method, r.service, r.path, r.verdict, r.answered] for r in report.results
        ]
        render.table(rows, ("ROUTE", "METHOD", "SERVICE", "PATH", "RESULT", "WHY"))
    return 0 if report.ok else 1


@openapi.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False))
@click.option("--service", required=True, metavar="NAME", help="Where the requests go.")
@click.option("--prefix", default="/", metavar="PATH", help="Before the document's paths.")
def import_routes(file: str, service: str, prefix: str) -> None:
    """Print the routes that FILE stands for, as the suite file would have them.

    `gateway.openapi` does the same without a copy, and checks requests as well.
    """
    from intertie.control.openapi import routes_as_yaml

    click.echo(routes_as_yaml(Path(file), service, prefix), nl=False)


def with_documents(loaded: "Loaded") -> "Loaded":
    """The loaded suite with the routes of its documents. Raises SuiteError."""
    if loaded.suite.gateway is None or not loaded.suite.gateway.openapi:
        return loaded  # their libraries take a while to load
    from intertie.control import openapi

    return openapi.with_documents(loaded)


def _imports(target: Target) -> "Imports":
    from intertie.control.openapi import import_documents
    from intertie.suite import load

    loaded = load(target.file, environment=target.environment)
    return import_documents(loaded.suite, loaded)


def _server(target: Target, imports: "Imports") -> str:
    suite = imports.suite
    if suite.identity is not None and suite.identity.url is not None:
        return suite.identity.url
    running = addresses(target.folder).get("gateway")
    if running is not None or suite.gateway is None:
        return running or "/"
    port = suite.gateway.port
    return "/" if port == "auto" else f"http://localhost:{port}"


def _running(target: Target) -> dict[str, str]:
    """Where services are; none of them when the suite does not run."""
    if find_daemon(target.folder) is None:
        return {}
    with Client.connect(target.folder) as client:
        return _addresses(client)


def _addresses(client: Client) -> dict[str, str]:
    found: dict[str, str] = {}
    for service in client.get("/api/services", limit=1000)["items"]:
        ports = [each["port"] for each in service["replicas"] if each["state"] == "running"]
        if service["kind"] == "service" and any(ports):
            found[service["name"]] = f"http://127.0.0.1:{next(filter(None, ports))}"
    return found
