"""Fixtures shared by every test."""

import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from types import FrameType

import pytest
from hypothesis import settings

from tests.harness import Bench
from tests.harness import bench as open_bench

ROOT = Path(__file__).resolve().parent.parent
ONLY_FAST = "not slow"


THOROUGH = (
    "services/media/tests/pipeline",
    "tests/api/login",
    "tests/api/oauth",
    "tests/api/portal",
    "tests/api/test_incident.py",
    "tests/api/test_slo.py",
    "tests/api/test_traces.py",
    "tests/app",
    "tests/automation",
    "tests/cli",
    "tests/control/test_slo.py",
    "tests/forward",
    "tests/gateway/cache",
    "tests/gateway/openapi",
    "tests/identity",
    "tests/integrations",
    "tests/monitor",
    "tests/runtime/checks",
    "tests/runtime/test_watch.py",
    "tests/service",
    "tests/testing",
    "tests/tools/specs",
)
"""So many tests, or such slow ones, that `make check` leaves them to `make test`."""


def pytest_configure(config: pytest.Config) -> None:
    """`make check` tries fewer examples of each property; `make test` tries all."""
    # A busy machine is no fault of a property.
    settings.register_profile("thorough", deadline=None)
    settings.register_profile("quick", max_examples=10, deadline=None)
    settings.load_profile("quick" if config.option.markexpr == ONLY_FAST else "thorough")
    _end_when_told()


def _end_when_told() -> None:
    """A run that is told to end takes what it started with it, as one that is interrupted does."""

    def end(number: int, frame: FrameType | None) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        signal.default_int_handler(number, frame)

    with suppress(ValueError):  # not in the main thread: somebody else's program
        signal.signal(signal.SIGTERM, end)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Not even read where only fast tests are wanted: to collect them takes as long as to run."""
    only_fast = config.option.markexpr == ONLY_FAST
    return True if only_fast and collection_path in map(ROOT.joinpath, THOROUGH) else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Quick one by one, slow together."""
    folders = [ROOT / name for name in THOROUGH]
    for item in items:
        if any(item.path.is_relative_to(folder) for folder in folders):
            item.add_marker(pytest.mark.slow)


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
