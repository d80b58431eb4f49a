"""Bytes on their way into an archive and out of it: compressed, encrypted, never all in memory."""

import hashlib
import io
import os
import tarfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event
from typing import IO, TypeVar

import zstandard
from anyio import create_task_group, sleep_forever, to_thread
from anyio.lowlevel import checkpoint_if_cancelled

from intertie.automation.backup.age import AgeError, Key, Recipient, decrypt, encrypt
from intertie.automation.backup.pack import CHUNK
from intertie.automation.backup.port import BackupError

_LEVEL = 3

T = TypeVar("T")


async def in_thread(doing: str, work: Callable[[Event], T]) -> T:
    """Off the event loop; a cancelled one stops at its next read. Raises BackupError."""
    stop = Event()
    result: list[T] = []
    failed: list[BackupError] = []

    async def tell() -> None:
        try:
            await sleep_forever()
        finally:
            stop.set()

    async with create_task_group() as group:
        group.start_soon(tell)
        try:
            result.append(await to_thread.run_sync(_guarded, doing, work, stop))
        except BackupError as exc:
            failed.append(exc)
        group.cancel_scope.cancel()
    # What was stopped because this was cancelled has not failed.
    await checkpoint_if_cancelled()
    if failed:
        raise failed[0]
    return result[0]


def _guarded(doing: str, work: Callable[[Event], T], stop: Event) -> T:
    try:
        return work(stop)
    except BackupError:
        raise
    except FileNotFoundError as exc:
        raise BackupError(f"cannot {doing}: {exc.filename} does not exist") from exc
    except OSError as exc:
        raise BackupError(f"cannot {doing}: {exc.strerror or exc}") from exc


class Watched(io.RawIOBase):
    """What is read or written, until it is told to stop; the hash of what was written."""

    def __init__(self, file: IO[bytes], stop: Event) -> None:
        self._file = file
        self._stop = stop
        self.digest = hashlib.sha256()

    @classmethod
    def open(cls, path: Path, stop: Event) -> "Watched":
        """For reading."""
        return cls(path.open("rb"), stop)

    def readable(self) -> bool:
        """Always."""
        return True

    def writable(self) -> bool:
        """Always."""
        return True

    def readinto(self, buffer: bytearray | memoryview, /) -> int:  # type: ignore[override]
        """See io.RawIOBase."""
        self._check()
        chunk = self._file.read(len(buffer))
        buffer[: len(chunk)] = chunk
        return len(chunk)

    def write(self, data: bytes, /) -> int:  # type: ignore[override]
        """See io.RawIOBase."""
        self._check()
        self.digest.update(data)
        return self._file.write(data)

    def sync(self) -> None:
        """On the disk, not only on its way there."""
        self._file.flush()
        os.fsync(self._file.fileno())

    def close(self) -> None:
        """With the file."""
        self._file.close()
        super().close()

    def _check(self) -> None:
        if self._stop.is_set():
            raise OSError("stopped")


class Pull(io.RawIOBase):
    """A stream that is read from what an iterator gives; why that broke off is kept in `failed`."""

    def __init__(self, chunks: Iterator[bytes], stop: Event) -> None:
        self._chunks = chunks
        self._stop = stop
        self._left = memoryview(b"")
        self.failed: BackupError | OSError | None = None

    def readable(self) -> bool:
        """Always."""
        return True

    def readinto(self, buffer: bytearray | memoryview, /) -> int:  # type: ignore[override]
        """See io.RawIOBase."""
        while not self._left:
            chunk = self._next()
            if chunk is None:
                return 0
            self._left = memoryview(chunk)
        count = min(len(buffer), len(self._left))
        buffer[:count] = self._left[:count]
        self._left = self._left[count:]
        return count

    def _next(self) -> bytes | None:
        try:
            if self._stop.is_set():
                raise OSError("stopped")
            return next(self._chunks, None)
        except (BackupError, OSError) as exc:
            self.failed = exc
            raise


def _compressed(chunks: Iterator[bytes]) -> Iterator[bytes]:
    packer = zstandard.ZstdCompressor(level=_LEVEL, write_checksum=True).compressobj()
    for chunk in chunks:
        yield packer.compress(chunk)
    yield packer.flush()


def write(
    place: Path, chunks: Iterator[bytes], recipient: Recipient, stop: Event
) -> tuple[int, str]:
    """A file with what comes, compressed and encrypted; its bytes and its hash.

    It is on the disk when this returns, and gone when this fails. Raises BackupError, OSError.
    """
    source = Pull(_compressed(chunks), stop)
    number = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with Watched(os.fdopen(number, "wb", buffering=CHUNK), stop) as file:
            try:
                encrypt(source, file, recipient)
            except AgeError as exc:
                raise source.failed or BackupError(f"cannot write {place}: {exc}") from exc
            file.sync()
        return place.stat().st_size, file.digest.hexdigest()
    except BaseException:
        place.unlink(missing_ok=True)
        raise


def read(place: Path, key: Key, stop: Event, use: Callable[[IO[bytes]], None]) -> None:
    """Give the content of an encrypted file to `use`. Raises BackupError, OSError."""
    reader, writer = os.pipe()
    with ThreadPoolExecutor(1) as pool:
        decrypting = pool.submit(_decrypt, place, key, stop, writer)
        failed = _used(reader, use)
        # Where the file itself is damaged, what was read of it failed only for that.
        damaged = decrypting.result()
    if damaged or failed:
        raise damaged or failed or AssertionError


def _used(reader: int, use: Callable[[IO[bytes]], None]) -> BackupError | OSError | None:
    """Closes the pipe in the end, so that the other side never waits."""
    with os.fdopen(reader, "rb") as raw:
        try:
            with zstandard.ZstdDecompressor().stream_reader(raw, closefd=False) as stream:
                use(stream)
        except (zstandard.ZstdError, tarfile.TarError) as exc:
            return BackupError(f"cannot restore: the archive is damaged: {exc}")
        except (BackupError, OSError) as exc:
            return exc
    return None


def _decrypt(place: Path, key: Key, stop: Event, writer: int) -> BackupError | None:
    try:
        with os.fdopen(writer, "wb", buffering=CHUNK) as pipe, Watched.open(place, stop) as file:
            decrypt(file, pipe, key)
    except BrokenPipeError:
        return None  # the other side says why it stopped
    except AgeError as exc:
        return BackupError(f"cannot read {place}: {exc}")
    return None
