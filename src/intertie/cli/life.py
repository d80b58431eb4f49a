"""`up`, `down` and the daemon that `up` starts."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import click

from intertie.cli import render
from intertie.cli.change import follow
from intertie.cli.client import Client, find_daemon, wait_gone
from intertie.cli.options import Target, suite_options
from intertie.errors import DaemonError
from intertie.runtime.folder import Daemon, StateFolder

_START_S = 30.0
_POLL_S = 0.02
_DOWN_S = 300.0


@click.command()
@suite_options
@click.option("--detach", "-d", is_flag=True, help="Leave the suite running in the background.")
@click.option("--profile", "profiles", multiple=True, help="Also start services of this profile.")
@click.option(
    "--insecure-local", is_flag=True, help="Let anyone on this machine use the API's writes."
)
def up(target: Target, detach: bool, profiles: Sequence[str], insecure_local: bool) -> None:
    """Start the suite and wait until everything is healthy.

    Without --detach, prints the logs and stops the suite on Ctrl-C. When the suite is running
    already, applies what changed in the file.
    """
    daemon = find_daemon(target.folder)
    if daemon is None:
        daemon = _launch(target, profiles, insecure_local=insecure_local)
        change = daemon.first_change
    else:
        with Client.connect(target.folder) as client:
            change = client.post("/api/apply")["id"]
    try:
        with Client.connect(target.folder) as client:
            follow(client, change)
            _print_addresses(client)
            if not detach:
                _attach(client)
    except KeyboardInterrupt:
        click.echo("stopping …", err=True)
        _stop(target.folder)
        raise


@click.command()
@suite_options
def down(target: Target) -> None:
    """Stop everything, dependents first, and leave nothing behind.

    Also cleans up after a daemon that was killed.
    """
    if find_daemon(target.folder) is not None:
        _stop(target.folder)
        click.echo("stopped")
        return
    from intertie.app import reap

    count = reap(target.folder)
    click.echo(f"was not running; ended {count} leftover process{'' if count == 1 else 'es'}")


@click.command(hidden=True)
@suite_options
@click.option("--profile", "profiles", multiple=True)
@click.option("--insecure-local", is_flag=True)
def daemon(target: Target, profiles: Sequence[str], insecure_local: bool) -> None:
    """Run the suite in this process until SIGTERM; `up` starts this."""
    from intertie.app import Settings, serve

    serve(
        Settings(
            file=target.file,
            environment=target.environment,
            folder=target.folder,
            profiles=tuple(profiles),
            insecure_local=insecure_local,
        )
    )


def _launch(target: Target, profiles: Sequence[str], *, insecure_local: bool) -> Daemon:
    """Start the daemon in a session of its own, so that a closed terminal does not end it."""
    # Faults of the file are told here, where they can be seen, before anything is started.
    from intertie.suite import load

    load(target.file, env=os.environ, environment=target.environment)
    target.folder.create()
    command = [sys.executable, "-m", "intertie", "daemon", "--file", str(target.file.resolve())]
    command += ["--state", str(target.folder.root)]
    command += ["--env", target.environment] if target.environment else []
    command += [f"--profile={name}" for name in profiles]
    command += ["--insecure-local"] if insecure_local else []
    log = target.folder.logs / "daemon.log"
    with log.open("ab") as output:
        start = output.tell()
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    return _await_announcement(target.folder, process, log, start)


def _await_announcement(
    folder: StateFolder, process: subprocess.Popen[bytes], log: Path, start: int
) -> Daemon:
    deadline = time.monotonic() + _START_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise DaemonError(f"cannot start the daemon: {_last_words(log, start)}")
        daemon = folder.daemon()
        if daemon is not None and daemon.pid == process.pid:
            return daemon
        time.sleep(_POLL_S)
    process.send_signal(signal.SIGTERM)
    raise DaemonError(f"cannot start the daemon: not ready after {_START_S:.0f} s; see {log}")


def _last_words(log: Path, start: int) -> str:
    with log.open("rb") as stream:
        stream.seek(start)
        text = stream.read().decode(errors="replace").strip()
    return text.removeprefix("error: ") or f"it ended at once; see {log}"


def _stop(folder: StateFolder) -> None:
    daemon = find_daemon(folder)
    if daemon is None:
        return
    with Client.connect(folder) as client:
        client.post("/api/shutdown")
    if not wait_gone(daemon, _DOWN_S):
        raise DaemonError(
            f"cannot stop the suite: daemon {daemon.pid} still runs after {_DOWN_S:.0f} s;"
            " see `intertie ps`"
        )


def _print_addresses(client: Client) -> None:
    addresses = client.get("/api/health")["addresses"]
    for name, url in addresses.items():
        click.echo(f"{name:<8} {url}")


def _attach(client: Client) -> None:
    """Print all logs until interrupted or the daemon ends; a closed terminal counts as Ctrl-C."""
    signal.signal(signal.SIGHUP, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    click.echo("Ctrl-C stops the suite")
    for line in client.events("/api/logs", follow=True, tail=0):
        render.log_line(line, width=24)


COMMANDS = (up, down, daemon)
