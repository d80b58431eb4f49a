"""Logs that are forwarded."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from anyio import create_task_group

from intertie.forward import Forwarder
from intertie.forward.record import Record, Stamp
from intertie.runtime.logs import LogLine, LogReader, Source, Stream, log_path
from intertie.suite.logging import LogTarget


@dataclass
class Stage:
    """A folder of logs, written as services would."""

    folder: Path
    services: list[str] = field(default_factory=lambda: ["api"])
    has_ended: bool = False

    @property
    def cursors(self) -> Path:
        """Where a forwarder remembers how far it came."""
        return self.folder / "state" / "target.json"

    @property
    def reader(self) -> LogReader:
        """Of the logs."""
        return LogReader(self.folder / "logs", ended=lambda service, index: self.has_ended)

    def write(self, text: str, service: str = "api", stream: Stream = "out") -> None:
        """Append to a log."""
        path = log_path(self.folder / "logs", Source(service, 0, stream))
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a") as file:
            file.write(text)

    @asynccontextmanager
    async def forwarding(self, **target: object) -> AsyncIterator[Forwarder]:
        """While the block runs."""
        made = Forwarder(
            "target",
            LogTarget.model_validate(target),
            reader=self.reader,
            services=lambda: self.services,
            resolve=lambda text: text.replace("${secret:token}", "hidden"),
            cursors=self.cursors,
        )
        async with create_task_group() as group:
            await group.start(made.run)
            yield made
            group.cancel_scope.cancel()


def records(
    *texts: str, stream: Stream = "out", at_ns: int = 1_777_638_615_123_456_789
) -> Sequence[Record]:
    """Lines of one log, read at that time."""
    lines = [LogLine("api", 0, stream, text, number * 100) for number, text in enumerate(texts)]
    return Stamp(lambda: at_ns)(lines)
