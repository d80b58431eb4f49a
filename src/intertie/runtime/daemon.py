"""What makes a process a daemon: the lock on its state folder, and its log."""

import fcntl
import json
import logging
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from intertie.errors import DaemonError

_LOOK_S = 0.2
_POLL_S = 0.01
_PLAIN = frozenset(vars(logging.LogRecord("", 0, "", 0, "", (), None))) | {"message", "asctime"}


class Lock:
    """Held while a daemon lives; the kernel lets go of it however the daemon ends."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def __enter__(self) -> Self:
        self._stream = self._file.open("a")
        deadline_s = time.monotonic() + _LOOK_S
        while not _try(self._stream):
            if time.monotonic() > deadline_s:
                self._stream.close()
                raise DaemonError(
                    f"cannot use {self._file.parent}: another daemon runs there;"
                    " see `intertie ps`, or stop it with `intertie down`"
                )
            time.sleep(_POLL_S)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stream.close()


def is_locked(file: Path) -> bool:
    """Whether a daemon holds the lock now, be it starting or ending.

    It is tried and given back: one that begins to take it at that moment tries again.
    """
    try:
        with file.open("a") as stream:
            return not _try(stream)
    except FileNotFoundError:
        return False


def _try(stream: IO[str]) -> bool:
    try:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


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
