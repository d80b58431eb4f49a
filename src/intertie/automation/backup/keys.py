"""The key that an archive's repository is encrypted to."""

import os
import tempfile
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from intertie.automation.backup.age import AgeError, Key, new_key, parse_key, unwrap, wrap
from intertie.automation.backup.port import BackupError

_WRAPPED = "key.age"
_PUBLIC = "recipient"


@dataclass(frozen=True, slots=True, kw_only=True)
class Lock:
    """How a repository is opened: by a file with its key, or by a password.

    A password does not encrypt the data itself: it encrypts a key that lies in the repository.
    """

    repository: Path
    key_file: Path
    password: str | None = field(default=None, repr=False)

    @property
    def place(self) -> Path:
        """The file with the key."""
        return self.key_file if self.password is None else self.repository / _WRAPPED

    def make(self) -> None:
        """A key for a repository that has none yet. Raises BackupError, OSError."""
        public = self.repository / _PUBLIC
        if public.exists():
            self.open()
            return
        if not self.place.exists():
            write_whole(self.place, self._wrap(new_key()))
        write_whole(public, self._text(self._read()))

    def open(self) -> Key:
        """The key, read anew. Raises BackupError when it is missing or not the right one."""
        identity = self._read()
        try:
            fits = (self.repository / _PUBLIC).read_bytes() == self._text(identity)
        except OSError as exc:
            raise BackupError(f"cannot open {self.repository}: {exc.strerror}") from exc
        if not fits:
            why = f"the key in {self.place} is not the one it was encrypted to"
            raise BackupError(f"cannot open {self.repository}: {why}")
        return identity

    def _text(self, identity: Key) -> bytes:
        return f"{identity.to_public()}\n".encode()

    def _wrap(self, key: str) -> bytes:
        if self.password is None:
            return f"{key}\n".encode()
        return wrap(key.encode(), self.password)

    def _read(self) -> Key:
        try:
            held = self.place.read_bytes()
        except FileNotFoundError as exc:
            why = f"its key {self.place} is missing; put the copy you kept there"
            raise BackupError(f"cannot open {self.repository}: {why}") from exc
        except OSError as exc:
            raise BackupError(f"cannot read the key {self.place}: {exc.strerror}") from exc
        try:
            if self.password is not None:
                held = unwrap(held, self.password)
            return parse_key(held.decode(errors="replace"))
        except AgeError as exc:
            raise BackupError(f"cannot open {self.repository} with {self.place}: {exc}") from exc


def write_whole(place: Path, content: bytes) -> None:
    """All of it or nothing, readable by the owner only. Raises OSError."""
    place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    number, name = tempfile.mkstemp(prefix=".", suffix=".partial", dir=place.parent)
    try:
        with os.fdopen(number, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(name).rename(place)
    finally:
        with suppress(FileNotFoundError):
            Path(name).unlink()
    sync_folder(place.parent)


def sync_folder(folder: Path) -> None:
    """What was renamed in it outlives a loss of power. Raises OSError."""
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
