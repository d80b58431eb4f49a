"""REST routes of what is done at set times, and of backups."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path as FilePath
from typing import Annotated

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, Field

from intertie.api.access import Reader, Use, Writer
from intertie.api.identity_route import IdentityRoute
from intertie.api.models import Accepted, Body
from intertie.automation.health_checks import HealthReport
from intertie.control.schedule import BackupView, RunPage, RunView, TaskView
from intertie.suite.recovery import BACKUP, DRILL

router = APIRouter(prefix="/api/tasks", tags=["tasks"], route_class=IdentityRoute)
backups = APIRouter(prefix="/api", tags=["backups"], route_class=IdentityRoute)

_Name = Annotated[str, Path(min_length=1, max_length=63)]
_File = Annotated[str, Field(min_length=1, max_length=4096, pattern=r"^[^\x00]+$")]


class RestoreBody(Body):
    """What to restore, and where to."""

    backup: Annotated[str, Field(min_length=1, max_length=200)]
    """Its id."""
    target: _File
    """A folder that is empty or not there, with its whole path."""
    paths: Annotated[list[_File], Field(max_length=1000)] = []  # noqa: RUF012 - pydantic copies it
    """These only, as they are in the backup; none: all of it."""


class Cancelled(BaseModel):
    """Runs that were ended."""

    count: int


class Begun(BaseModel):
    """A run that was begun; see `/api/tasks/{task}/runs`."""

    task: str
    run: int
    status: str
    scheduled_at: datetime


@router.get("")
async def tasks(control: Use, actor: Reader) -> Sequence[TaskView]:
    """All of them, with when each begins next and how the last run went."""
    return await control.tasks.list(actor)


@router.get("/{name}/runs")
async def runs(
    control: Use,
    actor: Reader,
    name: _Name,
    *,
    page: Annotated[int, Query(ge=1, le=100_000)] = 1,
    limit: Annotated[int, Query(ge=1, le=200)] = 20,
) -> RunPage:
    """Of one task, the newest first."""
    return await control.tasks.runs(actor, name, page=page, limit=limit)


@router.post("/{name}/run", status_code=202)
async def run(control: Use, actor: Writer, name: _Name) -> Begun:
    """Begin a run by hand."""
    return _begun(await control.tasks.run(actor, name))


@router.post("/{name}/cancel")
async def cancel(control: Use, actor: Writer, name: _Name) -> Cancelled:
    """End its runs."""
    return Cancelled(count=await control.tasks.cancel(actor, name))


@router.post("/{name}/pause", status_code=204)
async def pause(control: Use, actor: Writer, name: _Name) -> None:
    """Do not run it by itself until it is resumed."""
    await control.tasks.pause(actor, name, paused=True)


@router.post("/{name}/resume", status_code=204)
async def resume(control: Use, actor: Writer, name: _Name) -> None:
    """Run it by itself again."""
    await control.tasks.pause(actor, name, paused=False)


@backups.get("/automation/health", tags=["tasks"])
async def health(control: Use, actor: Reader) -> HealthReport:
    """What the newest look at the suite as a whole found."""
    return control.tasks.health(actor)


@backups.get("/v1/backup")
async def list_backups(control: Use, actor: Reader) -> Sequence[BackupView]:
    """Those that are kept, the newest first."""
    return await control.tasks.backups(actor)


@backups.post("/v1/backup", status_code=202)
async def back_up(control: Use, actor: Writer) -> Begun:
    """Take one now."""
    return _begun(await control.tasks.run(actor, BACKUP))


@backups.post("/v1/backup/drill", status_code=202)
async def practise(control: Use, actor: Writer) -> Begun:
    """Restore the newest for practice."""
    return _begun(await control.tasks.run(actor, DRILL))


@backups.post("/v1/restore", status_code=202)
async def restore(control: Use, actor: Writer, body: RestoreBody) -> Accepted:
    """Write a backup into a folder of the daemon's machine."""
    id = await control.tasks.restore(actor, body.backup, FilePath(body.target), paths=body.paths)
    return Accepted(id=id)


def _begun(view: RunView) -> Begun:
    return Begun(task=view.task, run=view.id, status=view.status, scheduled_at=view.scheduled_at)
