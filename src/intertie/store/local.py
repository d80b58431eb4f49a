"""Blobs in a local folder, one file a key."""

import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path, PurePosixPath

from anyio import open_file, to_thread

from intertie.errors import NotFoundError, StoreError

_CHUNK_BYTES = 256 * 1024


class LocalBlobs:
    """Blobs below `root`, which is created when missing."""

    def __init__(self, root: Path) -> None:
        self._root = root
        root.mkdir(parents=True, exist_ok=True)

    async def put(self, key: str, data: bytes) -> None:
        """See Blobs."""
        await to_thread.run_sync(_write, self._file(key), data)

    async def put_file(self, key: str, path: Path) -> None:
        """See Blobs. A rename where both lie on one file system, else a copy."""
        await to_thread.run_sync(_take, path, self._file(key))

    async def size(self, key: str) -> int:
        """See Blobs."""
        file = self._existing(key)
        return file.stat().st_size

    @asynccontextmanager
    async def read(
        self, key: str, *, start: int = 0, end: int | None = None
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        """See Blobs."""
        file = self._existing(key)
        stop = file.stat().st_size if end is None else end
        async with await open_file(file, "rb") as stream:
            await stream.seek(start)

            async def chunks() -> AsyncIterator[bytes]:
                left = stop - start
                while left > 0 and (data := await stream.read(min(left, _CHUNK_BYTES))):
                    left -= len(data)
                    yield data

            yield chunks()

    async def keys(self, prefix: str) -> Sequence[str]:
        """See Blobs."""
        return await to_thread.run_sync(partial(_keys, self._root, self._file(prefix)))

    async def delete(self, prefix: str) -> int:
        """See Blobs."""
        return await to_thread.run_sync(_delete, self._file(prefix))

    def path(self, key: str) -> Path | None:
        """See Blobs; always a path, which may not exist."""
        return self._file(key)

    def _file(self, key: str) -> Path:
        parts = PurePosixPath(key).parts
        unsafe = any(part in {"..", "/"} or part.startswith(".") for part in parts)
        if not parts or unsafe or "\\" in key or "\0" in key:
            raise StoreError(f"cannot use blob key {key!r}: expected names separated by slashes")
        return self._root.joinpath(*parts)

    def _existing(self, key: str) -> Path:
        file = self._file(key)
        if not file.is_file():
            raise NotFoundError(f"cannot find blob {key!r}")
        return file


def open_url(url: str) -> LocalBlobs:
    """`file://` and an absolute path."""
    return LocalBlobs(Path(url.removeprefix("file://")))


def _write(file: Path, data: bytes) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=".part-", dir=file.parent)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        Path(name).replace(file)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _take(source: Path, file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    if source.stat().st_dev == file.parent.stat().st_dev:
        source.replace(file)
        return
    part = file.with_name(f".part-{file.name}")
    try:
        shutil.copyfile(source, part)
        part.replace(file)
    finally:
        part.unlink(missing_ok=True)
    source.unlink()


def _keys(root: Path, folder: Path) -> list[str]:
    found = (file for file in folder.rglob("*") if file.is_file())
    return sorted(
        file.relative_to(root).as_posix() for file in found if not file.name.startswith(".")
    )


def _delete(file: Path) -> int:
    if file.is_file():
        file.unlink()
        return 1
    count = sum(1 for child in file.rglob("*") if child.is_file())
    shutil.rmtree(file, ignore_errors=True)
    return count
