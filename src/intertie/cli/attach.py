"""`attach`: the terminal of a service in this one."""

import os
import select
import sys
import termios
import threading
import tty
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import click

from intertie.cli.client import Client
from intertie.cli.options import Target, suite_options

_DETACH = b"\x1d"
"""Ctrl-], as telnet has it."""
_CHUNK = 4096


@click.command()
@suite_options
@click.option("--replica", "-r", default=0, show_default=True, help="Which replica.")
@click.option("--send", metavar="KEYS", help=r"Type this and return; \n, \t, \x03 are understood.")
@click.argument("service")
def attach(target: Target, service: str, replica: int, send: str | None) -> None:
    """Show the terminal of SERVICE and type into it; Ctrl-] goes away and leaves it running.

    The service must say `tty: true`. With --send, keys are typed and nothing is shown.
    """
    path = f"/api/services/{service}/terminal"
    with Client.connect(target.folder) as client:
        if send is not None:
            _type(client, path, replica, send.encode().decode("unicode_escape").encode("latin-1"))
            return
        with client.stream(path, replica=replica) as chunks:
            _show(client, path, replica, chunks)


def _show(client: Client, path: str, replica: int, chunks: Iterator[bytes]) -> None:
    """Until the process ends or the user goes away."""
    _fit(client, path, replica)
    over, ended = os.pipe()

    def copy() -> None:
        for data in chunks:
            sys.stdout.buffer.write(data)
            sys.stdout.buffer.flush()
        os.close(ended)

    with _raw_keyboard():
        # A thread that is left behind: nothing ends its waiting when the user goes away.
        threading.Thread(target=copy, daemon=True, name="terminal").start()
        for data in _keys(over):
            _type(client, path, replica, data)


def _keys(over: int) -> Iterator[bytes]:
    """What is typed, until `over` can be read or Ctrl-] is typed; at its end, waits for `over`."""
    keyboard = sys.stdin.fileno()
    sources = [over, keyboard]
    while over not in (ready := select.select(sources, [], [])[0]):
        data = os.read(ready[0], _CHUNK)
        before, detach, _ = data.partition(_DETACH)
        if before:
            yield before
        if detach:
            return
        if not data:
            sources.remove(keyboard)


def _type(client: Client, path: str, replica: int, data: bytes) -> None:
    client.send("POST", f"{path}/input", data, replica=replica)


def _fit(client: Client, path: str, replica: int) -> None:
    """Give it the size of ours, if we have one."""
    with suppress(OSError):
        size = os.get_terminal_size()
        if size.lines and size.columns:
            body = {"rows": size.lines, "columns": size.columns}
            client.put(f"{path}/size", body, replica=replica)


@contextmanager
def _raw_keyboard() -> Iterator[None]:
    """Each key goes to the service, Ctrl-C too, when our input is a keyboard."""
    if not sys.stdin.isatty():
        yield
        return
    before = termios.tcgetattr(sys.stdin)
    try:
        tty.setraw(sys.stdin)
        yield
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)
