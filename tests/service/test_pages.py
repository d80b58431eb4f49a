"""What the kit answers by itself."""

import pytest
from anyio import create_task_group
from httpx import ASGITransport, AsyncClient

from intertie.service.drain import Drain
from intertie.service.environment import read_environment
from intertie.service.health import Check, Health
from intertie.service.life import Life
from intertie.service.metrics import Metrics
from intertie.service.pages import make_pages
from intertie.service.trace import Tracing

pytestmark = pytest.mark.anyio


class Kit:
    """The parts that the pages show."""

    def __init__(self) -> None:
        environment = read_environment("orders", {})
        self.life = Life(environment, Drain(), Tracing(environment))
        self.health = Health(fresh_s=0)
        self.up = True
        self.health.add(Check("database", self._probe, True, 1))
        self.pages = make_pages(self.life, self.health, Metrics())

    async def _probe(self) -> bool:
        return self.up

    async def status(self, path: str) -> int:
        """Of the answer of a page."""

        async def app(scope: object, receive: object, send: object) -> None:
            await self.pages[path](scope, send)  # type: ignore[arg-type] # httpx's own types

        async with AsyncClient(transport=ASGITransport(app), base_url="http://service") as asked:
            answer = await asked.get(path)
        assert answer.headers["cache-control"] == "no-store"
        return answer.status_code


async def test_ready_is_from_the_start_to_the_stop() -> None:
    """Live is the whole time."""
    kit = Kit()
    async with kit.life, create_task_group():
        before = await kit.status("/health/ready")
        await kit.life.begin()
        between = await kit.status("/health/ready")
        kit.life.stop()
        after = await kit.status("/health/ready")
        live = await kit.status("/health/live")

    assert (before, between, after, live) == (503, 200, 503, 200)


async def test_without_a_critical_dependency_it_is_neither_ready_nor_up() -> None:
    """It lives, though."""
    kit = Kit()
    async with kit.life:
        await kit.life.begin()
        assert await kit.status("/health") == 200
        kit.up = False

        found = [await kit.status(f"/health{page}") for page in ("", "/ready", "/live")]

    assert found == [503, 503, 200]


async def test_metrics_are_there() -> None:
    """For who scrapes."""
    assert await Kit().status("/metrics") == 200
