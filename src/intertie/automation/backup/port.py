"""What a backup engine does."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Protocol

from intertie.errors import IntertieError


class BackupError(IntertieError):
    """A backup cannot be taken, read, checked or restored."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """One backup in a repository."""

    id: str
    at: datetime
    """When its content was current; aware."""
    size_bytes: int
    """Of what was backed up, before it was compressed."""
    files: int
    meta: Mapping[str, str] = field(default_factory=dict[str, str])
    fault: str | None = None
    """What is wrong with it as far as a listing shows; such a one is never counted as good."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A share of the data: `number` of `of`, counted from 1. All numbers together are all of it."""

    number: int
    of: int

    def __post_init__(self) -> None:
        if not 1 <= self.number <= self.of:
            raise ValueError(f"part {self.number} of {self.of} does not exist")


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """What a look at the repository found."""

    snapshots: int
    """How many there are."""
    told: str
    """What was read, for a person."""
    findings: tuple[str, ...] = ()
    """What is damaged; empty is good."""

    @property
    def passed(self) -> bool:
        """Whether nothing is damaged as far as it was read."""
        return not self.findings


@dataclass(frozen=True, slots=True, kw_only=True)
class Stats:
    """How much is kept."""

    snapshots: int
    stored_bytes: int | None
    """Taken up in the repository; None where the engine cannot tell."""


class BackupEngine(Protocol):
    """Keeps snapshots of a folder in a repository. Every call raises BackupError."""

    async def init(self) -> None:
        """Make the repository where there is none; one that is there is left as it is."""
        ...

    async def snapshot(
        self, folder: Path, *, at: datetime, meta: Mapping[str, str] | None = None
    ) -> Snapshot:
        """Keep the folder's content as it is now: all of it, or nothing."""
        ...

    async def list(self) -> Sequence[Snapshot]:
        """Newest first."""
        ...

    async def verify(self, *, part: Part | None = None) -> Verified:
        """Read what is kept, or a part of it, and compare it with what it must be."""
        ...

    async def restore(self, id: str, target: Path, *, paths: Sequence[str] = ()) -> None:
        """Write a snapshot, or these paths of it, into a folder that is empty or not there."""
        ...

    async def forget(self, ids: Sequence[str]) -> None:
        """Remove these for good."""
        ...

    async def stats(self) -> Stats:
        """How much is kept."""
        ...
