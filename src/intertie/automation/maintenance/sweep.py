"""Old files below folders are removed, by handles of folders and never by paths.

Old is what was neither written nor made, moved or changed in its rights since a moment. What is
left alone: links out of the folder (a link itself is removed, what it leads to is not), sockets,
pipes and devices, other file systems, files that somebody holds a lock on, and folders in which
anything remains or that a process stands in.
"""

import fcntl
import os
import stat
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Self

from pydantic import BaseModel, ConfigDict

from intertie.automation.maintenance.places import opened, parts
from intertie.automation.maintenance.port import Around, Done, MaintenanceError

OWN_AGE_S = 86400.0
"""Nothing of ours takes so long to write."""
_DEEPEST = 64
_MOST_FAULTS = 10
_BLOCK_BYTES = 512
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class Sweep(BaseModel):
    """What a process of its own is asked to remove."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    root: Path
    """The suite file's folder."""
    state: str
    """The state folder from there."""
    folders: tuple[str, ...] = ()
    """From there too."""
    before_s: float
    """Seconds since 1970: what changed later stays."""
    own_before_s: float | None = None
    """The same for what we left behind in the state folder; None: that stays."""

    @classmethod
    def of(
        cls, around: Around, *, folders: tuple[str, ...], before_s: float, own: bool = False
    ) -> Self:
        """What is asked of a process of its own."""
        root = around.root.resolve()
        return cls(
            root=root,
            state=os.path.relpath(around.state.root.resolve(), root),
            folders=folders,
            before_s=before_s,
            own_before_s=around.now.timestamp() - OWN_AGE_S if own else None,
        )


@dataclass(slots=True)
class Removed:
    """What a sweep did."""

    files: int = 0
    freed_bytes: int = 0
    faults: list[str] = field(default_factory=list[str])

    def fault(self, where: PurePosixPath, exc: OSError) -> None:
        """Tell it, unless much was told already."""
        if len(self.faults) < _MOST_FAULTS:
            self.faults.append(f"cannot clean {str(where)!r}: {exc.strerror or exc}")


def sweep(asked: Sweep) -> Done:
    """Remove what is old below the folders. A folder that is not there has nothing old."""
    removed, faults = Removed(), list[str]()
    standing = stood_in()
    for path in asked.folders:
        try:
            names = parts(path, state=asked.state)
        except MaintenanceError as exc:
            faults.append(str(exc))
            continue
        _below(asked.root, names, Broom(asked.before_s, removed, standing))
    if asked.own_before_s is not None:
        own = Broom(asked.own_before_s, removed, is_doomed=is_leftover, only_files=True)
        _own(asked.root / asked.state, own)
    told = f"{removed.files} old files removed"
    return Done(
        told=told,
        changed=removed.files,
        freed_bytes=removed.freed_bytes,
        faults=(*faults, *removed.faults),
    )


def is_leftover(name: str) -> bool:
    """Whether we write a file of this name first, and give it another one when it is whole."""
    return name.endswith(".part") or name.startswith(".part-")


def stood_in() -> frozenset[tuple[int, int]]:
    """Device and number of each folder that a process stands in, of those we may know."""
    found: set[tuple[int, int]] = set()
    for pid in filter(str.isdigit, _names(Path("/proc"))):
        with suppress(OSError):
            place = os.stat(f"/proc/{pid}/cwd")
            found.add((place.st_dev, place.st_ino))
    return frozenset(found)


@dataclass(frozen=True, slots=True)
class Broom:
    """What goes, and a count of it."""

    before_s: float
    removed: Removed
    standing: frozenset[tuple[int, int]] = frozenset()
    is_doomed: Callable[[str], bool] = lambda _: True
    """By the name of a file."""
    only_files: bool = False
    """Folders stay, and links."""

    def folder(self, handle: int, where: PurePosixPath, *, depth: int = 0) -> None:
        """All below an open folder."""
        device = os.fstat(handle).st_dev
        for name in _names(handle):
            place = where / name
            try:
                found = os.stat(name, dir_fd=handle, follow_symlinks=False)
                if stat.S_ISDIR(found.st_mode):
                    if found.st_dev == device and depth < _DEEPEST:
                        self._inner(handle, name, found, (place, depth + 1))
                elif self._goes(handle, name, found):
                    os.unlink(name, dir_fd=handle)
                    self._count(found)
            except FileNotFoundError:
                continue  # somebody else was faster
            except OSError as exc:
                self.removed.fault(place, exc)

    def _inner(
        self, outer: int, name: str, found: os.stat_result, at: tuple[PurePosixPath, int]
    ) -> None:
        with opened(outer, (name,)) as handle:
            self.folder(handle, at[0], depth=at[1])
        is_free = (found.st_dev, found.st_ino) not in self.standing
        # As it was before anything in it was removed, which makes it young.
        if not self.only_files and is_free and self._is_old(found):
            with suppress(OSError):  # something is in it still
                os.rmdir(name, dir_fd=outer)

    def _goes(self, handle: int, name: str, found: os.stat_result) -> bool:
        if not self._is_old(found) or not self.is_doomed(name):
            return False
        if stat.S_ISLNK(found.st_mode):
            return not self.only_files
        return stat.S_ISREG(found.st_mode) and not _is_locked(handle, name)

    def _is_old(self, found: os.stat_result) -> bool:
        return max(found.st_mtime, found.st_ctime) < self.before_s

    def _count(self, found: os.stat_result) -> None:
        self.removed.files += 1
        if found.st_nlink == 1:  # otherwise it lives on under another name
            self.removed.freed_bytes += found.st_blocks * _BLOCK_BYTES


def _below(root: Path, names: tuple[str, ...], broom: Broom) -> None:
    where = PurePosixPath(*names)
    try:
        with opened(root, names) as handle:
            broom.folder(handle, where)
    except FileNotFoundError:
        return
    except OSError as exc:
        broom.removed.fault(where, exc)


def _own(state: Path, broom: Broom) -> None:
    """Our own folders only: what services and engines keep in theirs is no business of ours."""
    for name in ("run", "logs", "monitoring", "automation", "integrations", "identity", "keys"):
        _below(state, (name,), broom)


def _is_locked(handle: int, name: str) -> bool:
    """Whether somebody holds it with `flock`, the usual way to say that a file is in use."""
    try:
        file = os.open(name, _FILE, dir_fd=handle)
    except PermissionError:
        return False  # nobody can hold it for us to see, and to remove it needs no right to read
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(file)
    return False


def _names(folder: int | Path) -> list[str]:
    try:
        return sorted(os.listdir(folder))
    except OSError:
        return []
