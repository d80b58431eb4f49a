"""Component: something with a life, as one coroutine, so that acquire and release are one block."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from anyio.abc import TaskStatus


class Status(StrEnum):
    """The words of the health JSON."""

    UP = "UP"
    DEGRADED = "DEGRADED"
    DOWN = "DOWN"


@dataclass(frozen=True, slots=True)
class Health:
    """A component's own verdict on itself; `reason` says why it is not UP."""

    status: Status
    reason: str = ""


class Component(Protocol):
    """Started with `await group.start(component.run)`, ended by cancelling its scope."""

    async def run(self, *, task_status: TaskStatus[None]) -> None:
        """Live until cancelled; call `task_status.started()` once ready to serve."""
        ...

    def health(self) -> Health:
        """Answer at once, from memory."""
        ...
