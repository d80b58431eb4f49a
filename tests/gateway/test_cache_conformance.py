"""The public tests for HTTP caches, against the whole way: Envoy, cache, Envoy, service."""

import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from anyio import to_thread

from tests.gateway.cache.public_tests import FAIL, PASS, Result, install, origin, run, tally
from tests.gateway.stage import door, suite_of
from tests.waiting import eventually

pytestmark = [pytest.mark.anyio, pytest.mark.slow, pytest.mark.timeout(900)]
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


@asynccontextmanager
async def cache(folder: Path) -> AsyncIterator[None]:
    """As the supervisor runs it, in Envoy's folder."""
    command = [sys.executable, "-m", "intertie.gateway.cache", "cache.json"]
    process = await to_thread.run_sync(lambda: subprocess.Popen(command, cwd=folder))
    try:
        await eventually((folder / "cache.sock").exists, 60)
        yield
    finally:
        process.terminate()
        await to_thread.run_sync(process.wait, 20)


async def results(folder: Path) -> dict[str, Result]:
    """Of all tests, with a gateway that says nothing for services that say nothing."""
    tests = await to_thread.run_sync(install)
    route = {"path": "/", "service": "web", "methods": METHODS, "auth_required": False}
    caching = {"default_ttl": 0, "cache_control": ""}
    (folder / "origin").mkdir()
    with origin(tests, folder / "origin") as port:
        suite = suite_of(route, caching=caching)
        async with door(folder, suite, {"web": [port]}) as made, cache(made.run):
            assert isinstance(made.gateway.port, int)
            return await to_thread.run_sync(run, tests, made.gateway.port)


async def test_the_gateway_passes_what_its_cache_passes(tmp_path: Path) -> None:
    """At least 150 of the required ones, at most 3 not.

    Where services say nothing a suite has one lifetime for all: the ten tests for one that is
    guessed are not passed.
    """
    found = await results(tmp_path)
    required, optimal = tally(found, "required"), tally(found, "optimal")
    failed = [name for name, each in found.items() if each.verdict == FAIL]

    assert required[PASS] >= 150, failed
    assert required[FAIL] <= 3, failed
    assert optimal[PASS] >= 72
