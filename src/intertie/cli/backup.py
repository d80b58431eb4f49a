"""`backup` and `restore`: what is kept elsewhere, and back again; also where no daemon runs."""

import os
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from intertie.cli import render
from intertie.cli.options import Target, json_option, suite_options
from intertie.cli.schedule import run_and_wait
from intertie.errors import NotFoundError, RequestError
from intertie.suite.recovery import BACKUP, DRILL

if TYPE_CHECKING:
    from intertie.automation.backup.diff import Difference
    from intertie.control.backups import Backups
    from intertie.control.restores import Restores

T = TypeVar("T")
_MIB = 1 << 20


@click.group()
def backup() -> None:
    """Backups: taken, listed, checked and practised."""


@backup.command("run")
@suite_options
@json_option
def take(target: Target, as_json: bool) -> int:
    """Take a backup now; its failure is exit code 1."""
    return _told(run_and_wait(target, BACKUP), as_json)


@backup.command()
@suite_options
@json_option
def drill(target: Target, as_json: bool) -> int:
    """Restore the newest backup for practice, and say how long that took."""
    return _told(run_and_wait(target, DRILL), as_json)


@backup.command("list")
@suite_options
@json_option
def list_backups(target: Target, as_json: bool) -> None:
    """List backups that are kept, the newest first."""
    found = _with(target, lambda backups: backups.list())
    if as_json:
        render.as_json(
            [
                {"id": e.id, "at": e.at, "size_bytes": e.size_bytes, "files": e.files}
                | {"fault": e.fault}
                for e in found
            ]
        )
        return
    rows = [
        [
            e.id,
            e.at.isoformat(timespec="seconds"),
            f"{e.size_bytes / _MIB:.1f} MiB",
            str(e.files),
            e.fault or "",
        ]
        for e in found
    ]
    render.table(rows, ("ID", "AT", "SIZE", "FILES", "FAULT"))


@backup.command()
@suite_options
def verify(target: Target) -> int:
    """Read all that is kept and compare it with what it must be; ends with 1 when it is not."""
    found = _with(target, lambda backups: backups.verify())
    for each in found.findings:
        click.echo(each)
    click.echo(found.told)
    return int(not found.passed)


@backup.command("diff")
@suite_options
@json_option
@click.argument("older")
@click.argument("newer", default="newest")
def between(target: Target, older: str, newer: str, as_json: bool) -> None:
    """Show what changed from the backup OLDER to NEWER: files, tables, objects."""
    _show(_restores(target, lambda restores: restores.between(older, newer)), as_json)


@backup.command("prune-key")
@suite_options
def prune_key(target: Target) -> None:
    """Make the key that `backup prune` wants, and show it: it is kept nowhere.

    Only for `append_only: true` and `engine: archive`.
    """
    click.echo(_restores(target, lambda restores: restores.make_prune_key()))


@backup.command()
@suite_options
@json_option
@click.option(
    "--key-file",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="A file with what `backup prune-key` showed; for `engine: archive`.",
)
def prune(target: Target, key_file: Path | None, as_json: bool) -> None:
    """Remove what the retention does not keep from a repository that only grows.

    Refused unless the newest drill went well, as `cleanup` is.
    """
    key = key_file.read_text() if key_file is not None else None
    removed = list(_restores(target, lambda restores: restores.prune(key)))
    if as_json:
        render.as_json(removed)
        return
    click.echo(f"{len(removed)} removed")


@click.command()
@suite_options
@json_option
@click.argument("id", default="newest")
@click.option(
    "--to",
    "folder",
    type=click.Path(path_type=Path),
    required=True,
    help="A folder that is empty or not there.",
)
@click.option("--at", metavar="TIME", help="The newest not after this time; UTC if it has no zone.")
@click.option("--path", "paths", multiple=True, help="Only this, as it is in the backup.")
@click.option("--source", metavar="NAME", help="Only this source.")
@click.option("--tenant", metavar="NAME", help="Only its part of each source with `tenant_part`.")
@click.option("--diff", is_flag=True, help="Also show what changed in the sources since.")
@click.option(
    "--into",
    metavar="PLACE",
    help="Also bring the source back: s3://bucket/prefix, a folder for objects, or mongodb://host.",
)
def restore(
    target: Target, id: str, folder: Path, as_json: bool, paths: tuple[str, ...], **wanted: Any
) -> None:
    """Write the backup ID, or the newest, into a folder. Needs no daemon.

    Each source is below `sources/NAME` there.
    """
    from intertie.control.restores import Part

    place = folder.absolute()
    part = Part(source=wanted["source"], tenant=wanted["tenant"])
    at = _time(wanted["at"])

    async def act(restores: "Restores") -> dict[str, Any]:
        chosen = await restores.choose(id, at=at)
        await restores.restore(chosen.id, place, part=part, paths=paths)
        told: dict[str, Any] = {"backup": chosen.id, "at": chosen.at, "folder": str(place)}
        if wanted["diff"]:
            told["differences"] = await restores.since(place, part=part)
        if wanted["into"] is not None:
            told["into"] = await restores.put_back(place, wanted["into"], part=part)
        return told

    told = _restores(target, act)
    if as_json:
        found = told.get("differences")
        render.as_json(told if found is None else {**told, "differences": [*map(asdict, found)]})
        return
    click.echo(f"{told['backup']} is restored to {folder}")
    if "into" in told:
        click.echo(f"brought back: {told['into']}")
    if "differences" in told:
        _show(told["differences"], as_json=False)


def _time(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        why = "expected a time as 2026-03-04T05:06, with or without a zone"
        raise RequestError(f"cannot use --at {text!r}: {why}") from None
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)


def _show(found: "Sequence[Difference]", as_json: bool) -> None:
    if as_json:
        render.as_json([asdict(each) for each in found])
        return
    for each in found:
        click.echo(str(each))
    click.echo(f"{len(found)} differences" if found else "nothing is different")


def _restores(target: Target, act: "Callable[[Restores], Coroutine[Any, Any, T]]") -> T:
    async def work(backups: "Backups") -> T:
        from intertie.control.restores import Restores

        return await act(Restores(backups))

    return _with(target, work)


def _with(target: Target, act: "Callable[[Backups], Coroutine[Any, Any, T]]") -> T:
    from anyio import run

    from intertie.cli.files import whole
    from intertie.control.backups import Backups
    from intertie.suite.secret import lookup, resolve

    found = whole(target).suite.automation.backup
    if found is None:
        raise NotFoundError("cannot look at backups: the suite has no `automation.backup`")
    config = found
    backups = Backups(
        config=lambda: config,
        root=target.file.resolve().parent,
        state=target.folder.root.absolute(),
        record=target.folder.automation,
        resolve=partial(resolve, find=lookup(os.environ, target.folder.secrets)),
    )
    return run(act, backups)


def _told(ended: dict[str, Any], as_json: bool) -> int:
    if as_json:
        render.as_json(ended)
    else:
        click.echo(ended["output"].rstrip())
        click.echo(": ".join(filter(None, (ended["task"], ended["status"], ended["error"]))))
    return int(ended["status"] != "done")
