from collections.abc import Collection
from pathlib import Path

import pytest
from anyio import Event, fail_after

from intertie.drivers import Identity, Remains
from intertie.drivers.process import ProcessDriver
from intertie.runtime.ledger import Entry, Ledger
from intertie.runtime.remains import reap_all
from tests.runtime.dead import dead_daemon, still_runs
from tests.runtime.stage import INSTANCE

pytestmark = [pytest.mark.anyio, pytest.mark.slow]


class _OverlappingDriver(ProcessDriver):
    """Every end waits until all have been begun."""

    def __init__(self, expected: int) -> None:
        super().__init__(INSTANCE)
        self._left = expected
        self._all_begun = Event()

    async def reap(self, remains: Remains) -> bool:
        self._left -= 1
        if self._left == 0:
            self._all_begun.set()
        await self._all_begun.wait()
        return True

    async def sweep(self, kept: Collection[tuple[str, int]]) -> int:
        return 0


async def test_nothing_survives_the_daemon(tmp_path: Path) -> None:
    """What a killed daemon left is ended without any daemon, stubborn grandchildren included."""
    driver, ledger = ProcessDriver(INSTANCE + str(tmp_path)), Ledger(tmp_path / "ledger")
    pids = await dead_daemon(tmp_path, "api", "stubborn")

    ended = await reap_all(driver, ledger)

    assert ended == 2
    assert ledger.entries() == []
    assert await driver.sweep(()) == 0
    assert not any(still_runs(pid) for pid in pids.values())


async def test_what_was_never_written_down_is_found_by_its_mark(tmp_path: Path) -> None:
    """A process spawned in the instant before the daemon died is ended too."""
    driver, ledger = ProcessDriver(INSTANCE + str(tmp_path)), Ledger(tmp_path / "ledger")
    pids = await dead_daemon(tmp_path, "api")
    ledger.forget("api", 0)

    ended = await reap_all(driver, ledger)

    assert ended == 1
    assert not still_runs(pids["api"])


async def test_the_count_is_right_when_ends_overlap(tmp_path: Path) -> None:
    """Replicas are ended side by side, and each is counted."""
    ledger = Ledger(tmp_path / "ledger")
    for index in range(20):
        ledger.record(Entry("api", index, Identity(1, 1), None, "", "SIGTERM", 1.0))

    with fail_after(10):
        assert await reap_all(_OverlappingDriver(20), ledger) == 20
