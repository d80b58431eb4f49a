"""Four processes, one file, a token that has ended: the vendor is asked once."""

import json
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.integrations.grant_worker import worker
from tests.integrations.oauth_server import Server, server

pytestmark = [pytest.mark.anyio, pytest.mark.slow]
PROCESSES = 4
CALLS = 250


def started(folder: Path, vendor: Server) -> "subprocess.Popen[str]":
    """One that waits for a line."""
    command = [sys.executable, "-m", "tests.integrations.grant_worker"]
    command += [str(folder), vendor.url, str(CALLS), "30"]
    return subprocess.Popen(command, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE)


def race(folder: Path, vendor: Server) -> list[str]:
    """All at once; their faults."""
    with ExitStack() as stack:
        running = [stack.enter_context(started(folder, vendor)) for _ in range(PROCESSES)]
        try:
            for each in running:
                assert each.stdout is not None
                assert each.stdout.readline() == "ready\n"
            for each in running:
                assert each.stdin is not None
                each.stdin.write("go\n")
                each.stdin.flush()
            told = [json.loads(each.communicate(timeout=150)[0]) for each in running]
        finally:
            for each in running:
                each.kill()
    assert sum(each["good"] for each in told) + sum(len(each["faults"]) for each in told) == 1000
    return [fault for each in told for fault in each["faults"]]


async def test_a_thousand_calls_on_an_ended_token_renew_it_once(tmp_path: Path) -> None:
    """In four processes that share one file, at a vendor that would punish a second try."""
    with server() as vendor:
        answer = vendor.control(mode="strict", slow_s=0.3, grant=True)["answer"]
        vendor.control(expire=True)
        async with worker(tmp_path, vendor.url) as here:
            await here.desk.store(here.connection, {**answer, "expires_in": 0.001})

        faults = race(tmp_path, vendor)

        counts = vendor.counts()
    assert faults == []
    assert counts["token"] == counts["refresh_token"] == 1
    assert counts["me"] == PROCESSES * CALLS
    assert "me refused" not in counts


async def test_a_thousand_refusals_renew_once(tmp_path: Path) -> None:
    """The token has not ended by the clock: the vendor takes it no more."""
    with server() as vendor:
        answer = vendor.control(mode="strict", slow_s=0.3, grant=True)["answer"]
        async with worker(tmp_path, vendor.url) as here:
            await here.desk.store(here.connection, answer)
        vendor.control(expire=True)

        faults = race(tmp_path, vendor)

        counts = vendor.counts()
    assert faults == []
    assert counts["token"] == counts["refresh_token"] == 1
    assert counts["me"] == PROCESSES * CALLS
