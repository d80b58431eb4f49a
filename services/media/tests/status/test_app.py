from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from intertie.errors import IntertieError
from intertie.service import Service
from intertie_media.status.app import StatusApi, status_app
from intertie_media.web import application
from services.media.tests.kit import client, free_port, live, settings

pytestmark = pytest.mark.anyio


async def fine() -> None:
    """All is well."""


async def slow() -> None:
    """Not all is well."""
    raise IntertieError("slow")


async def nonsense(_: Request) -> Response:
    """Another program listens there."""
    return PlainTextResponse("hello")


def service(probe: Callable[[], Awaitable[None]]) -> ASGIApp:
    """A service with one dependency, which it could do without."""
    kit = Service("peer", environ={}, logs=False)
    kit.health_check("thing", critical=False)(probe)
    return kit.wrap(application([]))


class Peers:
    """Starts services, and asks a status checker about them."""

    def __init__(self, stack: AsyncExitStack, folder: Path) -> None:
        self._stack = stack
        self._folder = folder
        self._urls: dict[str, str] = {}

    async def start(self, name: str, app: ASGIApp | None) -> None:
        """Over a real connection; None is nobody there."""
        place = settings(self._folder, PORT=free_port())
        self._urls[name] = f"http://127.0.0.1:{place.port}"
        if app is not None:
            await self._stack.enter_async_context(live(app, place))

    async def status(self, path: str = "/status") -> tuple[int, dict[str, Any]]:
        """Code and body."""
        async with (
            httpx.AsyncClient(trust_env=False) as http,
            client(status_app(StatusApi(http, self._urls))) as checker,
        ):
            answer = await checker.get(path)
            return answer.status_code, answer.json()


@pytest.fixture
async def peers(tmp_path: Path) -> AsyncIterator[Peers]:
    """None at first."""
    async with AsyncExitStack() as stack:
        yield Peers(stack, tmp_path)


@pytest.mark.parametrize("path", ["/status", "/health"])
async def test_all_services_are_in_one_answer(peers: Peers, path: str) -> None:
    """In the agreed form, with what each depends on."""
    await peers.start("one", service(fine))
    await peers.start("two", service(fine))

    code, body = await peers.status(path)

    assert (code, body["status"], set(body)) == (200, "UP", {"status", "timestamp", "services"})
    up = {"status": "UP", "dependencies": {"thing": {"status": "UP"}}}
    assert body["services"] == {"one": up, "two": up}


async def test_one_degraded_service_degrades_the_whole(peers: Peers) -> None:
    """Which still answers 200: it works."""
    await peers.start("one", service(fine))
    await peers.start("two", service(slow))

    code, body = await peers.status()

    assert (code, body["status"]) == (200, "DEGRADED")
    assert body["services"]["two"]["dependencies"]["thing"]["error"] == "slow"


async def test_a_service_that_is_away_is_down(peers: Peers) -> None:
    """With the reason; the others are told of all the same."""
    await peers.start("one", service(fine))
    await peers.start("two", None)

    code, body = await peers.status()

    assert (code, body["status"]) == (503, "DOWN")
    assert body["services"]["one"]["status"] == "UP"
    assert body["services"]["two"]["status"] == "DOWN"
    assert "cannot reach it" in body["services"]["two"]["error"]


async def test_what_answers_nonsense_is_down(peers: Peers) -> None:
    """Another program on the port is not the service."""
    await peers.start("one", Starlette(routes=[Route("/health", nonsense)]))

    _, body = await peers.status()

    assert body["services"]["one"] == {
        "status": "DOWN",
        "error": "its answer is not a health document",
    }
