"""The login pages as a real server, with a clock that can be moved, for browsers and clients."""

import socket
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import anyio
import uvicorn
from anyio import create_task_group, sleep
from anyio.from_thread import BlockingPortal, start_blocking_portal
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from intertie.api.listen import bind
from intertie.api.login.app import login_routes
from intertie.api.login.desk import LoginDesk, LoginSettings, Tools, build
from intertie.identity.audit import Actor
from intertie.identity.codes import Channel, Method
from intertie.identity.identities import Identities, Terms
from intertie.identity.passkeys import RelyingParty
from intertie.identity.passwords import Cost
from intertie.identity.sealed import Sealer
from intertie.identity.sso.fetch import Fetch
from intertie.identity.users import User
from intertie.store.sqlite import SqliteRecords
from intertie.suite.identity import Identity, Tenant

T = TypeVar("T")
TESTER = Actor("tester")
PASSWORD = "correct horse battery staple"
MASTER = "QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE="


class Clock:
    """The machine's, moved."""

    def __init__(self) -> None:
        self.moved = timedelta()

    def __call__(self) -> datetime:
        """Now."""
        return datetime.now(UTC) + self.moved

    def advance(self, seconds: float) -> None:
        """Let time pass at once."""
        self.moved += timedelta(seconds=seconds)


class Box:
    """Where codes arrive."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    async def send(self, address: str, text: str) -> None:
        """See Channel."""
        self.texts.append(text)


@dataclass(frozen=True, slots=True)
class Made:
    """A login desk with all that is behind it."""

    desk: LoginDesk
    identities: Identities
    clock: Clock
    box: Box

    async def user(self, login: str, **fields: Any) -> User:  # Any: what a user has
        """A new one, with the tests' password."""
        user = await self.identities.users.create(TESTER, login, **fields)
        await self.identities.passwords.set(TESTER, user.id, PASSWORD)
        return await self.identities.users.get(user.id)


@asynccontextmanager
async def made(
    folder: Path,
    identity: dict[str, Any],
    *,
    url: str = "http://localhost",
    clock: Clock | None = None,
    ca_file: Path | None = None,
    tenants: dict[str, Tenant] | None = None,
) -> AsyncIterator[Made]:
    """As the suite file would have it. Two on one folder are like two processes."""
    told, time, box = Identity.model_validate(identity), clock or Clock(), Box()
    party = RelyingParty("localhost", "Suite", (url,))
    terms = Terms.of(told, tenants or {}, party=party)
    channels: dict[Method, Channel] = {"email": box}
    await anyio.Path(folder).mkdir(exist_ok=True)
    async with (
        SqliteRecords.open(folder / "records.db") as records,
        Fetch.open(ca_file) as fetch,
        Identities.open(
            folder, records, terms, master=MASTER, now=time, cost=Cost(1, 8, 1), channels=channels
        ) as identities,
    ):
        tools = Tools(records, Sealer.from_secret(MASTER), fetch, time)
        settings = LoginSettings(
            url, provider=told.sso_configuration.provider, address_header="x-client-address"
        )
        desk = build(
            told, identities, settings, tools, secret=lambda name: SECRETS[name], folder=folder
        )
        yield Made(desk, identities, time, box)


SECRETS = {"${secret:oidc}": "a secret/with+odd:signs", "${secret:ldap}": "a directory's word"}


@dataclass(frozen=True, slots=True)
class Site:
    """Pages at an address."""

    url: str
    made: Made
    portal: BlockingPortal

    def run(self, work: Callable[..., Awaitable[T]], *args: object) -> T:
        """In the server's loop."""
        return self.portal.call(work, *args)

    def user(self, login: str, **fields: Any) -> User:  # Any: what a user has
        """See Made."""
        return self.portal.call(lambda: self.made.user(login, **fields))


async def _page(request: Request) -> Response:
    return HTMLResponse(f"<!doctype html><title>{request.url.path}</title><p>a page")


@asynccontextmanager
async def _serving(
    app: Starlette, port: int, listener: socket.socket | None = None
) -> AsyncIterator[None]:
    config = uvicorn.Config(app, lifespan="off", log_config=None, timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]
    with listener or bind("127.0.0.1", port) as taken:
        async with create_task_group() as group:
            group.start_soon(server.serve, [taken])
            while not server.started:  # noqa: ASYNC110 — it gives no event
                await sleep(0.01)
            try:
                yield
            finally:
                server.should_exit = True


@contextmanager
def site(
    folder: Path,
    identity: dict[str, Any],
    *,
    port: int,
    listener: socket.socket | None = None,
    **more: Any,
) -> Iterator[Site]:
    """The pages, served in a thread of their own. Any: see `made`.

    A `listener` holds the port already, where others are told of it first.
    """
    url = f"http://localhost:{port}"

    @asynccontextmanager
    async def running() -> AsyncIterator[Made]:
        async with made(folder, identity, url=url, **more) as all_of_it:
            wanted = Route("/{rest:path}", _page)
            app = Starlette(routes=[*login_routes(all_of_it.desk), wanted])
            async with _serving(app, port, listener):
                yield all_of_it

    with start_blocking_portal() as portal, portal.wrap_async_context_manager(running()) as ready:
        assert threading.current_thread() is threading.main_thread()
        yield Site(url, ready, portal)
