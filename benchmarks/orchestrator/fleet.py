"""What a contender is asked to run, and what the payload tells about it."""

import socket
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Event = Literal["start", "child", "begun", "done"]

_PORTS = range(20_000, 32_000)
"""Below those that the kernel hands out for outgoing connections."""


@dataclass(frozen=True, slots=True)
class Task:
    """One service."""

    name: str
    options: tuple[str, ...] = ()
    """Of the payload."""
    after: str | None = None
    """Starts once this other task has printed its ready line."""
    port: int | None = None
    """Answers http there; probed every second by those who can."""


@dataclass(frozen=True, slots=True)
class Stamp:
    """One line of the stamps file."""

    task: str
    event: Event
    pid: int
    at_ns: int
    """CLOCK_MONOTONIC, the clock of time.monotonic_ns()."""


@dataclass(frozen=True, slots=True)
class Fleet:
    """All services of one run. Everything of the run lies in its folder, whose path marks it."""

    folder: Path
    program: Path
    tasks: tuple[Task, ...]

    @property
    def stamps_file(self) -> Path:
        """Where the payloads write."""
        return self.folder / "stamps"

    @property
    def logs(self) -> Path:
        """Where a contender is told to put the services' output."""
        return self.folder / "logs"

    def argv(self, task: Task) -> list[str]:
        """The command of a task."""
        port = ("--http", "--port", str(task.port)) if task.port else ()
        return [str(self.program), str(self.stamps_file), task.name, *task.options, *port]

    def stamps(self, event: Event = "start") -> Sequence[Stamp]:
        """What the payloads told so far, oldest first."""
        if not self.stamps_file.exists():
            return []
        whole, _, _ = self.stamps_file.read_text().rpartition("\n")  # one may be under way
        rows = (line.split() for line in whole.splitlines())
        return [
            Stamp(task, event, int(pid), int(at)) for task, kind, pid, at in rows if kind == event
        ]


def flat(count: int, *options: str) -> tuple[Task, ...]:
    """Services that wait for nothing."""
    return tuple(Task(f"s{number:03}", options) for number in range(count))


def chain(count: int) -> tuple[Task, ...]:
    """Each service waits for the ready line of the one before."""
    names = [f"s{number:03}" for number in range(count)]
    return tuple(
        Task(name, after=before) for name, before in zip(names, (None, *names), strict=False)
    )


def probed(count: int) -> tuple[Task, ...]:
    """Services that answer http."""
    ports = _free_ports()
    return tuple(Task(f"s{number:03}", port=next(ports)) for number in range(count))


def _free_ports() -> Iterator[int]:
    for port in _PORTS:
        with socket.socket() as tried:
            tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                tried.bind(("127.0.0.1", port))
            except OSError:
                continue
        yield port
