"""The key without which nothing is removed from a repository that only grows.

The repository has its hash only. Who may write to the folder by other means can still remove
files: a repository that must withstand that is one whose server refuses to remove.
"""

import hashlib
import hmac
import secrets
from pathlib import Path

from intertie.automation.backup.keys import write_whole
from intertie.automation.backup.port import BackupError

_FILE = "prune.sha256"


def make_prune_key(repository: Path) -> str:
    """A new one; it is kept nowhere. Raises BackupError when there is one already, OSError."""
    file = repository / _FILE
    if file.exists():
        raise BackupError(
            f"cannot make a key for {repository}: there is one already; only who removes {file}"
            " by hand can have another"
        )
    key = secrets.token_urlsafe(32)
    write_whole(file, _hash(key))
    file.chmod(0o400)
    return key


def check_prune_key(repository: Path, key: str) -> None:
    """Raises BackupError unless it is the one, OSError."""
    try:
        known = (repository / _FILE).read_bytes()
    except FileNotFoundError as exc:
        why = "it has no key yet; make one with `intertie backup prune-key`"
        raise BackupError(f"cannot remove from {repository}: {why}") from exc
    if not hmac.compare_digest(known, _hash(key.strip())):
        raise BackupError(f"cannot remove from {repository}: that is not its key")


def _hash(key: str) -> bytes:
    return f"{hashlib.sha256(key.encode()).hexdigest()}\n".encode()
