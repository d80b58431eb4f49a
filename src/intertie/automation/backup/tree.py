"""Folders: what is in them, and what is not."""

import fcntl
import os
import shutil
from collections.abc import AsyncIterator, Collection, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from tempfile import mkdtemp

from anyio import CancelScope, to_thread

from intertie.automation.backup.port import BackupError


def each(folder: Path, *, without: Collection[Path] = ()) -> Iterator[Path]:
    """All below a folder by name, each folder before what is in it, links not followed.

    `without` are folders and files that are left out, resolved. What goes away meanwhile is left
    out too; anything else that cannot be read raises OSError: what a backup lacks must be known.
    """
    with os.scandir(folder) as found:
        here = sorted(found, key=lambda one: one.name)
    for one in here:
        path = folder / one.name
        if without and path.resolve() in without and not one.is_symlink():
            continue
        yield path
        if one.is_dir(follow_symlinks=False):
            with suppress(FileNotFoundError):
                yield from each(path, without=without)


def is_kept(path: Path) -> bool:
    """Whether it is a file or a link; sockets, pipes and devices are not backed up."""
    return path.is_symlink() or path.is_file()


def measure(place: Path, *, without: Collection[Path] = ()) -> tuple[int, int]:
    """Files and links of a folder, or 1 for a file, and their bytes. See `each`."""
    if not place.is_dir() or place.is_symlink():
        return 1, place.lstat().st_size
    sizes: list[int] = []
    for path in each(place, without=without):
        if is_kept(path):
            with suppress(FileNotFoundError):
                sizes.append(path.lstat().st_size)
    return len(sizes), sum(sizes)


def empty(target: Path) -> None:
    """Make the folder. Raises BackupError unless it is empty then."""
    try:
        target.mkdir(mode=0o700, parents=True, exist_ok=True)
        busy = any(target.iterdir())
    except OSError as exc:
        raise BackupError(f"cannot restore into {target}: {exc.strerror}") from exc
    if busy:
        raise BackupError(f"cannot restore into {target}: it is not empty; name another folder")


def is_empty(folder: Path) -> bool:
    """Whether nothing is in it. Raises OSError."""
    return not any(folder.iterdir())


@asynccontextmanager
async def scratch(parent: Path, prefix: str) -> AsyncIterator[Path]:
    """A folder that only its owner can read, gone at the end whatever happens. Or BackupError.

    What a run that was killed left behind is removed by the next one.
    """
    try:
        made, lock = await to_thread.run_sync(_made, parent, prefix)
    except OSError as exc:
        raise BackupError(f"cannot make a folder in {parent}: {exc.strerror}") from exc
    try:
        yield made
    finally:
        with CancelScope(shield=True):
            await to_thread.run_sync(remove, made)
        os.close(lock)


def _made(parent: Path, prefix: str) -> tuple[Path, int]:
    """The folder, and a lock on it that ends with this process."""
    parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    for left in parent.glob(f"{prefix}*"):
        _remove_unused(left)
    made = Path(mkdtemp(prefix=".", dir=parent))
    lock = os.open(made, os.O_RDONLY)
    fcntl.flock(lock, fcntl.LOCK_EX)
    # Under the name that others look for only when it is locked.
    return made.rename(parent / f"{prefix}{made.name[1:]}"), lock


def _remove_unused(folder: Path) -> None:
    with suppress(FileNotFoundError):
        lock = os.open(folder, os.O_RDONLY)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            remove(folder)
        except BlockingIOError:
            pass  # another run is using it
        finally:
            os.close(lock)


def remove(folder: Path) -> None:
    """All of it, also what may not be written to. What cannot be removed stays."""
    for path, _, _ in os.walk(folder):
        Path(path).chmod(0o700)
    shutil.rmtree(folder, ignore_errors=True)
