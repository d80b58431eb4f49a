"""Rotation: the older part of a growing log goes to archives, under the writer's hands.

A service holds its log open for appending, so the file must stay where it is. Its older part is
copied to an archive that is first made safe on disk; then a hole is punched where the part was:
the disk space is given back, the offsets stay, and the writer appends as before. Whoever dies in
between leaves the part in both places; offsets tell that it is the same, and the next rotator
punches the hole.
"""

import errno
import logging
import os
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from io import FileIO
from pathlib import Path

from anyio import CancelScope, sleep, to_thread
from anyio.abc import TaskStatus

from intertie.errors import DaemonError
from intertie.runtime import log_archive
from intertie.runtime.component import Health, Status
from intertie.runtime.log_archive import Archive, among, archive_path
from intertie.runtime.log_parts import (
    Punch,
    begin,
    cut,
    extend,
    first_data,
    prune,
    punch_hole,
    remove,
    try_hole,
    write_archive,
)
from intertie.runtime.logs import log_source
from intertie.suite.logging import Logging

log = logging.getLogger(__name__)

_LOOK_FIRST_S = 2.0
_LOOK_LAST_S = 10.0
_GROWTH = 1.5
_NICE = 15
_HOLE_BYTES = 4 * 1024 * 1024
"""At a time: the kernel keeps writers of the file waiting while it makes a hole."""
_BLOCK_BYTES = 512
_DEFAULT = Logging()
_UNABLE = {errno.EOPNOTSUPP, errno.ENOSYS, errno.ENODEV}


@dataclass(frozen=True, slots=True)
class _Log:
    """A log as it was found."""

    path: Path
    size: int
    archives: tuple[Archive, ...]

    @property
    def base(self) -> int:
        """Where the part begins that is in no archive."""
        return self.archives[-1].end if self.archives else 0


class Rotator:
    """Keeps every log below a folder within what its service declares."""

    def __init__(
        self,
        folder: Path,
        rules: Callable[[], Mapping[str, Logging]],
        *,
        punch: Punch = punch_hole,
        look_s: float = _LOOK_FIRST_S,
    ) -> None:
        """`rules` are by service; one that is not there has the defaults."""
        self._folder = folder
        self._rules = rules
        self._punch = punch
        self._look_s = look_s
        self._is_over = threading.Event()
        self._lists: dict[str, tuple[int, list[tuple[Path, tuple[Archive, ...]]]]] = {}
        self._grown: dict[Path, int] = {}
        self._is_able = False
        self._unable = False
        self._trouble = ""
        self._worker: ThreadPoolExecutor | None = None

    async def run(self, *, task_status: TaskStatus[None]) -> None:
        """Look at the sizes again and again, more often while a log grows fast."""
        worker = self._worker = ThreadPoolExecutor(1, "log-rotation", _be_nice)
        look = partial(self._on, worker)
        pause_s = self._look_s
        try:
            task_status.started()
            await to_thread.run_sync(look, self.recover, abandon_on_cancel=True)
            while True:
                is_busy = await to_thread.run_sync(look, self.look, abandon_on_cancel=True)
                pause_s = self._look_s if is_busy else min(pause_s * _GROWTH, _LOOK_LAST_S)
                await sleep(pause_s)
        finally:
            self._worker = None
            self._is_over.set()  # a rotation under way gives up at its next block
            with CancelScope(shield=True):
                await to_thread.run_sync(worker.shutdown)

    async def rotate(self, least: int) -> tuple[int, int]:
        """Rotate now what is larger than so many bytes, as one archive of each log.

        How many logs, and bytes given back. Raises DaemonError while it does not `run`.
        """
        worker = self._worker
        if worker is None:
            raise DaemonError("cannot rotate logs: nobody keeps them now")
        forced = worker.submit(self._force, least)
        return await to_thread.run_sync(forced.result)

    def health(self) -> Health:
        """DEGRADED while a log cannot be rotated."""
        return Health(Status.DEGRADED, self._trouble) if self._trouble else Health(Status.UP)

    def recover(self) -> bool:
        """Finish what a rotator left behind that did not live to. Whether it was alive itself."""
        for found in self._logs():
            for part in found.path.parent.glob(f".{found.path.name}.*.part"):
                part.unlink(missing_ok=True)
            if 0 < found.base <= found.size:
                self._with_care(found.path, partial(self._give_back, found.path, found.base))
        return True

    def look(self) -> bool:
        """Rotate what is due. Whether some log grows so that it may soon be due."""
        self._trouble = ""
        rules = self._rules()
        is_busy = False
        for found in self._logs():
            rule = rules.get(found.path.parent.name, _DEFAULT)
            is_busy |= found.size - self._grown.get(found.path, 0) > rule.max_size // 16
            self._grown[found.path] = found.size
            self._with_care(found.path, partial(self._rotate, found, rule))
        return is_busy

    def _force(self, least: int) -> tuple[int, int]:
        self.look()  # what is due goes to archives of the usual size
        rules, rotated, freed = self._rules(), 0, 0
        for found in self._logs():
            size = found.size - (found.base or begin(found.path))
            if size <= max(least, 1):
                continue
            rule = rules.get(found.path.parent.name, _DEFAULT)
            whole = rule.model_copy(update={"max_size": size - 1})
            before, taken = _newest(found.path), _taken(found.path)
            self._with_care(found.path, partial(self._rotate, found, whole))
            rotated += _newest(found.path) != before
            freed += max(0, taken - _taken(found.path))
        return rotated, freed

    def _on(self, worker: ThreadPoolExecutor, job: Callable[[], bool]) -> bool:
        return worker.submit(job).result()

    def _logs(self) -> Iterator[_Log]:
        for folder in _folders(self._folder):
            for path, archives in self._listed(folder):
                if self._is_over.is_set():
                    return
                with suppress(OSError):
                    yield _Log(path, os.stat(path).st_size, archives)

    def _listed(self, folder: str) -> Sequence[tuple[Path, tuple[Archive, ...]]]:
        """The logs of one service. Read anew only when the folder has changed."""
        try:
            changed_ns = os.stat(folder).st_mtime_ns
            listed = self._lists.get(folder)
            if listed is None or listed[0] != changed_ns:
                self._lists[folder] = listed = (changed_ns, _list(Path(folder)))
        except OSError:
            return ()
        return listed[1]

    def _with_care(self, path: Path, work: Callable[[], None]) -> None:
        try:
            work()
        except _OverError:
            return
        except OSError as exc:
            if exc.errno in _UNABLE:
                self._tell_unable(path)
                return
            self._trouble = f"cannot rotate log {path}: {exc.strerror or exc}"
            log.warning("log not rotated", extra={"file": str(path), "why": str(exc)})

    def _tell_unable(self, path: Path) -> None:
        if not self._unable:
            what = "logs are rotated when a service starts: the file system cannot punch holes"
            log.warning(what, extra={"file": str(path)})
        self._unable = True

    def _rotate(self, found: _Log, rule: Logging) -> None:
        if found.base > found.size:
            log.warning("log was cut by somebody else", extra={"file": str(found.path)})
            remove(found.archives)
            found = _Log(found.path, found.size, ())
        if found.size - found.base > rule.max_size and not self._unable:
            self._try(found.path.parent)
            # Listed anew: the time of a folder's last change is too coarse to build this on.
            found = _Log(found.path, found.size, tuple(log_archive.archives(found.path)))
            with FileIO(found.path, "rb+") as file:
                self._archive(file, found, rule)
        if found.archives:
            prune(found.path, rule)

    def _archive(self, file: FileIO, found: _Log, rule: Logging) -> None:
        start = found.base or begin(found.path)
        parts = (found.size - start - 1) // rule.max_size
        # What would be removed at once, because newer parts fill the archives, is not copied.
        passed = max(0, parts - (rule.max_files - 1))
        for number in range(parts):
            end = cut(file, start, start + rule.max_size)
            if number < passed:
                archive_path(found.path, end, end, packed=False).touch()
            else:
                write_archive(
                    found.path, file, start, end, packed=rule.compress, keep_on=self._keep_on
                )
            self._give_back_of(file, end)
            prune(found.path, rule)
            start = end
            self._keep_on()

    def _give_back(self, path: Path, base: int) -> None:
        with FileIO(path, "rb+") as file:
            self._give_back_of(file, base)

    def _give_back_of(self, file: FileIO, base: int) -> None:
        for start in range(first_data(file), base, _HOLE_BYTES):
            self._punch(file.fileno(), start, min(_HOLE_BYTES, base - start))

    def _try(self, folder: Path) -> None:
        if not self._is_able:
            try_hole(folder, self._punch)
        self._is_able = True

    def _keep_on(self) -> None:
        if self._is_over.is_set():
            raise _OverError


class _OverError(Exception):
    """The rotator is to end."""


def at_start(path: Path, rule: Logging) -> None:
    """Before a service opens its log: see that its offsets go on, rotate it if nobody else can.

    While nobody has the file open it can be moved, which is the way where no holes can be
    punched: the file becomes an archive, and an empty one of the same length takes its place.
    Never raises: a log that cannot be rotated does not keep a service from starting.
    """
    try:
        _at_start(path, rule)
    except OSError as exc:
        log.warning("log not rotated", extra={"file": str(path), "why": str(exc)})


def _at_start(path: Path, rule: Logging) -> None:
    try:
        found = path.stat()
    except FileNotFoundError:
        extend(path, 0)
        return
    if not found.st_size:
        extend(path, 0)
    elif found.st_blocks * _BLOCK_BYTES > rule.max_size:
        try:
            try_hole(path.parent, punch_hole)
        except OSError as exc:
            if exc.errno not in _UNABLE:
                raise
            move_aside(path, rule)


def move_aside(path: Path, rule: Logging) -> None:
    """Make an archive of a log that nobody has open. Raises OSError."""
    size, kept = path.stat().st_size, log_archive.archives(path)
    base = kept[-1].end if kept else 0
    if base >= size:
        return
    # Linked first: whoever dies before the next step leaves one file of two names, which reads
    # the same.
    os.link(path, archive_path(path, base, size, packed=False))
    extend(path, size)
    prune(path, rule)


def _newest(path: Path) -> int:
    kept = log_archive.archives(path)
    return kept[-1].end if kept else 0


def _taken(path: Path) -> int:
    """Bytes on the disk of a log and its archives."""
    files = (path, *(archive.path for archive in log_archive.archives(path)))
    return sum(file.stat().st_blocks for file in files if file.exists()) * _BLOCK_BYTES


def _folders(folder: Path) -> Sequence[str]:
    try:
        with os.scandir(folder) as entries:
            return sorted(entry.path for entry in entries if entry.is_dir())
    except OSError:
        return ()


def _list(folder: Path) -> list[tuple[Path, tuple[Archive, ...]]]:
    names = os.listdir(folder)
    logs = [folder / name for name in names if log_source(folder.name, name)]
    return [(path, tuple(among(path, names))) for path in logs]


def _be_nice() -> None:
    if sys.platform == "linux":  # where a thread has a priority of its own
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICE)
