"""The status checker over HTTP."""

from collections.abc import Mapping
from datetime import UTC, datetime
from http import HTTPStatus

import httpx
from anyio import create_task_group
from pydantic import BaseModel, ValidationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from intertie_media.health import Verdict, worst
from intertie_media.web import application, reply

ASK_S = 5.0


class _Answer(BaseModel):
    """What counts in a service's own health answer."""

    status: Verdict
    dependencies: dict[str, object] = {}


class _Found(BaseModel):
    status: Verdict
    dependencies: dict[str, object] | None = None
    error: str | None = None


class StatusApi:
    """`urls` are the services to ask, by name."""

    def __init__(self, client: httpx.AsyncClient, urls: Mapping[str, str]) -> None:
        self._client = client
        self._urls = urls

    async def status(self, _: Request) -> Response:
        """GET /status, GET /health: all services, asked at once; 503 when one is DOWN."""
        found: dict[str, _Found] = {}

        async def ask(name: str, url: str) -> None:
            found[name] = await self._ask(url)

        async with create_task_group() as group:
            for name, url in self._urls.items():
                group.start_soon(ask, name, url)
        verdict = worst({name: each.status for name, each in found.items()})
        body = {
            "status": verdict,
            "timestamp": datetime.now(UTC).isoformat(),
            "services": {name: found[name].model_dump(exclude_none=True) for name in sorted(found)},
        }
        down = verdict == "DOWN"
        return reply(body, HTTPStatus.SERVICE_UNAVAILABLE if down else HTTPStatus.OK)

    async def _ask(self, url: str) -> _Found:
        try:
            answer = await self._client.get(f"{url}/health", timeout=ASK_S)
            told = _Answer.model_validate_json(answer.content)
        except httpx.TimeoutException:
            return _Found(status="DOWN", error=f"no answer within {ASK_S:g} s")
        except httpx.HTTPError as exc:
            return _Found(status="DOWN", error=f"cannot reach it: {str(exc) or type(exc).__name__}")
        except ValidationError:
            return _Found(status="DOWN", error="its answer is not a health document")
        return _Found(status=told.status, dependencies=told.dependencies)


def status_app(api: StatusApi) -> Starlette:
    """All routes of the status checker; `/health` is that of the whole."""
    routes = [
        Route("/status", api.status, methods=["GET"]),
        Route("/health", api.status, methods=["GET"]),
    ]
    return application(routes)
