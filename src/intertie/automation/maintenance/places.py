"""Which folders maintenance may remove files from. Pure, but for links, which are never followed.

A path of the suite file is opened name by name from the suite file's folder, no name of it a link:
so nothing that appears between a check and its use can lead out of that folder.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath

from intertie.automation.maintenance.port import MaintenanceError

_CACHES = frozenset({".cache", "cache"})
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def is_cache(path: str) -> bool:
    """Whether a declared folder holds a cache, by its name."""
    return PurePosixPath(path).name in _CACHES


def parts(path: str, *, state: str) -> tuple[str, ...]:
    """The names of a declared folder, from the suite file's folder.

    `state` is the state folder from there. Raises MaintenanceError for what may not be cleaned.
    """
    found = PurePosixPath(path)
    if found.is_absolute() or ".." in found.parts:
        raise _refused(path, "it is not below the suite file's folder")
    if not found.parts:
        raise _refused(path, "it is the suite file's folder itself")
    if "\0" in path:
        raise _refused(path, "no path has a zero in it")
    own = PurePosixPath(state)
    if own.is_relative_to(found) or found.is_relative_to(own):
        raise _refused(path, "the state folder is in it or around it, and is tidied by itself")
    return found.parts


@contextmanager
def opened(root: int | Path, names: tuple[str, ...]) -> Iterator[int]:
    """The folder below `root`, open. Raises OSError: ELOOP or ENOTDIR where a name is a link."""
    folder = os.open(root, _FOLDER) if isinstance(root, Path) else os.dup(root)
    try:
        for name in names:
            inner = os.open(name, _FOLDER, dir_fd=folder)
            os.close(folder)
            folder = inner
        yield folder
    finally:
        with suppress(OSError):
            os.close(folder)


def _refused(path: str, why: str) -> MaintenanceError:
    return MaintenanceError(f"cannot clean {path!r}: {why}; name another folder in `temp_paths`")
