"""What is kept, and for how long."""

import os
import signal
import sqlite3
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from anyio import create_task_group, fail_after

from intertie.errors import StoreError
from intertie.integrations.webhooks import ledger as ledger_module
from intertie.integrations.webhooks.ledger import Counts, SqliteLedger
from intertie.integrations.webhooks.webhook import Arrival
from intertie.store import wal
from tests.integrations.webhooks.cases import NOW

pytestmark = pytest.mark.anyio
EVENT = Arrival("acme", "main", "stripe", "evt", "invoice.paid", NOW, b'{"a":1}')


def events(count: int) -> list[Arrival]:
    """Of one connection."""
    return [replace(EVENT, id=f"evt_{number}") for number in range(count)]


async def test_an_event_is_new_once(tmp_path: Path) -> None:
    """By tenant, connection and id; also within one call, and for the next process."""
    file = tmp_path / "deep" / "ledger.db"
    async with SqliteLedger.open(file) as ledger:
        assert await ledger.add([EVENT, EVENT]) == [True, False]
        assert await ledger.add([replace(EVENT, payload=b"other")]) == [False]
        assert (
            await ledger.add([replace(EVENT, tenant="b"), replace(EVENT, name="b")]) == [True] * 2
        )

    async with SqliteLedger.open(file) as ledger:
        assert await ledger.add([EVENT]) == [False]
        entries = await ledger.waiting(10)

    assert [each.event.payload for each in entries] == [EVENT.payload] * 3
    assert entries[0].event == EVENT
    assert file.stat().st_mode & 0o077 == 0


async def test_what_waits_is_in_order(tmp_path: Path) -> None:
    """What is published waits no more, and is known for ever; what is faulty stands aside."""
    async with SqliteLedger.open(tmp_path / "ledger.db") as ledger:
        await ledger.add(events(6))
        entries = await ledger.waiting(10)
        assert [each.event.id for each in entries] == [f"evt_{n}" for n in range(6)]
        assert [each.event.id for each in await ledger.waiting(2)] == ["evt_0", "evt_1"]

        await ledger.published([entries[0].number, entries[2].number], NOW)
        await ledger.faulty(entries[1].number, "too large")

        assert [each.event.id for each in await ledger.waiting(10)] == ["evt_3", "evt_4", "evt_5"]
        assert await ledger.counts() == Counts(waiting=3, published=2, faulty=1)
        assert await ledger.add(events(6)) == [False] * 6


async def test_what_is_old_is_forgotten(tmp_path: Path) -> None:
    """Only once it is published: what waits or is faulty stays."""
    async with SqliteLedger.open(tmp_path / "ledger.db") as ledger:
        await ledger.add(events(2503))
        entries = await ledger.waiting(3000)
        await ledger.published([each.number for each in entries[:2500]], NOW)
        await ledger.published([entries[2500].number], NOW + timedelta(days=2))
        await ledger.faulty(entries[2501].number, "too large")

        gone = await ledger.purge(NOW + timedelta(days=31), timedelta(days=30))

        assert gone == 2500
        assert await ledger.counts() == Counts(waiting=1, published=1, faulty=1)
        assert await ledger.add([events(1)[0], events(2501)[2500]]) == [True, False]


async def test_payloads_can_be_sealed(tmp_path: Path) -> None:
    """For their tenant and connection; the file shows nothing of them."""

    async def seal(tenant: str, name: str, payload: bytes) -> bytes:
        return f"{tenant}/{name}/".encode() + payload[::-1]

    async def unseal(tenant: str, name: str, sealed: bytes) -> bytes:
        return sealed.removeprefix(f"{tenant}/{name}/".encode())[::-1]

    file = tmp_path / "ledger.db"
    event = replace(EVENT, payload=b'{"card":"4242"}')
    async with SqliteLedger.open(file, seal=seal, unseal=unseal) as ledger:
        await ledger.add([event])
        (entry,) = await ledger.waiting(1)

    assert entry.event == event
    written = file.read_bytes()
    assert b"4242" not in written
    assert b"acme/main/}" in written


async def test_many_at_once_share_a_transaction(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Far fewer are written than asked for, and each hears its own result."""
    batches: list[int] = []
    commit = wal._commit

    def counted(connection: sqlite3.Connection, jobs: list[wal._Job[object]]) -> None:
        batches.append(len(jobs))
        commit(connection, jobs)

    monkeypatch.setattr(wal, "_commit", counted)
    fresh: list[bool] = []

    async def add(event: Arrival) -> None:
        fresh.extend(await ledger.add([event]))

    async with SqliteLedger.open(tmp_path / "ledger.db") as ledger:
        async with create_task_group() as group:
            for each in [*events(200), *events(100)]:
                group.start_soon(add, each)
        assert sum(fresh) == 200
        assert len(fresh) == 300
        assert sum(batches) == 300
        assert len(batches) <= 5


async def test_one_that_gives_up_harms_nobody(tmp_path: Path) -> None:
    """Those who wait with it are answered all the same."""
    fresh: list[bool] = []
    async with SqliteLedger.open(tmp_path / "ledger.db") as ledger:

        async def add(event: Arrival) -> None:
            fresh.extend(await ledger.add([event]))

        async with create_task_group() as group:
            async with create_task_group() as hasty:
                for each in events(50):
                    hasty.start_soon(add, each)
                hasty.cancel_scope.cancel()
            for each in events(100)[50:]:
                group.start_soon(add, each)

        assert sum(fresh) >= 50
        assert await ledger.add(events(100)[50:]) == [False] * 50


async def longest_log(file: Path) -> int:
    """Of 3,000 writes, 30 at a time."""
    sizes: list[int] = []
    async with SqliteLedger.open(file) as ledger:

        async def some(worker: int) -> None:
            for number in range(100):
                await ledger.add([replace(EVENT, id=f"{worker}-{number}", payload=b"x" * 500)])
                sizes.append(file.with_name(f"{file.name}-wal").stat().st_size)

        async with create_task_group() as group:
            for worker in range(30):
                group.start_soon(some, worker)
        assert (await ledger.counts()).waiting == 3000
    return max(sizes)


@pytest.mark.slow
async def test_the_log_of_writes_does_not_grow_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is folded into the file while others write, and then used again from its start."""
    whole = await longest_log(tmp_path / "whole.db")
    monkeypatch.setattr(ledger_module, "_FOLD_EVERY", 300)

    assert await longest_log(tmp_path / "folded.db") < whole / 2


async def test_a_disk_that_does_not_keep_up_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A queue without an end would only hide it."""
    monkeypatch.setattr(wal, "_MOST_WAITING", 3)
    refused: list[str] = []

    async def add(event: Arrival) -> None:
        try:
            await ledger.add([event])
        except StoreError as exc:
            refused.append(str(exc))

    async with SqliteLedger.open(tmp_path / "ledger.db") as ledger:
        async with create_task_group() as group:
            for each in events(10):
                group.start_soon(add, each)
        assert len(refused) >= 5
        assert (await ledger.counts()).waiting == 10 - len(refused)


async def test_a_file_that_is_none_is_told(tmp_path: Path) -> None:
    """With its name; a file that breaks later says so to all who wait."""
    (tmp_path / "text").write_text("no database at all, only some text " * 10)
    with pytest.raises(StoreError, match="cannot open ledger"):
        async with SqliteLedger.open(tmp_path / "text"):
            pass

    async with SqliteLedger.open(tmp_path / "ledger.db") as ledger:
        with sqlite3.connect(tmp_path / "ledger.db") as other:
            other.execute("DROP TABLE deliveries")
        other.close()
        with pytest.raises(StoreError, match="cannot use the ledger: no such table"):
            await ledger.add([EVENT])


async def test_news_is_heard_once(tmp_path: Path) -> None:
    """Also when it came before anybody listened."""
    async with SqliteLedger.open(tmp_path / "ledger.db") as ledger:
        await ledger.add([EVENT])
        with fail_after(60):
            await ledger.news()
            async with create_task_group() as group:
                group.start_soon(ledger.news)
                await ledger.add(events(1))


CHILD = """
import sys
from dataclasses import replace
from pathlib import Path
import anyio
from intertie.integrations.webhooks.ledger import SqliteLedger
from tests.integrations.webhooks.test_ledger import EVENT

async def main():
    async with SqliteLedger.open(Path(sys.argv[1])) as ledger:
        async def add(worker):
            for number in range(1_000_000):
                id = f"{worker}-{number}"
                await ledger.add([replace(EVENT, id=id)])
                print(id, flush=True)
        async with anyio.create_task_group() as group:
            for worker in range(8):
                group.start_soon(add, worker)

anyio.run(main)
"""


def reported_until_killed(file: Path) -> list[str]:
    """Ids that a process said to be kept before it was killed in the middle of it."""
    command = [sys.executable, "-c", CHILD, str(file)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        reported = [child.stdout.readline().strip() for _ in range(300)]
        os.kill(child.pid, signal.SIGKILL)
        rest = child.stdout.read().split("\n")[:-1]
    return reported + rest


@pytest.mark.slow
async def test_what_was_said_to_be_kept_is_there_after_a_kill(tmp_path: Path) -> None:
    """SIGKILL in the middle of writing: every id that was reported is in the ledger, in order."""
    file = tmp_path / "ledger.db"
    reported = reported_until_killed(file)

    async with SqliteLedger.open(file) as ledger:
        kept = [each.event.id for each in await ledger.waiting(1_000_000)]

    assert set(reported) <= set(kept)
    assert len(kept) <= len(reported) + 8
    for worker in range(8):
        mine = [int(each.partition("-")[2]) for each in kept if each.startswith(f"{worker}-")]
        assert mine == list(range(len(mine)))
