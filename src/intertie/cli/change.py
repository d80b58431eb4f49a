"""Follows a change to its end and prints each step as it is done."""

import time
from typing import Any

import click

from intertie.cli.client import Client
from intertie.errors import ChangeError

_DONE = {
    "start": "started",
    "stop": "stopped",
    "restart": "restarted",
    "replace": "replaced",
    "remove": "removed",
    "scale": "scaled",
    "reload": "reloaded",
    "run": "run",
}
_MARK = {"done": click.style("✔", fg="green"), "failed": click.style("✘", fg="red")}


def follow(client: Client, change: str, *, quiet: bool = False) -> dict[str, Any]:
    """Wait for the change; the final one. Raises ChangeError when it failed or was aborted."""
    began = time.monotonic()
    shown: set[tuple[str, str]] = set()
    latest: dict[str, Any] = {}
    for latest in client.events(f"/api/changes/{change}/events"):
        if not quiet:
            _print_steps(latest, shown, time.monotonic() - began)
    if latest.get("status") != "done":
        error = latest.get("error") or "the daemon ended before it was done"
        raise ChangeError(f"{error} (change {change})")
    return latest


def _print_steps(change: dict[str, Any], shown: set[tuple[str, str]], took_s: float) -> None:
    for step in change["steps"]:
        key = (step["action"], step["service"])
        if step["status"] in _MARK and key not in shown:
            shown.add(key)
            word = _DONE[step["action"]] if step["status"] == "done" else f"{step['action']} failed"
            click.echo(f" {_MARK[step['status']]} {step['service']:<24} {word:<10} {took_s:5.1f}s")
