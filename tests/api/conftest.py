"""Fixtures of the ways in."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import cast

import pytest
from fastapi import FastAPI

from intertie.app.orchestrator import Settings, SuiteOrchestrator
from intertie.control.use_cases import Control
from intertie.runtime.folder import StateFolder
from tests.harness import Bench
from tests.harness import bench as open_bench

GUARDED = """
suite: guarded
api: {host: 0.0.0.0, port: auto}
services:
  echo: {command: sleep 1000}
"""
ONE = """
suite: one
api: {port: auto}
services:
  echo: {command: sleep 1000}
"""


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """A suite whose API listens beyond this machine, so that reads need the key too."""
    with open_bench(tmp_path_factory.mktemp("guarded")) as made:
        made.write(GUARDED)
        made.ok("up", "--detach")
        yield made


async def begun(control: Control) -> None:
    """Return once the first change has ended: a daemon answers before its services run."""
    (first,) = (await control.changes.list(1, 1)).items
    await control.changes.changes.wait(first.id)


@pytest.fixture
async def control(tmp_path: Path) -> AsyncIterator[Control]:
    """The use cases of a real suite, run by this process."""
    file = tmp_path / "suite.yaml"
    file.write_text(ONE)
    orchestrator = SuiteOrchestrator(Settings(file, None, StateFolder(tmp_path / ".intertie")))
    await orchestrator.open()
    try:
        made = cast("Control", cast("FastAPI", orchestrator.asgi).state.control)
        await begun(made)
        yield made
    finally:
        await orchestrator.close()
