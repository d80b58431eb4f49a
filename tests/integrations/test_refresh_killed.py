"""A process that is killed while it renews: the next one has tokens all the same."""

import os
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from anyio import to_thread

from intertie.integrations.errors import AuthExpiredError
from tests.integrations.grant_worker import LEASE_S, POINTS, worker
from tests.integrations.oauth_server import Server, server

pytestmark = [pytest.mark.anyio, pytest.mark.slow]
RUNS = int(os.environ.get("INTERTIE_RUNS", "10"))
SHORT_S = 0.2


def killed(folder: Path, vendor: Server, point: str) -> None:
    """One process that renews, and dies at this point of it."""
    command = [sys.executable, "-m", "tests.integrations.grant_worker"]
    ended = subprocess.run(
        [*command, str(folder), vendor.url, "1", str(LEASE_S)],
        input="go\n",
        text=True,
        stdout=subprocess.PIPE,
        env={**os.environ, "DIE_AT": point},
        timeout=120,
        check=False,
    )
    assert ended.returncode == -signal.SIGKILL, (point, ended.stdout)


@pytest.mark.timeout(120 + 20 * RUNS)
async def test_no_grant_is_lost_however_often_a_process_is_killed(tmp_path: Path) -> None:
    """Before, while and after the vendor answers; it takes the last refresh token once more.

    All on one grant: each round goes on with what the round before has left.
    """
    points = [POINTS[number % len(POINTS)] for number in range(RUNS)]
    lost: list[str] = []

    with server() as vendor:
        vendor.control(mode="grace", lifetime_s=SHORT_S, slow_s=0.1)
        async with worker(tmp_path, vendor.url) as heir:
            await heir.desk.store(heir.connection, vendor.control(grant=True)["answer"])
            tokens = [await heir.desk.token(heir.connection, heir.connection.auth)]
            for number, point in enumerate(points):
                await to_thread.run_sync(killed, tmp_path, vendor, point)
                try:
                    tokens.append(await heir.desk.token(heir.connection, heir.connection.auth))
                except AuthExpiredError as exc:
                    lost.append(f"{number} {point}: {exc}")
            vendor.control(lifetime_s=60.0)
            last = await heir.connection.me()
        counts = vendor.counts()

    print({"kills": Counter(points), "counts": counts, "lost": lost})
    assert lost == []
    assert len(set(tokens)) == RUNS + 1
    assert last.id == "ann"
    assert "refresh_token refused" not in counts


@pytest.mark.parametrize("point", ["asking", "saved"])
async def test_at_a_strict_vendor_only_the_moment_of_the_answer_is_dangerous(
    tmp_path: Path, point: str
) -> None:
    """A process that dies before it, or after the write, takes nothing with it."""
    with server() as vendor:
        vendor.control(mode="strict", lifetime_s=SHORT_S)
        async with worker(tmp_path, vendor.url) as heir:
            await heir.desk.store(heir.connection, vendor.control(grant=True)["answer"])
            await to_thread.run_sync(killed, tmp_path, vendor, point)
            vendor.control(lifetime_s=60.0)

            assert (await heir.connection.me()).id == "ann"


async def test_what_a_strict_vendor_takes_away_is_told(tmp_path: Path) -> None:
    """Its answer died with the process, and it gives no second one: only a person helps."""
    with server() as vendor:
        vendor.control(mode="strict", lifetime_s=SHORT_S)
        async with worker(tmp_path, vendor.url) as heir:
            await heir.desk.store(heir.connection, vendor.control(grant=True)["answer"])
            await to_thread.run_sync(killed, tmp_path, vendor, "answered")

            with pytest.raises(AuthExpiredError, match=r"was cut off .*; run: intertie"):
                await heir.connection.me()
