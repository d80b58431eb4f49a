import os
import statistics
import time
import tracemalloc
from pathlib import Path

import pytest
from anyio import create_task_group, fail_after, sleep, to_thread, wait_all_tasks_blocked

from intertie.runtime.checks.log import LogReady
from tests.runtime.checks.peer import no_more_files
from tests.waiting import eventually

pytestmark = pytest.mark.anyio


async def found(ready: LogReady) -> str:
    """In time for a test."""
    with fail_after(20):
        return await ready.wait()


async def test_the_first_matching_line_is_given(tmp_path: Path) -> None:
    """Of either file; what lies before the offsets is of an earlier life."""
    out, err = tmp_path / "out", tmp_path / "err"
    out.write_text("ready 0\nloading\n")
    err.write_bytes(b"ready 0\nnoise \xff\nnow ready 7 of 8\nready 9\n")

    assert await found(LogReady([out, err], r"ready \d", [8, 8])) == "now ready 7 of 8"
    assert await found(LogReady([out, err], "^noise", [8, 8])) == "noise \ufffd"


@pytest.mark.parametrize("exists", [True, False])
async def test_a_line_may_come_later(tmp_path: Path, exists: bool) -> None:
    """In pieces, in a file that is not there yet."""
    out, err = tmp_path / "out", tmp_path / "err"
    if exists:
        out.touch()
    async with create_task_group() as group:

        async def look() -> None:
            assert await found(LogReady([out, err], "^listening$", [0, 0])) == "listening"
            group.cancel_scope.cancel()

        group.start_soon(look)
        for piece in ("starting\nlist", "ening", "\nserving"):
            await wait_all_tasks_blocked()
            with out.open("a") as file:
                file.write(piece)


async def test_a_prompt_counts_without_its_line_break(tmp_path: Path) -> None:
    """Because it never has one."""
    out = tmp_path / "out"
    out.write_text("hello\nname? ")

    assert await found(LogReady([out], "name", [0])) == "name? "


async def test_an_emptied_file_is_read_from_its_beginning(tmp_path: Path) -> None:
    """As a rotation leaves it."""
    out = tmp_path / "out"
    out.write_text("x" * 1000 + "\n")
    async with create_task_group() as group:

        async def look() -> None:
            assert await found(LogReady([out], "ready", [1001])) == "ready"
            group.cancel_scope.cancel()

        group.start_soon(look)
        await wait_all_tasks_blocked()
        out.write_text("ready\n")


async def test_a_long_log_takes_little_memory(tmp_path: Path) -> None:
    """Neither many lines nor an endless one."""
    out = tmp_path / "out"
    out.write_bytes(b"x" * 20_000_000 + b"\n" + b"line\n" * 200_000 + b"ready")

    tracemalloc.start()
    try:
        assert await found(LogReady([out], "ready", [0])) == "ready"
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert peak < 8_000_000


async def test_nothing_stays_open(tmp_path: Path) -> None:
    """Also when nobody waits any more."""
    out = tmp_path / "out"
    out.touch()
    before = len(os.listdir("/proc/self/fd"))
    async with create_task_group() as group:
        group.start_soon(LogReady([out, tmp_path / "no"], "x", [0, 0]).wait)
        await eventually(lambda: len(os.listdir("/proc/self/fd")) > before)
        group.cancel_scope.cancel()

    assert len(os.listdir("/proc/self/fd")) == before


async def test_a_file_that_cannot_be_opened_now_is_opened_later(tmp_path: Path) -> None:
    """When too many others are open for the moment."""
    out = tmp_path / "out"
    out.touch()
    async with create_task_group() as group:

        async def look() -> None:
            assert await found(LogReady([out], "ready", [0])) == "ready"
            group.cancel_scope.cancel()

        with no_more_files():
            group.start_soon(look)
            await wait_all_tasks_blocked()
        await to_thread.run_sync(out.write_text, "ready")


async def test_a_line_that_comes_soon_is_seen_soon(tmp_path: Path) -> None:
    """A chain of services waits for each in turn, so the first looks follow each other closely."""
    out = tmp_path / "out"
    out.touch()

    assert statistics.median([await _delay_s(out, number) for number in range(20)]) < 0.02


async def _delay_s(out: Path, number: int) -> float:
    """From the write of a line, 5 ms after the wait began, until it is seen."""
    wrote = seen = 0.0

    async def look() -> None:
        nonlocal seen
        await found(LogReady([out], f"ready {number}$", [0]))
        seen = time.monotonic()

    with out.open("a", buffering=1) as file:
        async with create_task_group() as group:
            group.start_soon(look)
            await sleep(0.005)  # what a quick service needs
            file.write(f"ready {number}\n")
            wrote = time.monotonic()
    return seen - wrote
