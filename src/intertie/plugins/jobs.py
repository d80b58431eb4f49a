"""What a host is to do, in order: calls that somebody waits for, notifications that nobody does."""

from collections import deque
from dataclasses import dataclass, field

from anyio import Event

MOST_WAITING = 1_000


@dataclass(eq=False, slots=True)
class Job:
    """A hook to call on every plugin, or a reload when `hook` is empty."""

    hook: str
    args: list[object] = field(default_factory=list)
    wanted: bool = False
    """Somebody waits for it: it is not dropped."""
    results: list[object] = field(default_factory=list)
    seen: set[str] = field(default_factory=set)
    """Plugins that have had it."""
    tries: int = 0
    done: Event = field(default_factory=Event)


class Jobs:
    """First in, first out. When too many wait, the oldest notification is dropped and counted."""

    def __init__(self, limit: int = MOST_WAITING) -> None:
        self._limit = limit
        self._waiting: deque[Job] = deque()
        self._more = Event()
        self.dropped = 0

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, job: Job) -> None:
        """Append it."""
        if len(self._waiting) >= self._limit:
            self._drop_one()
        self._waiting.append(job)
        self._more.set()

    def discard(self, job: Job) -> None:
        """Nobody waits for it any more; nothing happens when it is being done."""
        if job in self._waiting:
            self._waiting.remove(job)

    async def next(self) -> Job:
        """Take the oldest, or wait for one."""
        while not self._waiting:
            self._more = Event()
            await self._more.wait()
        return self._waiting.popleft()

    def take(self) -> Job | None:
        """Take the oldest, None when there is none."""
        return self._waiting.popleft() if self._waiting else None

    def _drop_one(self) -> None:
        oldest = next((job for job in self._waiting if not job.wanted), None)
        if oldest is not None:
            self._waiting.remove(oldest)
            self.dropped += 1
