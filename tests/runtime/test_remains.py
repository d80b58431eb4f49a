from pathlib import Path

import pytest

from intertie.drivers.process import ProcessDriver
from intertie.runtime.ledger import Ledger
from intertie.runtime.remains import reap_all
from tests.runtime.dead import dead_daemon, still_runs
from tests.runtime.stage import INSTANCE

pytestmark = [pytest.mark.anyio, pytest.mark.slow]


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
