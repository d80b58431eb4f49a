"""What an earlier daemon left running: ended when nobody takes it over."""

from collections.abc import Collection, Iterable

from anyio import create_task_group

from intertie.drivers import Driver
from intertie.runtime.ledger import Entry, Ledger

Kept = Collection[tuple[str, int]]


async def reap_all(driver: Driver, ledger: Ledger) -> int:
    """End everything a dead daemon left; how many replicas and stray processes that were.

    Needs no supervisor: `intertie down` calls it when there is no daemon to ask.
    """
    return await reap(ledger.entries(), driver, ledger=ledger)


async def reap(entries: Iterable[Entry], driver: Driver, *, ledger: Ledger, kept: Kept = ()) -> int:
    """End these, then whatever carries the suite's mark and belongs to no replica in `kept`."""
    ended: list[Entry] = []

    async def end(entry: Entry) -> None:
        if await driver.reap(entry.remains):
            ended.append(entry)
        ledger.forget(entry.service, entry.replica)

    async with create_task_group() as group:
        for entry in entries:
            group.start_soon(end, entry)
    return len(ended) + await driver.sweep(kept)
