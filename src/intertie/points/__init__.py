"""Integration points: what services need of their machine, held against what it has."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

FindingStatus = Literal["ok", "differs", "missing", "unknown"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing a service declares, and what there really is."""

    service: str
    point: str
    """For example `storage`."""
    key: str
    wanted: str
    found: str
    status: FindingStatus
    remedy: tuple[str, ...] = ()
    """Commands that would make it right, or what to do instead."""

    @property
    def is_drift(self) -> bool:
        """Whether it is not as declared."""
        return self.status in {"differs", "missing"}


@dataclass(frozen=True, slots=True)
class Setting:
    """A file of the kernel whose content is a setting, and may be written."""

    file: Path
    value: str


@dataclass(frozen=True, slots=True)
class Checked:
    """A finding, and how to set it where that can be done."""

    finding: Finding
    setting: Setting | None = None


Checks = Iterator[Checked]
