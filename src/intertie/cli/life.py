"""`up`, `down` and the daemon that `up` starts."""

import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from intertie.cli.options import Target, suite_options
from intertie.cli.running import addresses, await_daemon, find_daemon, wait_gone
from intertie.errors import DaemonError
from intertie.runtime.daemon import Lock
from intertie.runtime.folder import Daemon, StateFolder

if TYPE_CHECKING:
    from intertie.cli.client import Client

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
    # Loaded here and below, not above: the daemon starts up meanwhile.
    running = await_daemon(target.folder, _START_S)
    launched = None if running else _launch(target, profiles, insecure_local)
    from intertie.cli.change import follow
    from intertie.cli.client import Client

    try:
        first = _await_announcement(target, launched).first_change if launched else None
        with Client.connect(target.folder) as client:
            follow(client, first or client.post("/api/apply")["id"])
            for name, url in addresses(target.folder).items():
                click.echo(f"{name:<8} {url}")
            if not detach:
                _attach(client)
    except KeyboardInterrupt:
        click.echo("stopping …", err=True)
        if await_daemon(target.folder, _START_S):
            _stop(target.folder)
        raise


@click.command()
@suite_options
def down(target: Target) -> None:
    """Stop everything, dependents first, and leave nothing behind.

    Also cleans up after a daemon that was killed.
    """
    if await_daemon(target.folder, _DOWN_S) is not None:
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
@click.option("--lock", type=int)
def daemon(target: Target, profiles: Sequence[str], insecure_local: bool, lock: int | None) -> None:
    """Run the suite in this process until SIGTERM; `up` starts this, and hands down its LOCK."""
    from intertie.app import Settings, serve

    serve(
        Settings(
            file=target.file,
            environment=target.environment,
            folder=target.folder,
            profiles=tuple(profiles),
            insecure_local=insecure_local,
            lock=lock,
        )
    )


@dataclass(frozen=True, slots=True)
class _Launched:
    process: subprocess.Popen[bytes]
    log: Path
    log_start: int
    """Where in the log its own words begin."""


def _launch(target: Target, profiles: Sequence[str], insecure_local: bool) -> _Launched | None:
    """Start the daemon, which then holds the folder's lock; None when another `up` was quicker."""
    target.folder.create()
    with ExitStack() as stack:
        try:
            lock = stack.enter_context(Lock(target.folder.lock))
        except DaemonError:
            if await_daemon(target.folder, _START_S) is None:
                raise
            return None
        return _spawn(target, lock, profiles, insecure_local)


def _spawn(target: Target, lock: Lock, profiles: Sequence[str], insecure_local: bool) -> _Launched:
    """It gets a session of its own, so that a closed terminal does not end it."""
    command = [sys.executable, "-m", "intertie", "daemon", "--file", str(target.file.resolve())]
    command += ["--state", str(target.folder.root), "--lock", str(lock.fileno())]
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
            pass_fds=[lock.fileno()],
        )
    return _Launched(process, log, start)


def _await_announcement(target: Target, launched: _Launched) -> Daemon:
    """What the daemon announces. Raises SuiteError for a faulty file, DaemonError otherwise."""
    process, folder = launched.process, target.folder
    deadline = time.monotonic() + _START_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            other = await_daemon(folder, _START_S)
            if other is not None:
                return other  # somebody else's `up` was quicker
            _explain(target)
            raise DaemonError(
                f"cannot start the daemon: {_last_words(launched.log, launched.log_start)}"
            )
        daemon = folder.daemon()
        if daemon is not None and daemon.pid == process.pid:
            return daemon
        time.sleep(_POLL_S)
    process.send_signal(signal.SIGTERM)
    raise DaemonError(
        f"cannot start the daemon: not ready after {_START_S:.0f} s; see {launched.log}"
    )


def _explain(target: Target) -> None:
    """Raise SuiteError when it was the file: its faults belong where the user looks."""
    from intertie.cli.files import whole

    whole(target)


def _last_words(log: Path, start: int) -> str:
    with log.open("rb") as stream:
        stream.seek(start)
        text = stream.read().decode(errors="replace").strip()
    if not text or "Traceback" in text:
        return f"it ended at once; see {log}"
    return text.splitlines()[-1].removeprefix("error: ")


def _stop(folder: StateFolder) -> None:
    from intertie.cli.client import Client

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


def _attach(client: "Client") -> None:
    """Print all logs until interrupted or the daemon ends; a closed terminal counts as Ctrl-C."""
    from intertie.cli import render

    signal.signal(signal.SIGHUP, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    click.echo("Ctrl-C stops the suite")
    for line in client.events("/api/logs", follow=True, tail=0):
        render.log_line(line, width=24)
