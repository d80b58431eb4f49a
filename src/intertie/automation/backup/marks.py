"""What engines that are programs are told of a snapshot, as one word they can keep."""

import base64
import json
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, ValidationError

from intertie.automation.backup.port import BackupError, Snapshot
from intertie.automation.backup.tree import measure

_BEGIN = "intertie-"


class Mark(BaseModel):
    """Of one snapshot."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    at: datetime
    files: int
    size_bytes: int
    meta: Mapping[str, str]

    @classmethod
    def of(cls, folder: Path, at: datetime, meta: Mapping[str, str] | None) -> Self:
        """What is about to be kept. Raises BackupError."""
        try:
            files, size = measure(folder)
        except OSError as exc:
            raise BackupError(f"cannot back up {folder}: {exc.strerror}: {exc.filename}") from exc
        return cls(at=at, files=files, size_bytes=size, meta=dict(meta or {}))

    @classmethod
    def parse(cls, word: str) -> Self | None:
        """What `word` gave, or None where it is none of ours."""
        if not word.startswith(_BEGIN):
            return None
        try:
            text = base64.urlsafe_b64decode(word.removeprefix(_BEGIN))
            return cls.model_validate(json.loads(text))
        except (ValueError, ValidationError):
            return None

    @property
    def word(self) -> str:
        """Letters, digits, `-`, `_` and `=` only."""
        text = json.dumps(self.model_dump(mode="json"), separators=(",", ":"))
        return _BEGIN + base64.urlsafe_b64encode(text.encode()).decode()

    def snapshot(self, id: str) -> Snapshot:
        """As the engine's list has it."""
        return Snapshot(
            id=id, at=self.at, size_bytes=self.size_bytes, files=self.files, meta=self.meta
        )
