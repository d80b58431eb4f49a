"""What a task of maintenance does, and what it is given."""

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal, Protocol

from pydantic import BaseModel, ConfigDict, Field

from intertie.errors import IntertieError
from intertie.runtime.folder import StateFolder
from intertie.suite.schedule import Maintenance
from intertie.suite.schedule import MaintenanceTask as TaskName


class MaintenanceError(IntertieError):
    """A task of maintenance cannot be done."""


class Done(BaseModel):
    """What was changed; also what a process of its own prints of it, as one line of JSON."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    told: str = ""
    """For a person."""
    changed: int = Field(default=0, ge=0)
    """Files, answers or databases."""
    freed_bytes: int = Field(default=0, ge=0)
    """Given back to the disk, or of the cache's memory."""
    faults: tuple[str, ...] = ()
    """What could not be done, sentence by sentence; the rest was done all the same."""


class TaskReport(BaseModel):
    """How one task went."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    name: TaskName
    outcome: Literal["done", "failed", "nothing"]
    """`nothing`: there was nothing to do."""
    told: str
    freed_bytes: int = 0
    changed: int = 0
    took_s: float = 0.0


Apart = Callable[[TaskName, str], Awaitable[Done]]
"""Does the named task in a process of its own, under the limits; the text is what it is asked, as
JSON. Raises MaintenanceError."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Around:
    """What maintenance stands in."""

    config: Maintenance
    state: StateFolder
    root: Path
    """The suite file's folder."""
    now: datetime
    """When the run was due or began; ages are counted back from it."""
    apart: Apart
    rotate_logs: Callable[[int], Awaitable[tuple[int, int]]]
    """Rotates each log that is larger than so many bytes, and removes archives past their limits;
    how many logs, and bytes given back. Raises IntertieError."""
    purge_cache: Callable[[], Awaitable[int]] | None = None
    """Lets the gateway's cache forget what has expired; how many answers. None: there is no cache.
    Raises IntertieError."""
    compact: Callable[[], Awaitable[None]] | None = None
    """Sorts and compacts the store of samples. None: there is none. Raises IntertieError."""
    clock_s: Callable[[], float] = time.monotonic


class MaintenanceTask(Protocol):
    """One of `maintenance.tasks`."""

    @property
    def name(self) -> TaskName:
        """As the suite file has it."""
        ...

    async def run(self, around: Around) -> Done:
        """Do it. Raises IntertieError when nothing of it could be done."""
        ...
