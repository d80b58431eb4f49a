"""A command as the work of a task: what it may use, what it printed, and that nothing is left."""

import logging
import os
import tempfile
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC
from functools import partial
from pathlib import Path
from signal import SIGTERM

from anyio import CancelScope, create_task_group, wait_readable

from intertie.automation.record import Outcome, Tail
from intertie.automation.runner import Attempt, NotRetryable, Work
from intertie.automation.throttle import be_gentle, throttle
from intertie.drivers import Driver, Exit, Instance, Launch, Limits, cgroup
from intertie.errors import DriverError
from intertie.suite.schedule import ResourceLimits

log = logging.getLogger(__name__)

TASK = "INTERTIE_TASK"
RUN = "INTERTIE_RUN"
SCHEDULED_AT = "INTERTIE_SCHEDULED_AT"
_GRACE_S = 5.0
_READ_BYTES = 64 * 1024
_PERCENT = 100.0

Copy = Callable[[CancelScope], Coroutine[object, None, None]]
"""Reads what the command prints, until the scope is cancelled."""


@dataclass(frozen=True, slots=True)
class Order:
    """What to run."""

    argv: tuple[str, ...]
    folder: Path
    env: Mapping[str, str] = field(repr=False)
    """The complete environment, secrets included."""
    limits: ResourceLimits = field(default_factory=ResourceLimits)


def command(driver: Driver, order: Order) -> Work:
    """Work that runs the command, in a session of its own, and ends well if it exits with 0.

    When it is cancelled (a timeout is that), the command has five seconds from SIGTERM; then all
    that came from it is killed. `INTERTIE_TASK`, `INTERTIE_RUN` and `INTERTIE_SCHEDULED_AT` are
    in its environment.
    """

    async def work(attempt: Attempt) -> Outcome:
        with tempfile.TemporaryDirectory(prefix="intertie-task-") as folder:
            output = Path(folder) / "output"
            with _pipe(output, attempt.tail) as pipe:
                launch = _launch(order, attempt, output)
                instance, share = await _start(driver, launch, order.limits)
                ended = await _see_through(
                    instance, share, order.limits, partial(_copy, pipe, attempt.tail)
                )
        return _outcome(ended, attempt.tail)

    return work


async def _see_through(
    instance: Instance, share: float | None, limits: ResourceLimits, copy: Copy
) -> Exit:
    """Its end; nothing of it is left then."""
    ended = Exit(None, None)
    reading = CancelScope(shield=True)  # also while it cleans up: it must not wait for a reader
    async with create_task_group() as group:
        group.start_soon(copy, reading)
        try:
            idle_io = limits.io_priority == "low"
            if limits.nice_value or idle_io:
                be_gentle(instance.identity, nice=limits.nice_value, idle_io=idle_io)
            ended = await _wait(instance, share)
        finally:
            with CancelScope(shield=True):  # bounded: the grace period, then SIGKILL
                await _end(instance)
            reading.cancel()
    return ended


async def _wait(instance: Instance, share: float | None) -> Exit:
    if share is None:
        return await instance.wait()
    ended = Exit(None, None)
    async with create_task_group() as group:
        group.start_soon(throttle, instance.identity, share)
        ended = await instance.wait()
        group.cancel_scope.cancel()
    return ended


async def _end(instance: Instance) -> None:
    try:
        await instance.stop()
    except DriverError as exc:
        log.error("a task's process cannot be ended", extra={"why": str(exc)})


async def _start(
    driver: Driver, launch: Launch, limits: ResourceLimits
) -> tuple[Instance, float | None]:
    """The running command, and its share of a processor where the kernel does not see to it."""
    try:
        if limits.cpu_limit is None:
            return await driver.start(launch), None
        share = limits.cpu_limit / _PERCENT
        if cgroup.available() is None:
            try:
                return await driver.start(replace(launch, limits=Limits(cpus=share))), None
            except DriverError:  # our own group cannot be divided after all, or it will fail again
                pass
        return await driver.start(launch), share
    except DriverError as exc:
        why = str(exc).removeprefix(f"cannot start service {launch.service!r}: ")
        raise NotRetryable(f"cannot run {launch.argv[0]!r}: {why}") from exc


def _launch(order: Order, attempt: Attempt, output: Path) -> Launch:
    own = {
        TASK: attempt.task,
        RUN: str(attempt.run),
        SCHEDULED_AT: attempt.scheduled_at.astimezone(UTC).isoformat(timespec="seconds"),
    }
    return Launch(
        # No service has this name, and no other run this number: stopping one leaves the others.
        service=f"task:{attempt.task}",
        replica=attempt.run,
        argv=order.argv,
        env={**order.env, **own},
        cwd=order.folder,
        stdout=output,
        stderr=output,
        stop_signal=SIGTERM,
        stop_grace_s=_GRACE_S,
    )


@contextmanager
def _pipe(path: Path, tail: Tail) -> Iterator[int]:
    """A pipe by name, of which only the end is kept: no output fills the disk or our memory."""
    os.mkfifo(path, 0o600)
    # Open for writing as well, so that reading does not end before the command has begun.
    pipe = os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        yield pipe
    finally:
        _drain(pipe, tail)
        os.close(pipe)


async def _copy(pipe: int, tail: Tail, until: CancelScope) -> None:
    with until:
        while True:
            await wait_readable(pipe)
            _read(pipe, tail)


def _drain(pipe: int, tail: Tail) -> None:
    """What is left in it, when nobody writes any more."""
    while _read(pipe, tail):
        pass


def _read(pipe: int, tail: Tail) -> int:
    try:
        data = os.read(pipe, _READ_BYTES)
    except BlockingIOError:
        return 0
    tail.write(data)
    return len(data)


def _outcome(ended: Exit, tail: Tail) -> Outcome:
    if ended.signal is not None:
        error = f"it was ended by signal {ended.signal}"
        return Outcome(ok=False, exit=-ended.signal, output=bytes(tail), error=error)
    error = "" if ended.ok else f"it ended with exit code {ended.code}"
    return Outcome(ok=ended.ok, exit=ended.code, output=bytes(tail), error=error)
