"""Finds ffmpeg and runs it under limits that the kernel keeps."""

import os
import re
import shutil
import signal
import tempfile
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from subprocess import DEVNULL, PIPE

import anyio
import imageio_ffmpeg
from anyio import to_thread
from anyio.abc import ByteReceiveStream, Process

from intertie_media.core.errors import Kind, MediaError
from intertie_media.core.model import Limits

# Program text and libraries, resident but not counted by RLIMIT_DATA: 70 to 100 MiB were seen.
TEXT_BYTES = 128 << 20
MAX_FILE_BYTES = 256 << 20
TAIL_LINES = 5000  # a description with hundreds of chapters has to fit
LINE_CHARS = 1000
INPUT = "input"
OUT = "out"
CLEANUP_S = 10

# The limits are set by the shell that then becomes ffmpeg: nothing of ffmpeg runs without them, no
# code runs between fork and exec of a threaded Python (preexec_fn), and the pid stays the same.
# -d and not -v: reserved but untouched memory (thread stacks, malloc arenas) would eat an address
# space limit while a data limit counts what can become resident. Linux counts mmap in it since
# 4.7; macOS does not. At the soft CPU limit ffmpeg ends by itself, at the hard one it is killed.
# -s keeps thread stacks small, -f counts blocks of 512 bytes. No text of ours enters the script.
SHIM = (
    'ulimit -c 0; ulimit -s 2048; ulimit -d "$1"; ulimit -f "$2"; ulimit -t "$4"; '
    'ulimit -S -t "$3"; shift 4; exec nice -n 10 "$@"'
)
CPU_GRACE_S = 5

# What the last words of ffmpeg mean. This is the only place that reads them.
DIAGNOSES: tuple[tuple[re.Pattern[str], str, Kind, str], ...] = (
    (
        re.compile(rf"received signal {signal.SIGXCPU.value}\b"),
        "too_expensive",
        "input",
        "it takes more computing than allowed; upload it shorter or smaller",
    ),
    (
        re.compile(r"No space left on device"),
        "disk_full",
        "capacity",
        "the disk is full; free some space and try again",
    ),
    (
        re.compile(r"Cannot allocate memory|malloc of size \d+ failed|get_buffer\(\) failed"),
        "too_much_memory",
        "input",
        "it takes more memory than allowed; upload it smaller",
    ),
)

OnLine = Callable[[str], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Budget:
    """Time one run of ffmpeg may take."""

    cpu_s: float
    wall_s: float
    stall_s: float | None = None
    """Longest silence on stdout, for runs that report progress."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one ffmpeg ended."""

    code: int
    """Exit status; minus the signal's number when a signal ended it."""
    tail: str
    """The last lines it said."""


@cache
def locate() -> Path:
    """Path of the system's ffmpeg, else of the wheel's. Raises MediaError without any."""
    found = shutil.which("ffmpeg")
    if found:
        return Path(found)
    try:
        return Path(imageio_ffmpeg.get_ffmpeg_exe())
    except RuntimeError as exc:
        raise _absent() from exc


@asynccontextmanager
async def workbench(source: Path, out: Path | None = None) -> AsyncIterator[Path]:
    """A fresh folder holding nothing but `input` and `out`, links to `source` and `out`.

    Gone afterwards. ffmpeg runs there: names inside a file have no neighbour to find, and no
    message can show where or under which name an upload is stored.
    """
    folder = await to_thread.run_sync(_furnish, source, out)
    try:
        yield folder
    finally:
        with anyio.move_on_after(CLEANUP_S, shield=True):
            await to_thread.run_sync(partial(shutil.rmtree, folder, ignore_errors=True))


def _furnish(source: Path, out: Path | None) -> Path:
    folder = Path(tempfile.mkdtemp(prefix="intertie-media-"))
    (folder / INPUT).symlink_to(source.absolute())
    if out:
        (folder / OUT).symlink_to(out.absolute())
    return folder


async def run(
    ffmpeg: Path,
    arguments: Sequence[str],
    cwd: Path,
    *,
    limits: Limits,
    budget: Budget,
    on_line: OnLine | None = None,
) -> Outcome:
    """Run ffmpeg until it ends; `on_line` gets each line of its stdout.

    Cancelled, it leaves no process behind. Raises MediaError `timeout` (retryable, for the machine
    may be busy) when the budget's wall-clock time or silence is over; all else is in the Outcome.
    """
    tail: deque[str] = deque(maxlen=TAIL_LINES)
    command = _command(ffmpeg, arguments, limits.memory_bytes, budget.cpu_s)
    with anyio.move_on_after(budget.wall_s):
        async with _started(command, cwd) as process, _draining(process.stderr, tail):
            async for line in _lines(process.stdout, budget.stall_s):
                if on_line:
                    await on_line(line)
            code = await process.wait()
        return Outcome(code, "\n".join(tail))
    raise _late()


def diagnose(outcome: Outcome) -> MediaError:
    """The error behind an Outcome that is not a success."""
    for pattern, code, kind, why in DIAGNOSES:
        if pattern.search(outcome.tail):
            return MediaError(f"cannot process the file: {why}", code=code, kind=kind)
    if outcome.code == -signal.SIGKILL:
        return MediaError(
            "cannot process the file: ffmpeg was killed from outside; try again",
            code="killed",
            kind="capacity",
        )
    # A crash is counted to the file: the next try would crash as well.
    return MediaError(
        "cannot process the file: its video or audio is damaged; export it again and retry",
        code="undecodable",
        kind="input",
    )


def _command(ffmpeg: Path, arguments: Sequence[str], memory: int, cpu_s: float) -> list[str]:
    """The whole command line: die with the parent, limits, then ffmpeg."""
    data_kib = (memory - TEXT_BYTES) // 1024
    cpu = max(1, round(cpu_s))
    numbers = (data_kib, MAX_FILE_BYTES // 512, cpu, cpu + CPU_GRACE_S)
    shim = [*_leash(), "/bin/sh", "-c", SHIM, "sh", *map(str, numbers)]
    return [*shim, str(ffmpeg), "-hide_banner", "-nostdin", "-nostats", *arguments]


@cache
def _leash() -> tuple[str, ...]:
    """Words that make the kernel end ffmpeg when this process dies without a chance to do so.

    util-linux, so on each Linux that matters; elsewhere the CPU limit has to do.
    """
    found = shutil.which("setpriv")
    return (found, "--pdeathsig", "KILL") if found and os.uname().sysname == "Linux" else ()


@asynccontextmanager
async def _started(command: Sequence[str], cwd: Path) -> AsyncIterator[Process]:
    """A process in a group of its own, without our environment; dead on leaving."""
    environment = {"PATH": os.defpath, "LC_ALL": "C", "MALLOC_ARENA_MAX": "2"}
    try:
        process = await anyio.open_process(
            command,
            stdin=DEVNULL,
            stdout=PIPE,
            stderr=PIPE,
            cwd=cwd,
            env=environment,
            start_new_session=True,
        )
    except FileNotFoundError as exc:
        raise _absent() from exc
    try:
        yield process
    finally:
        if process.returncode is None:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
        with anyio.move_on_after(CLEANUP_S, shield=True):
            await process.aclose()


@asynccontextmanager
async def _draining(stderr: ByteReceiveStream | None, tail: deque[str]) -> AsyncIterator[None]:
    """Drains `stderr` meanwhile; lets an error of the body through as it is, not in a group."""
    try:
        async with anyio.create_task_group() as group:
            group.start_soon(_drain, stderr, tail)
            yield
    except BaseExceptionGroup as errors:
        raise errors.exceptions[0] from None


async def _drain(stream: ByteReceiveStream | None, tail: deque[str]) -> None:
    async for line in _lines(stream, None):
        tail.append(line)


async def _lines(stream: ByteReceiveStream | None, stall_s: float | None) -> AsyncIterator[str]:
    """Lines of at most LINE_CHARS; raises MediaError after a silence of `stall_s`."""
    if stream is None:
        return
    rest = b""
    while True:
        chunk = b""
        with anyio.move_on_after(stall_s) as silence, suppress(anyio.EndOfStream):
            chunk = await stream.receive()
        if silence.cancelled_caught:
            raise _late()
        if not chunk:
            break
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            yield line[:LINE_CHARS].decode(errors="replace")
        rest = rest[:LINE_CHARS]
    if rest:
        yield rest.decode(errors="replace")


def _late() -> MediaError:
    return MediaError(
        "cannot process the file: the machine did not finish it in time; try again later",
        code="timeout",
        kind="capacity",
    )


def _absent() -> MediaError:
    return MediaError(
        "cannot work on media: there is no ffmpeg; install the package `ffmpeg`",
        code="no_ffmpeg",
        kind="capacity",
    )
