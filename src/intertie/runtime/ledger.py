"""Ledger: which processes run, written where a killed daemon cannot take it along."""

import signal
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel

from intertie.drivers import Identity, Remains
from intertie.errors import StoreError

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True, slots=True)
class Entry:
    """One running replica."""

    service: str
    replica: int
    identity: Identity
    port: int | None
    fingerprint: str
    """Of what it was started from: equal means a new start would run the same."""
    stop_signal: str
    stop_grace_s: float
    log_offsets: tuple[int, int] = (0, 0)
    """How long its two logs were before it wrote anything."""

    @property
    def remains(self) -> Remains:
        """What a driver needs to end it."""
        number = signal.Signals[self.stop_signal]
        return Remains(self.service, self.replica, self.identity, number, self.stop_grace_s)


class _File(BaseModel):
    boot: str
    entry: Entry


class Ledger:
    """One small file a replica in a folder of its own.

    Nothing is flushed to the disk: the kernel keeps a written file when the daemon is killed, and
    when the machine dies the processes are gone too. Entries of another boot are no entries.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._boot = _BOOT_ID.read_text().strip() if _BOOT_ID.exists() else ""

    def record(self, entry: Entry) -> None:
        """Remember; replaces what was known of this replica. Raises StoreError."""
        path = self._path(entry.service, entry.replica)
        part = path.with_suffix(".part")
        text = _File(boot=self._boot, entry=entry).model_dump_json()
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            part.write_text(text)
            part.replace(path)
        except OSError as exc:
            raise StoreError(f"cannot write {path}: {exc.strerror}") from exc

    def forget(self, service: str, replica: int) -> None:
        """The replica is gone."""
        with suppress(OSError):
            self._path(service, replica).unlink()

    def note_stopped(self, service: str, *, stopped: bool = True) -> None:
        """Remember that somebody stopped the service on request, or that this is over."""
        path = self._folder / f"{service}.stopped"
        with suppress(OSError):  # at worst it is started again with the next daemon
            if stopped:
                self._folder.mkdir(parents=True, exist_ok=True)
                path.touch()
            else:
                path.unlink()

    def stopped(self) -> set[str]:
        """The services somebody stopped on request."""
        return {path.stem for path in self._folder.glob("*.stopped")}

    def forget_stopped(self) -> None:
        """All was stopped together: nothing of it was for good."""
        for service in self.stopped():
            self.note_stopped(service, stopped=False)

    def entries(self) -> list[Entry]:
        """What is remembered of this boot; what is not readable is left out."""
        return sorted(self._read(), key=lambda entry: (entry.service, entry.replica))

    def _read(self) -> Iterator[Entry]:
        for path in self._folder.glob("*.json"):
            with suppress(OSError, ValueError):
                found = _File.model_validate_json(path.read_bytes())
                if found.boot == self._boot:
                    yield found.entry

    def _path(self, service: str, replica: int) -> Path:
        return self._folder / f"{service}@{replica}.json"
