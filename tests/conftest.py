"""Fixtures shared by every test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness import Bench
from tests.harness import bench as open_bench


@pytest.fixture
def anyio_backend() -> str:
    """Intertie runs on asyncio only."""
    return "asyncio"


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """The command line in a folder of its own; whatever it starts is gone afterwards."""
    with open_bench(tmp_path) as made:
        yield made


SUITE = """
suite: shared
api: {port: auto}
services:
  echo:
    command: sh -c 'echo hello from echo; echo a warning >&2; exec sleep 1000'
  web:
    command: python3 -m http.server --bind 127.0.0.1 $(PORT)
    port: auto
    healthcheck: {http: /, interval: 1s}
    depends_on: [echo]
gateway:
  port: auto
  routes:
    - {path: /web, service: web, strip: true}
"""


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """A suite that is up, shared by the tests of a module: they leave it as they found it."""
    with open_bench(tmp_path_factory.mktemp("running")) as made:
        made.write(SUITE)
        made.ok("up", "--detach")
        yield made
