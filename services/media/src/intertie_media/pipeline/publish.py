"""Brings what the engine made to the blobs: no player ever sees a name without its bytes."""

import os
import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from anyio import to_thread

from intertie.store import Blobs

_MASTER = "master.m3u8"
_PLAYLIST = ".m3u8"


@dataclass(slots=True)
class Publisher:
    """Copies `made` to the blobs under `prefix`, again and again, each time what is new in it."""

    blobs: Blobs
    made: Path
    prefix: str
    scratch: Path
    """A folder on the file system of `made`."""
    _shown: dict[str, tuple[int, int]] = field(default_factory=dict[str, tuple[int, int]])

    async def fill(self) -> None:
        """Segments first, then their playlists, the master last."""
        for name, state in await to_thread.run_sync(self._fresh):
            copy = await to_thread.run_sync(self._copy, name)
            await self.blobs.put_file(f"{self.prefix}/{name}", copy)
            self._shown[name] = state

    def _fresh(self) -> list[tuple[str, tuple[int, int]]]:
        found: list[tuple[str, tuple[int, int]]] = []
        for folder, folders, files in os.walk(self.made):
            folders[:] = [name for name in folders if not name.startswith(".")]
            for file in files:
                path = Path(folder, file)
                stat = path.stat()
                # A playlist is replaced as a whole, so that a new one is a new inode.
                state = (stat.st_ino, stat.st_mtime_ns)
                name = path.relative_to(self.made).as_posix()
                if not file.startswith(".") and self._shown.get(name) != state:
                    found.append((name, state))
        return sorted(found, key=lambda each: _order(each[0]))

    def _copy(self, name: str) -> Path:
        """A second name for the same bytes, for the blobs to take; a real copy where need be."""
        handle, copy = tempfile.mkstemp(dir=self.scratch)
        os.close(handle)
        target = Path(copy)
        target.unlink()
        try:
            os.link(self.made / name, target)
        except OSError:
            shutil.copyfile(self.made / name, target)
        return target


def _order(name: str) -> tuple[int, str]:
    if not name.endswith(_PLAYLIST):
        return (0, name)
    return (2, name) if name == _MASTER else (1, name)
