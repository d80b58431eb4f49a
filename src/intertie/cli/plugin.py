"""`plugins`: what is loaded, what is wrong with it, and how a new one looks."""

from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
import click

from intertie.cli import render
from intertie.cli.options import json_option
from intertie.errors import DaemonError
from intertie.runtime.folder import find_suite

if TYPE_CHECKING:
    from intertie.plugins.host import PluginHost
    from intertie.plugins.settings import PluginSettings
    from intertie.plugins.standing import PluginStatus

_paths_option = click.option(
    "--path",
    "paths",
    multiple=True,
    metavar="PATH",
    type=click.Path(path_type=Path),
    help="A folder or file of plugins, in place of those the suite file names; may be repeated.",
)


def _places(command: Callable[..., Any]) -> Callable[..., Any]:
    """`--file`, `--env` and `--path`: where plugins are looked for."""
    for decorate in (
        _paths_option,
        click.option(
            "--env",
            "-e",
            "environment",
            metavar="NAME",
            envvar="INTERTIE_ENV",
            help="Environment overlay of the suite file.",
        ),
        click.option(
            "--file",
            "-f",
            metavar="FILE",
            envvar="INTERTIE_FILE",
            type=click.Path(dir_okay=False, path_type=Path),
            help="Suite file (default: suite.yaml here or above, if there is one).",
        ),
    ):
        command = decorate(command)
    return command


@click.group()
def plugins() -> None:
    """Plugins: Python code of yours that is called at moments of the suite's life."""


@plugins.command("list")
@_places
@json_option
def list_(
    file: Path | None, environment: str | None, paths: tuple[Path, ...], as_json: bool
) -> None:
    """List the plugins in the order they are called; they are loaded in a process of their own."""
    host = _surveyed(file, environment, paths)
    found = host.status()
    if as_json:
        render.as_json([asdict(each) for each in found])
        return
    rows = [_row(each) for each in found]
    render.table(rows, ("PLUGIN", "STATE", "VERSION", "HOOKS", "LOADED IN", "FROM"))


@plugins.command()
@_places
@json_option
def check(
    file: Path | None, environment: str | None, paths: tuple[Path, ...], as_json: bool
) -> int:
    """Load all plugins in a process of their own and print every fault; ends with 2 on faults."""
    host = _surveyed(file, environment, paths)
    faults = host.faults
    good = [each.name for each in host.status() if each.state == "loaded"]
    if as_json:
        render.as_json({"valid": not faults, "plugins": good, "faults": list(faults)})
    elif faults:
        for each in faults:
            click.echo(each, err=True)
        click.echo(f"{len(faults)} fault{'' if len(faults) == 1 else 's'} found", err=True)
    else:
        click.echo(f"valid: {', '.join(good)}" if good else "no plugins found")
    return 2 if faults else 0


@plugins.command()
@click.argument("name")
@click.option(
    "--path",
    "folder",
    metavar="FOLDER",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("plugins"),
    help="Where to write it (default: plugins/ here).",
)
def new(name: str, folder: Path) -> None:
    """Write a plugin that works, with comments, into the folder; nothing is overwritten."""
    from intertie.plugins.template import write_new

    click.echo(f"wrote {write_new(name, folder)}; try it: intertie plugins check --path {folder}")


def _surveyed(file: Path | None, environment: str | None, paths: tuple[Path, ...]) -> "PluginHost":
    """A host whose plugins were loaded in a process that is gone again."""
    from intertie.plugins.host import PluginHost

    settings, folder = settings_for(file, environment, paths)
    host = PluginHost(settings, folder=folder, on_line=partial(click.echo, err=True))
    anyio.run(host.survey)
    return host


def settings_for(
    file: Path | None, environment: str | None, paths: tuple[Path, ...]
) -> "tuple[PluginSettings, Path]":
    """The settings and the folder plugins work in: from the suite file where there is one.

    `paths` come before the file's own ones; without a file the folder is the working directory.
    """
    from intertie.plugins.settings import PluginSettings, settings_from
    from intertie.suite import load
    from intertie.suite.plugins import Plugins

    here = Path.cwd()
    own = tuple(here / path for path in paths)
    try:
        found = find_suite(file)
    except DaemonError:
        return PluginSettings(paths=own or (here / "plugins",)), here
    if own:
        return PluginSettings(paths=own), found.resolve().parent
    section = load(found, environment=environment).suite.plugins or Plugins()
    return settings_from(section, found.resolve().parent), found.resolve().parent


def _row(each: "PluginStatus") -> list[str]:
    loaded = each.state != "faulty"
    hooks = ", ".join(hook.removeprefix("on_") for hook in each.hooks)
    took = f"{each.load_s * 1000:.1f} ms" if loaded else "-"
    origin = each.origin if loaded else f"{each.last_error}"
    return [each.name, each.state, each.version or "-", hooks or "-", took, origin]
