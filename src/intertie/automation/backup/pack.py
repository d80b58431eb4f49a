"""A folder as one stream of bytes, and back: tar, with a list of all hashes at its end."""

import hashlib
import io
import os
import shutil
import tarfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import IO

from pydantic import BaseModel, ConfigDict, ValidationError

from intertie.automation.backup.port import BackupError
from intertie.automation.backup.tree import each

CHUNK = 1 << 20
MANIFEST = "manifest.json"
_CONTENT = "files"
_BLOCK = 512
_END = bytes(2 * _BLOCK)
_MODES = 0o1777
"""What is restored of a mode: no program becomes somebody else by a backup."""


class Member(BaseModel):
    """A file in an archive."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    path: str
    mode: int
    mtime: float
    size: int
    sha256: str


class Manifest(BaseModel):
    """Every file of an archive."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    files: tuple[Member, ...]


def pack(folder: Path) -> Iterator[bytes]:
    """The folder's files, links and folders. Owners are not kept. Raises OSError, BackupError."""
    members: list[Member] = []
    for path in each(folder):
        name = path.relative_to(folder).as_posix()
        if path.is_symlink() or path.is_dir():
            yield _header(_info(path, f"{_CONTENT}/{name}"))
        elif path.is_file():
            yield from _file(path, name, members)
    yield from _text(MANIFEST, Manifest(files=tuple(members)).model_dump_json().encode())
    yield _END


def _header(info: tarfile.TarInfo) -> bytes:
    return info.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape")


def _info(path: Path, name: str) -> tarfile.TarInfo:
    status = path.lstat()
    info = tarfile.TarInfo(name)
    info.mode = status.st_mode & _MODES
    info.mtime = status.st_mtime
    if path.is_symlink():
        info.type = tarfile.SYMTYPE
        info.linkname = str(path.readlink())
    elif path.is_dir():
        info.type = tarfile.DIRTYPE
    else:
        info.size = status.st_size
    return info


def _file(path: Path, name: str, members: list[Member]) -> Iterator[bytes]:
    info = _info(path, f"{_CONTENT}/{name}")
    yield _header(info)
    digest = hashlib.sha256()
    left = info.size
    with path.open("rb") as file:
        while left:
            chunk = file.read(min(CHUNK, left))
            if not chunk:
                raise BackupError(f"cannot back up {path}: it became shorter while it was read")
            left -= len(chunk)
            digest.update(chunk)
            yield chunk
    yield _padding(info.size)
    found = Member(
        path=_written(name),
        mode=info.mode,
        mtime=info.mtime,
        size=info.size,
        sha256=digest.hexdigest(),
    )
    members.append(found)


def _text(name: str, content: bytes) -> Iterator[bytes]:
    info = tarfile.TarInfo(name)
    info.size = len(content)
    yield _header(info)
    yield content
    yield _padding(len(content))


def _padding(size: int) -> bytes:
    return bytes(-size % _BLOCK)


def _written(name: str) -> str:
    """As it stands in the manifest, where names that are not UTF-8 are escaped."""
    return name.encode(errors="surrogateescape").decode(errors="backslashreplace")


@dataclass(slots=True)
class _Restore:
    target: Path
    paths: Sequence[str]
    hashes: dict[str, tuple[int, str]] = field(default_factory=dict[str, tuple[int, str]])
    later: list[Callable[[], None]] = field(default_factory=list[Callable[[], None]])
    links: list[tuple[Path, str]] = field(default_factory=list[tuple[Path, str]])
    matched: bool = False

    def wants(self, name: str) -> bool:
        wanted = not self.paths or any(
            name == path or name.startswith(f"{path}/") for path in self.paths
        )
        self.matched = self.matched or wanted
        return wanted


def unpack(stream: IO[bytes], target: Path, *, paths: Sequence[str] = ()) -> None:
    """Write the files of a stream, or these of them, and compare each with its hash.

    Nothing is ever written outside `target`. Raises BackupError, OSError, tarfile.TarError.
    """
    state = _Restore(target.resolve(), tuple(path.strip("/") for path in paths))
    manifest: Manifest | None = None
    with tarfile.open(fileobj=stream, mode="r|", errorlevel=1) as archive:
        for info in archive:
            if info.name == MANIFEST:
                manifest = _manifest(archive.extractfile(info))
            else:
                _member(archive, info, state)
    while stream.read(CHUNK):
        pass  # to the end, where what was cut off or changed shows
    if manifest is None:
        raise BackupError("cannot restore: the archive has no list of its files")
    _finish(state)
    _compare(manifest, state)


def _manifest(file: IO[bytes] | None) -> Manifest:
    try:
        return Manifest.model_validate_json(file.read() if file else b"")
    except ValidationError as exc:
        raise BackupError("cannot restore: the archive's list of files is damaged") from exc


def _member(archive: tarfile.TarFile, info: tarfile.TarInfo, state: _Restore) -> None:
    parts = PurePosixPath(info.name).parts
    if parts[:1] != (_CONTENT,) or len(parts) == 1 or ".." in parts:
        raise BackupError(f"cannot restore {info.name!r}: it would be outside the folder")
    name = "/".join(parts[1:])
    place = state.target.joinpath(*parts[1:])
    digest = None
    if info.isfile():
        digest = _write(archive, info, place if state.wants(name) else None)
        state.hashes[_written(name)] = info.size, digest
    if not state.wants(name):
        return
    if info.issym():
        # Links come last, so that no file is ever written through one.
        state.links.append((place, info.linkname))
        return
    if not info.isfile() and not info.isdir():
        raise BackupError(f"cannot restore {name!r}: it is neither file, folder nor link")
    if info.isdir():
        place.mkdir(parents=True, exist_ok=True)
    state.later.append(lambda: _set(place, info))


def _write(archive: tarfile.TarFile, info: tarfile.TarInfo, place: Path | None) -> str:
    """Write it, if anywhere; the hash of what it holds."""
    content = archive.extractfile(info)
    digest = hashlib.sha256()
    if place:
        place.parent.mkdir(parents=True, exist_ok=True)
    # "x": a name that comes twice is refused.
    with place.open("xb") if place else io.BytesIO() as file:
        while content and (chunk := content.read(CHUNK)):
            digest.update(chunk)
            if place:
                file.write(chunk)
    return digest.hexdigest()


def _set(place: Path, info: tarfile.TarInfo) -> None:
    place.chmod(info.mode & _MODES)
    os.utime(place, (info.mtime, info.mtime))


def _finish(state: _Restore) -> None:
    for place, target in state.links:
        place.parent.mkdir(parents=True, exist_ok=True)
        # A link made before this one may stand where this one's folder should be.
        if place.parent.resolve() != place.parent:
            raise BackupError(f"cannot restore {place.name!r}: it would be outside the folder")
        place.symlink_to(target)
    # What is in a folder before the folder itself, whose time and rights would change or forbid it.
    for act in reversed(state.later):
        act()


def _compare(manifest: Manifest, state: _Restore) -> None:
    expected = {one.path: (one.size, one.sha256) for one in manifest.files}
    wrong = [name for name in expected if state.hashes.get(name) != expected[name]]
    wrong += [name for name in state.hashes if name not in expected]
    if wrong:
        raise BackupError(f"cannot restore: {wrong[0]!r} is not what was backed up")
    if state.paths and not state.matched:
        shutil.rmtree(state.target, ignore_errors=True)
        raise BackupError(f"cannot restore {', '.join(state.paths)}: not in the backup")
