"""Options that many commands share, and what they resolve to."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import click

from intertie.runtime.folder import STATE_FOLDER, StateFolder, find_suite

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Target:
    """The suite a command is about."""

    file: Path
    environment: str | None
    folder: StateFolder


def _option(*names: str, **settings: Any) -> Callable[[F], F]:
    return click.option(*names, **settings)


def suite_options(command: F) -> F:
    """`--file`, `--env` and `--state`; the command gets them as one `target`."""

    def resolve(file: str | None, env: str | None, state: str | None) -> Target:
        found = find_suite(Path(file) if file else None)
        root = Path(state).resolve() if state else found.resolve().parent / STATE_FOLDER
        return Target(found, env, StateFolder(root))

    def run(
        *args: Any, file: str | None, env: str | None, state: str | None, **options: Any
    ) -> Any:
        return command(*args, target=resolve(file, env, state), **options)

    run.__name__, run.__doc__ = command.__name__, command.__doc__
    run.__click_params__ = getattr(command, "__click_params__", [])  # type: ignore[attr-defined]
    for decorate in (
        _option(
            "--state",
            metavar="DIR",
            help="State folder (default: .intertie beside the file).",
            envvar="INTERTIE_STATE",
        ),
        _option(
            "--env",
            "-e",
            metavar="NAME",
            help="Environment overlay of the suite file.",
            envvar="INTERTIE_ENV",
        ),
        _option(
            "--file",
            "-f",
            metavar="FILE",
            help="Suite file (default: suite.yaml here or above).",
            envvar="INTERTIE_FILE",
            type=click.Path(dir_okay=False),
        ),
    ):
        run = decorate(run)
    return run  # type: ignore[return-value]


json_option = _option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")
