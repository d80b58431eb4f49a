"""What must not be read from the files of the store: sealed, or kept as a code that proves it.

One master key stands behind both. From it comes the pepper, so that who copies the database alone
can neither read what is sealed nor try secrets against it.
"""

import base64
import binascii
import hmac
import json
import os
import secrets
import stat
from collections.abc import Iterable
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from intertie.errors import StoreError

MASTER_SECRET = "identity-master"  # noqa: S105 — the name of a secret
"""The secret that stands in for the file, where a suite has one."""
_KEY_BYTES = 32
_NONCE_BYTES = 12
_KEPT = 2
_MAX_FILE_BYTES = 64 * 1024
_VERSION = "v1"


@dataclass(frozen=True, slots=True)
class _Master:
    """A master key. Retired, it only keeps its pepper, which no stored code can do without."""

    id: str
    pepper: bytes = field(repr=False)
    key: bytes | None = field(repr=False, default=None)

    @classmethod
    def of(cls, key: bytes) -> Self:
        return cls(_derive(key, "id").hex()[:8], _derive(key, "pepper"), key)


class Sealer:
    """AES-256-GCM and HMAC-SHA-256 under the newest of some master keys.

    Everything is bound to a `purpose`, such as `totp:` and the id of a user: what was sealed for
    one cannot be put in the place of another.
    """

    def __init__(self, masters: Iterable[_Master], *, file: Path | None = None) -> None:
        self._masters = tuple(masters)
        self._file = file
        self._stamp = _stamp(file)

    def __repr__(self) -> str:
        return f"Sealer(key={self.key_id!r})"

    @classmethod
    def open(cls, file: Path) -> Self:
        """Those of a file that only this user may read; made, with a new key, when missing."""
        if not file.exists():
            _make(file, _text([_Master.of(secrets.token_bytes(_KEY_BYTES))]))
        return cls(_read(file), file=file)

    @classmethod
    def from_secret(cls, text: str) -> Self:
        """Keys of 32 bytes in base64, one a line, the newest first."""
        try:
            keys = [base64.b64decode(line, validate=True) for line in text.split()]
        except binascii.Error:
            keys = []
        if not keys or any(len(key) != _KEY_BYTES for key in keys):
            what = "expected 32 bytes in base64, as `openssl rand -base64 32` makes them"
            raise StoreError(f"cannot use the secret {MASTER_SECRET!r}: {what}")
        return cls(map(_Master.of, keys))

    @property
    def key_id(self) -> str:
        """Of the key that seals now."""
        return self._newest().id

    def seal(self, data: bytes, *, purpose: str) -> str:
        """Text that only this gives back, and only for the same purpose."""
        newest = self._newest()
        nonce = secrets.token_bytes(_NONCE_BYTES)
        bound = _bound(newest.id, purpose)
        sealed = AESGCM(_key(newest)).encrypt(nonce, data, bound)
        return f"{_VERSION}.{newest.id}.{base64.urlsafe_b64encode(nonce + sealed).decode()}"

    def unseal(self, sealed: str, *, purpose: str) -> bytes:
        """What was sealed. Raises StoreError if it was changed, moved, or its key is gone."""
        version, _, rest = sealed.partition(".")
        key_id, _, body = rest.partition(".")
        try:
            raw = base64.urlsafe_b64decode(body)
            if version != _VERSION:
                raise ValueError
            key = AESGCM(_key(self._master(key_id)))
            return key.decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], _bound(key_id, purpose))
        except (ValueError, InvalidTag):
            raise StoreError("cannot unseal: it was changed or belongs elsewhere") from None

    def stale(self, sealed: str) -> bool:
        """Whether it is sealed under an older key."""
        return not sealed.startswith(f"{_VERSION}.{self.key_id}.")

    def reseal(self, sealed: str, *, purpose: str) -> str:
        """The same under the newest key."""
        return self.seal(self.unseal(sealed, purpose=purpose), purpose=purpose)

    def code(self, data: bytes, *, purpose: str) -> str:
        """What is stored in place of a secret: nothing follows from it without the pepper."""
        key_id = self.key_id
        return f"{key_id}.{self._code(key_id, data, purpose).hex()}"

    def proves(self, data: bytes, stored: str, *, purpose: str) -> bool:
        """Whether `stored` is the code of `data`, in constant time."""
        key_id, _, _ = stored.partition(".")
        shown = f"{key_id}.{self._code(key_id, data, purpose).hex()}"
        return hmac.compare_digest(shown, stored)

    def pepper(self, key_id: str, *, purpose: str) -> bytes:
        """The key of the codes that name `key_id`: for who checks too many to ask here."""
        return hmac.digest(self._master(key_id).pepper, purpose.encode(), "sha256")

    def rotate(self) -> None:
        """Put a new key in the file; older ones still open what they sealed."""
        if self._file is None:
            what = f"put a new line before those of the secret {MASTER_SECRET!r}"
            raise StoreError(f"cannot rotate the master key: it is not in a file; {what}")
        self._write([_Master.of(secrets.token_bytes(_KEY_BYTES)), *_read(self._file)])

    def retire(self) -> None:
        """Forget all keys but the newest two, once everything is sealed anew. Peppers stay.

        Two, because another process may be sealing with the one before at this moment.
        """
        if self._file is None:
            raise StoreError("cannot retire master keys: they are not in a file")
        masters = _read(self._file)
        older = (_Master(old.id, old.pepper) for old in masters[_KEPT:])
        self._write([*masters[:_KEPT], *older])

    def _code(self, key_id: str, data: bytes, purpose: str) -> bytes:
        return hmac.digest(self.pepper(key_id, purpose=purpose), data, "sha256")

    def _newest(self) -> _Master:
        self._reread()
        return self._masters[0]

    def _reread(self) -> None:
        """Another process may have rotated. One look at the file's date, most of the time."""
        stamp = _stamp(self._file)
        if self._file is not None and stamp not in {None, self._stamp}:
            self._stamp, self._masters = stamp, _read(self._file)

    def _master(self, key_id: str) -> _Master:
        self._reread()
        known = {master.id: master for master in self._masters}
        if key_id not in known:
            raise StoreError(f"cannot use master key {key_id!r}: it is not there any more")
        return known[key_id]

    def _write(self, masters: Iterable[_Master]) -> None:
        assert self._file is not None  # noqa: S101 — for the type checker
        masters = tuple(masters)
        part = _part(self._file, _text(masters))
        part.replace(self._file)
        self._reread()


def _stamp(file: Path | None) -> tuple[int, int] | None:
    try:
        told = file.stat() if file else None
    except FileNotFoundError:
        return None  # removed under us: what is in memory goes on
    return (told.st_ino, told.st_mtime_ns) if told else None


def _derive(key: bytes, what: str) -> bytes:
    info = f"intertie identity {what}".encode()
    return HKDF(algorithm=SHA256(), length=_KEY_BYTES, salt=None, info=info).derive(key)


def _bound(key_id: str, purpose: str) -> bytes:
    return f"{_VERSION}.{key_id}.{purpose}".encode()


def _key(master: _Master) -> bytes:
    if master.key is None:
        raise StoreError(f"cannot use master key {master.id!r}: it is retired")
    return master.key


def _text(masters: Iterable[_Master]) -> str:
    rows = [
        {"id": master.id, "key": _encode(master.key)}
        if master.key
        else {"id": master.id, "pepper": _encode(master.pepper)}
        for master in masters
    ]
    return json.dumps({"masters": rows}, indent=1)


def _encode(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _read(file: Path) -> tuple[_Master, ...]:
    try:
        with file.open("rb") as stream:
            if stat.S_IMODE(os.fstat(stream.fileno()).st_mode) & 0o077:
                what = f"others may read it; run: chmod 600 {file}"
                raise StoreError(f"cannot use the master key {file}: {what}")
            rows = json.loads(stream.read(_MAX_FILE_BYTES))["masters"]
        masters = tuple(map(_master, rows))
    except OSError as exc:
        raise StoreError(f"cannot read the master key {file}: {exc.strerror}") from exc
    except (ValueError, KeyError, TypeError):
        # None, because the text of the cause shows bytes of the key.
        raise StoreError(f"cannot read the master key {file}: it is damaged") from None
    if not masters or masters[0].key is None:
        raise StoreError(f"cannot read the master key {file}: it holds no key")
    return masters


def _master(row: dict[str, str]) -> _Master:
    if "key" not in row:
        return _Master(row["id"], base64.b64decode(row["pepper"], validate=True))
    key = base64.b64decode(row["key"], validate=True)
    if len(key) != _KEY_BYTES:
        raise ValueError
    return _Master.of(key)


def _make(file: Path, text: str) -> None:
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    part = _part(file, text)
    try:
        # A link never replaces: of two processes that start at once, both use the first key.
        os.link(part, file)
    except FileExistsError:
        pass
    finally:
        part.unlink()


def _part(file: Path, text: str) -> Path:
    part = file.with_name(f".{file.name}.{sha256(secrets.token_bytes(16)).hexdigest()[:12]}")
    handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    return part
