"""What makes a process a daemon: the lock on its state folder, and its log."""

import fcntl
import json
import logging
import os
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from intertie.errors import DaemonError
from intertie.trace_context import here

SERVICE = "intertie"
"""The daemon, in logs and traces (`service.name`)."""

_LOOK_S = 0.2
_POLL_S = 0.01
_PLAIN = frozenset(vars(logging.LogRecord("", 0, "", 0, "", (), None))) | {"message", "asctime"}


class Lock:
    """Held while a daemon lives; the kernel lets go of it however the daemon ends.

    Who starts a daemon may take it first and hand it down: `inherited` is that descriptor. There is
    no moment then at which a daemon starts and nobody knows.
    """

    def __init__(self, file: Path, inherited: int | None = None) -> None:
        self._file = file
        self._inherited = inherited

    def __enter__(self) -> Self:
        if self._inherited is not None:
            os.set_inheritable(self._inherited, False)
            self._stream = os.fdopen(self._inherited, "a")
            return self
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

    def fileno(self) -> int:
        """The descriptor that holds it, to hand down."""
        return self._stream.fileno()

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
    """One JSON object a line: time, level, logger, message and the `extra` fields.

    Each has `service.name`, and within a trace `trace_id` and `span_id`. Not structlog's: to load
    it takes a tenth of a second, which each start of a suite would wait for.
    """

    def __init__(self, service: str = SERVICE) -> None:
        super().__init__()
        self._service = service

    def format(self, record: logging.LogRecord) -> str:
        """See logging.Formatter."""
        extra = {key: value for key, value in vars(record).items() if key not in _PLAIN}
        entry = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            "service.name": self._service,
            **here(),
            **extra,
        }
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        return json.dumps(entry, default=str)


def log_to_stderr(service: str = SERVICE) -> None:
    """Send the log of a process of ours to standard error, which `up` points at a file."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines(service))
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    for chatty in ("httpx", "uvicorn"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
