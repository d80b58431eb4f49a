"""What makes a process a daemon: the lock on its state folder, and its log."""

import fcntl
import json
import logging
import sys
from pathlib import Path
from types import TracebackType
from typing import Self

from intertie.errors import DaemonError

_PLAIN = frozenset(vars(logging.LogRecord("", 0, "", 0, "", (), None))) | {"message", "asctime"}


class Lock:
    """Held while a daemon lives; the kernel lets go of it however the daemon ends."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def __enter__(self) -> Self:
        self._stream = self._file.open("a")
        try:
            fcntl.flock(self._stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as exc:
            self._stream.close()
            raise DaemonError(
                f"cannot use {self._file.parent}: another daemon runs there;"
                " see `intertie ps`, or stop it with `intertie down`"
            ) from exc
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stream.close()


class JsonLines(logging.Formatter):
    """One JSON object a line: time, level, logger, message and the `extra` fields."""

    def format(self, record: logging.LogRecord) -> str:
        """See logging.Formatter."""
        extra = {key: value for key, value in vars(record).items() if key not in _PLAIN}
        entry = {
            "time": self.formatTime(record, "%Y-%m-%dT%H:%M:%S%z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **extra,
        }
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        return json.dumps(entry, default=str)


def log_to_stderr() -> None:
    """Send the daemon's own log to standard error, which `up` points at a file."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    for chatty in ("httpx", "uvicorn"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
