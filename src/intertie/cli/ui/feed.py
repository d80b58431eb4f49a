"""The management API for a program that must never wait: asynchronous, and every answer a model."""

import json
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from typing import Literal, Self, TypeVar

import httpx
from anyio import to_thread
from pydantic import TypeAdapter, ValidationError

from intertie.api.models import Accepted, ChangePage, ServicePage, ServiceView
from intertie.cli.running import find_daemon
from intertie.errors import DaemonError, IntertieError
from intertie.event import Event
from intertie.runtime.change import Change
from intertie.runtime.explain import Explanation
from intertie.runtime.folder import Daemon, StateFolder
from intertie.runtime.logs import LogLine

Verb = Literal["start", "stop", "restart"]

_CONNECT_S = 5.0
_ANSWER_S = 15.0
_PAGE = 1000
_CHANGES = 20
_GONE = "cannot reach the suite: it is not running; start it with `intertie up`"

_accepted = TypeAdapter(Accepted)
_change = TypeAdapter(Change)
_change_page = TypeAdapter(ChangePage)
_event = TypeAdapter(Event)
_explanation = TypeAdapter(Explanation)
_log_line = TypeAdapter(LogLine)
_service_page = TypeAdapter(ServicePage)
T = TypeVar("T")


class Feed:
    """What the daemon tells. Each call raises DaemonError when it is gone."""

    def __init__(self, http: httpx.AsyncClient, daemon: Daemon) -> None:
        self._http = http
        self.daemon = daemon

    @classmethod
    @asynccontextmanager
    async def open(cls, folder: StateFolder) -> AsyncIterator[Self]:
        """A feed from the running daemon. Raises DaemonError when there is none."""
        daemon, key = await to_thread.run_sync(_find, folder)
        async with httpx.AsyncClient(
            base_url=daemon.api_url,
            headers={"authorization": f"Bearer {key}"} if key else {},
            timeout=httpx.Timeout(_ANSWER_S, connect=_CONNECT_S),
            trust_env=False,
        ) as http:
            yield cls(http, daemon)

    async def services(self) -> list[ServiceView]:
        """Every service, however many pages that takes."""
        found: list[ServiceView] = []
        page = 0
        while True:
            page += 1
            answer = await self._get(_service_page, f"/api/services?page={page}&limit={_PAGE}")
            found += answer.items
            if len(found) >= answer.total or not answer.items:
                return found

    async def changes(self) -> list[Change]:
        """The latest changes, newest first."""
        return (await self._get(_change_page, f"/api/changes?limit={_CHANGES}")).items

    async def explain(self, service: str) -> Explanation | None:
        """Why a service is where it is; None when there is no such service any more."""
        try:
            answer = await self._send("GET", f"/api/services/{service}/explain")
        except DaemonError:
            raise
        except IntertieError:
            return None
        return _parse(_explanation, answer.content)

    async def act(self, verb: Verb, services: Sequence[str]) -> str:
        """Begin a change; its id."""
        body = {"services": list(services)}
        answer = await self._send("POST", f"/api/services/{verb}", body)
        return _parse(_accepted, answer.content).id

    async def end_of(self, change: str) -> Change:
        """The change once it has ended. Raises DaemonError when the daemon ended before it."""
        latest: Change | None = None
        async with self._stream(_change, f"/api/changes/{change}/events") as stages:
            async for stage in stages:
                latest = stage
        if latest is None or latest.status == "doing":
            raise DaemonError(f"cannot tell how change {change} ended: the daemon ended before it")
        return latest

    def events(
        self, *, after: str | None = None
    ) -> AbstractAsyncContextManager[AsyncIterator[Event]]:
        """Events after the one with id `after`, or all that are kept, and those to come."""
        headers = {"last-event-id": after} if after else {}
        return self._stream(_event, "/api/events?follow=true", headers)

    def logs(
        self, service: str, *, tail: int
    ) -> AbstractAsyncContextManager[AsyncIterator[LogLine]]:
        """The last `tail` lines of each log file of a service, and those to come."""
        return self._stream(_log_line, f"/api/logs?services={service}&tail={tail}&follow=true")

    async def _get(self, adapter: TypeAdapter[T], path: str) -> T:
        return _parse(adapter, (await self._send("GET", path)).content)

    async def _send(self, method: str, path: str, body: object = None) -> httpx.Response:
        with _explained():
            response = await self._http.request(method, path, json=body)
        _raise_for(response)
        return response

    @asynccontextmanager
    async def _stream(
        self, adapter: TypeAdapter[T], path: str, headers: dict[str, str] | None = None
    ) -> AsyncIterator[AsyncIterator[T]]:
        """What server-sent events hold. They end, or fail with DaemonError, with the daemon."""
        timeout = httpx.Timeout(None, connect=_CONNECT_S)
        request = self._http.stream("GET", path, headers=headers, timeout=timeout)
        with _explained():
            async with request as response:
                if response.is_error:
                    await response.aread()
                    _raise_for(response)
                yield _items(response, adapter)


async def _items(response: httpx.Response, adapter: TypeAdapter[T]) -> AsyncIterator[T]:
    async for line in response.aiter_lines():
        if line.startswith("data:"):
            yield _parse(adapter, line[5:])


def _find(folder: StateFolder) -> tuple[Daemon, str]:
    daemon = find_daemon(folder)
    if daemon is None:
        raise DaemonError(_GONE)
    try:
        return daemon, folder.api_key.read_text()
    except FileNotFoundError as exc:
        raise DaemonError(_GONE) from exc  # it ended in between
    except OSError as exc:
        raise DaemonError(f"cannot read the management key: {exc}") from exc


def _parse(adapter: TypeAdapter[T], data: str | bytes) -> T:
    try:
        return adapter.validate_json(data)
    except ValidationError as exc:
        raise DaemonError(
            "cannot understand the daemon: it is of another version;"
            " restart it with `intertie down` and `intertie up`"
        ) from exc


@contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except httpx.HTTPError as exc:
        raise DaemonError(f"cannot reach the daemon: {str(exc) or type(exc).__name__}") from exc


def _raise_for(response: httpx.Response) -> None:
    if response.is_success:
        return
    try:
        detail = str(json.loads(response.content)["detail"])
    except (ValueError, KeyError, TypeError):
        detail = f"the daemon answered {response.status_code}"
    raise IntertieError(detail)
