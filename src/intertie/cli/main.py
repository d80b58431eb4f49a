"""The root command and the fence that turns every error into one line and an exit code."""

import sys
from collections.abc import Sequence
from importlib import import_module

import click

from intertie.errors import IntertieError, SuiteError

EXIT_FAILED = 1
EXIT_BAD_INPUT = 2
EXIT_INTERRUPTED = 130

_EPILOG = (
    "Exit codes: 0 done, 1 failed, 2 faulty suite file or arguments, 130 interrupted. "
    "Shell completion: `intertie completion --help`."
)


# Command and the module it lives in, in the order of the help text. Only the module of the command
# that is run is loaded: `up` has started the daemon before other commands' libraries are read.
_HOME = {
    "up": "life",
    "down": "life",
    "ps": "services",
    "health": "health",
    "logs": "services",
    "start": "services",
    "stop": "services",
    "restart": "services",
    "scale": "services",
    "run": "job",
    "attach": "attach",
    "ui": "ui_command",
    "explain": "explain",
    "routes": "routes",
    "openapi": "openapi",
    "check": "files",
    "plan": "files",
    "apply": "files",
    "points": "integration",
    "schema": "files",
    "events": "watch",
    "bus": "bus",
    "cache": "cache",
    "integrations": "integrations",
    "metrics": "metrics",
    "alerts": "alerts",
    "traces": "traces",
    "incidents": "incident",
    "incident": "incident",
    "slo": "slo",
    "remediation": "remediation",
    "schedule": "schedule",
    "backup": "backup",
    "restore": "backup",
    "plugins": "plugin",
    "changes": "watch",
    "user": "user",
    "group": "role",
    "role": "role",
    "key": "key",
    "token": "access",
    "tenant": "tenant",
    "audit": "audit",
    "url": "access",
    "completion": "access",
    "daemon": "life",
}


class _Commands(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_HOME)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _HOME:
            return None
        found: click.Command = getattr(import_module(f"intertie.cli.{_HOME[cmd_name]}"), cmd_name)
        return found


@click.group(
    cls=_Commands,
    epilog=_EPILOG,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(package_name="intertie", prog_name="intertie")
def cli() -> None:
    """Run your services as one system, from one suite file."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and leave the process with its exit code."""
    sys.exit(run(arguments))


def run(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit code. Errors go to standard error, never as a traceback."""
    try:
        ended: object = cli.main(arguments, prog_name="intertie", standalone_mode=False)
    except click.ClickException as exc:
        exc.show()
        return exc.exit_code
    except SuiteError as exc:
        click.echo(str(exc), err=True)
        click.echo(_count(len(exc.faults)), err=True)
        return EXIT_BAD_INPUT
    except IntertieError as exc:
        click.echo(f"error: {exc}", err=True)
        return EXIT_FAILED
    except (click.Abort, KeyboardInterrupt):
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        sys.stderr.close()
        return EXIT_FAILED
    return ended if isinstance(ended, int) else 0  # a command's own exit code, or nothing


def _count(faults: int) -> str:
    return f"{faults} fault{'' if faults == 1 else 's'} found; nothing was changed"
