"""What is known of one run of a task."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Literal, NewType

from intertie.trace_context import trace_id_of

RunId = NewType("RunId", int)
Trigger = Literal["schedule", "manual"]
OUTPUT_BYTES = 64 * 1024
"""What is kept of a run's output: its end."""


class Status(StrEnum):
    """What has become of a run."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CRASHED = "crashed"
    TIMEOUT = "timeout"
    CANCELLED = "cancelled"
    SKIPPED = "skipped"


class Tail:
    """The end of what was written to it."""

    def __init__(self, most: int = OUTPUT_BYTES) -> None:
        self._most = most
        self._held = bytearray()

    def write(self, data: bytes) -> None:
        """Keep it, and forget what is too old."""
        self._held += data
        if len(self._held) > 2 * self._most:  # so that most writes move nothing
            del self._held[: -self._most]

    def __bytes__(self) -> bytes:
        return bytes(self._held[-self._most :])


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a piece of work says of itself when it has come to its end."""

    ok: bool = True
    exit: int | None = None
    """The exit code, where a program was run; less than 0 is the signal that ended it."""
    output: bytes = b""
    """All or the end of what it printed."""
    error: str = ""
    """Why it did not go well."""
    change: str = ""
    """Id of the change of the suite that it made."""
    retryable: bool = True
    """Whether to try again may help, when it did not go well."""


@dataclass(frozen=True, slots=True)
class Run:
    """A task at one time; there is only ever one of it."""

    id: RunId
    task: str
    scheduled_at: datetime
    trigger: Trigger
    status: Status
    attempt: int
    """The newest, from 1; 0 where none has begun."""
    owner: str = ""
    """The process that runs it, or did."""
    lease_until: datetime | None = None
    """When others may take it that its process has died."""
    began_at: datetime | None = None
    """The first attempt."""
    ended_at: datetime | None = None
    exit: int | None = None
    output: bytes = b""
    error: str = ""
    change: str = ""
    cancel: str = ""
    """Why somebody wants it to end."""
    trace: str = ""
    """Its span, as a traceparent; empty in files of before."""

    @property
    def trace_id(self) -> str:
        """Of its log lines, its spans and its notices."""
        return trace_id_of(self.trace)
