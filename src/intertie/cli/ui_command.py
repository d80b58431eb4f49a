"""`ui`: the suite at a glance, in a terminal."""

import sys

import click

from intertie.cli.options import Target, suite_options
from intertie.cli.running import find_daemon
from intertie.errors import DaemonError, IntertieError

_ITS_PACKAGES = {"textual", "rich"}  # the second comes with the first
_CANNOT = "cannot show the terminal UI"


@click.command()
@suite_options
def ui(target: Target) -> None:
    """Show services, logs, events and changes live; restart, start and stop services by key."""
    try:
        from intertie.cli.ui.app import SuiteApp
    except ModuleNotFoundError as exc:
        if (exc.name or "").partition(".")[0] not in _ITS_PACKAGES:
            raise
        raise IntertieError(
            f"{_CANNOT}: the package textual is not installed; install intertie[ui]"
        ) from exc
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise IntertieError(f"{_CANNOT}: this is not a terminal; use `intertie ps` and `logs`")
    if find_daemon(target.folder) is None:
        raise DaemonError(f"{_CANNOT}: the suite is not running; start it with `intertie up`")
    SuiteApp(target.folder).run()
