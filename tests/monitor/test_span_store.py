"""The file that spans are kept in."""

import signal
import sqlite3
import stat
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from intertie.errors import NotFoundError, StoreError
from intertie.monitor.span_store import MOST_SHOWN, SpanStore
from intertie.monitor.spans import Wanted
from tests.monitor.traced import AT_NS, TRACE, span, traces

pytestmark = pytest.mark.anyio
ALL = Wanted()
CHILD = """
import sys
from pathlib import Path

import anyio

from intertie.monitor.span_store import SpanStore
from tests.monitor.traced import traces


async def main(path: str) -> None:
    async with SpanStore.open(Path(path)) as store:
        first = 1
        while True:
            await store.append(traces(20, first=first), now_ms=first)
            first += 20
            print(first - 1, flush=True)


anyio.run(main, sys.argv[1])
"""


async def test_what_was_appended_is_there_when_it_is_opened_again(tmp_path: Path) -> None:
    """In a file that only its owner can read."""
    path = tmp_path / "new" / "traces.db"
    async with SpanStore.open(path) as store:
        assert await store.append([span(1), span(2, parent=1)], now_ms=0) == 2
    async with SpanStore.open(path) as store:
        trace = await store.trace(TRACE)
        stats = await store.stats()

    assert trace.spans == (span(1), span(2, parent=1))
    assert (stats.traces, stats.spans, stats.evicted) == (1, 2, 0)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


async def test_a_trace_that_is_not_kept_is_told(tmp_path: Path) -> None:
    """As is one whose rows are torn, and a file that is none."""
    path = tmp_path / "traces.db"
    async with SpanStore.open(path) as store:
        with pytest.raises(NotFoundError, match="none such is kept"):
            await store.trace(TRACE)
        await store.append([span()], now_ms=0)
        with closing(sqlite3.connect(path)) as other, other:
            other.execute("UPDATE spans SET body = x'00'")
        with pytest.raises(StoreError, match="torn"):
            await store.trace(TRACE)
    (tmp_path / "other.db").write_bytes(b"no database at all" * 100)
    with pytest.raises(StoreError, match="cannot open the store of traces"):
        async with SpanStore.open(tmp_path / "other.db"):
            pass


async def test_ten_thousand_spans_go_in_and_out(tmp_path: Path) -> None:
    """In one batch, of one trace and of many."""
    async with SpanStore.open(tmp_path / "traces.db") as store:
        one = [span(n, parent=n - 1) for n in range(1, MOST_SHOWN + 1)]
        assert await store.append(one, now_ms=0) == MOST_SHOWN
        assert await store.append(traces(10_000), now_ms=0) == 10_000

        assert len((await store.trace(TRACE)).spans) == MOST_SHOWN
        assert len(await store.find(ALL, skip=9_990, most=100)) == 11
        assert (await store.stats()).spans == 20_000


async def test_what_is_older_than_a_day_goes(tmp_path: Path) -> None:
    """By the clock of this machine, with the room that it took."""
    day_ms = 86_400_000
    async with SpanStore.open(tmp_path / "traces.db") as store:
        await store.append(traces(500), now_ms=0)
        await store.append(traces(1, first=501), now_ms=day_ms)
        before = (await store.stats()).size_bytes

        assert await store.retain(day_ms) == 0
        assert await store.retain(day_ms + 1) == 500
        assert await store.retain(day_ms + 1) == 0

        (left,) = await store.find(ALL)
        assert int(left.trace_id, 16) == 501
        assert (await store.stats()).size_bytes < before / 2


async def test_when_it_is_full_the_oldest_go_and_errors_stay(tmp_path: Path) -> None:
    """It never grows far beyond its limit."""
    path, limit = tmp_path / "traces.db", 1 << 20
    async with SpanStore.open(path, max_bytes=limit) as store:
        failed = traces(10, first=1, status="error", message="x" * 50)
        await store.append(failed, now_ms=0)
        for number in range(30):
            batch = traces(200, first=1000 + number * 200, fields={"text": f"{number} " * 50})
            await store.append(batch, now_ms=number)
            assert (await store.stats()).size_bytes <= limit

        stats = await store.stats()
        found = await store.find(ALL, most=10_000)
        errors = await store.find(Wanted(failed=True))
    numbers = [int(each.trace_id, 16) for each in found if not each.errors]
    assert len(errors) == 10
    assert stats.evicted == 6_010 - stats.traces > 0
    assert numbers == list(range(6_999, 6_999 - len(numbers), -1))
    assert path.stat().st_size <= limit * 1.1


async def test_one_trace_that_is_too_large_alone_goes(tmp_path: Path) -> None:
    """Nothing can fill the disk."""
    async with SpanStore.open(tmp_path / "traces.db", max_bytes=1 << 20) as store:
        for first in range(1, 20_000, 2_000):
            batch = [span(n, fields={"n": str(n) * 30}) for n in range(first, first + 2_000)]
            await store.append(batch, now_ms=0)

        assert (await store.stats()).size_bytes <= 1 << 20


async def test_who_called_whom_is_told(tmp_path: Path) -> None:
    """Within a time."""
    async with SpanStore.open(tmp_path / "traces.db") as store:
        await store.append([span(1, service="edge"), span(2, parent=1)], now_ms=0)

        (call,) = await store.calls(AT_NS, 2**62)

    assert (call.caller, call.callee, call.calls) == ("edge", "web", 1)


@pytest.mark.slow
async def test_a_kill_loses_no_batch_that_was_acknowledged(tmp_path: Path) -> None:
    """And leaves no part of one, round after round."""
    path = tmp_path / "traces.db"
    acknowledged = 0
    for lines in (1, 7, 30):
        acknowledged = max(acknowledged, *killed_after(path, lines))
        async with SpanStore.open(path) as store:
            stats = await store.stats()
            found = await store.find(ALL, most=100_000)
        numbers = sorted(int(each.trace_id, 16) for each in found)
        assert numbers == list(range(1, len(numbers) + 1))
        assert len(numbers) >= acknowledged
        assert stats.spans == stats.traces == len(numbers)
        assert len(numbers) % 20 == 0
    assert acknowledged >= 600


def killed_after(path: Path, lines: int) -> list[int]:
    """Up to where a process had acknowledged, each time, that was killed when it had so often."""
    with subprocess.Popen(
        [sys.executable, "-c", CHILD, str(path)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    ) as child:
        assert child.stdout is not None
        said = [child.stdout.readline() for _ in range(lines)]
        child.send_signal(signal.SIGKILL)
        said += child.stdout.readlines()
    return [int(line) for line in said if line.endswith("\n")]
