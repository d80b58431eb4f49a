"""The process beside Envoy that knows people: it checks keys and sessions, and shows the login.

Run as `python -m intertie.app.door STATE_FOLDER`; what it does is in `door.json` there. It outlives
the daemon as Envoy does, so that nobody is locked out while the daemon is away.
"""

import logging
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from time import time

import anyio
from anyio import create_task_group, open_signal_receiver, sleep
from starlette.applications import Starlette
from starlette.routing import Mount, Route
from starlette.types import ASGIApp

from intertie.api.listen import bind_socket
from intertie.api.login.app import login_routes
from intertie.api.login.current import SessionLogin
from intertie.api.login.desk import LoginDesk, LoginSettings, Tools, build
from intertie.api.oauth.routes import oauth_routes
from intertie.api.oauth.server import AuthorizationServer, Parts
from intertie.api.portal.document import Stored
from intertie.api.portal.routes import portal_routes
from intertie.api.server import ApiServer
from intertie.app.identities import open_identities
from intertie.app.identity import (
    AUTHZ_SOCKET,
    LOGIN_SOCKET,
    RULES,
    SETTINGS,
    DoorSettings,
    oauth_clients,
    read_settings,
)
from intertie.bus.url import parse_url
from intertie.errors import IntertieError, NotFoundError, StoreError
from intertie.gateway.authz.run import serve
from intertie.gateway.authz.signed import Signatures
from intertie.gateway.authz.sources import Shown
from intertie.gateway.xds import ADDRESS_HEADER
from intertie.identity.identities import Identities
from intertie.identity.issuer import Issuer
from intertie.identity.keytable import KeyRefusal, KeyTable, Uses
from intertie.identity.principal import Principal
from intertie.identity.signatures import SigningKey
from intertie.identity.sso.fetch import Fetch
from intertie.identity.sso.sessions import Sessions
from intertie.identity.store import Revision
from intertie.identity.tokens.pepper import Pepper
from intertie.identity.tokens.refresh import Lifetimes
from intertie.identity.tokens.revocation import Revocations
from intertie.runtime.daemon import log_to_stderr
from intertie.runtime.folder import StateFolder
from intertie.store import Records
from intertie.suite.secret import lookup, resolve

log = logging.getLogger(__name__)

_FOLLOW_S = 0.25
_CLEAN_S = 30.0
_DOCUMENT = "openapi.json"
_KNOWN_AT = "/.well-known/oauth-authorization-server"


class _Sources:
    """See `authz.sources`."""

    def __init__(self, keys: KeyTable, sessions: Sessions, revocations: Revocations) -> None:
        self.keys = keys
        self.texts: Mapping[str, str] = {}
        """Of the keys that are kept sealed, by their ids."""
        self.uses = Uses()
        self._sessions = sessions
        self._revocations = revocations

    def key(self, text: str, address: str) -> Principal | str:
        """See Sources."""
        found = self.keys.check(text, address=address, now=time())
        if isinstance(found, KeyRefusal):
            return found.reason
        self.uses.seen(found.id, time())
        return found

    def signing_key(self, key: str) -> SigningKey | None:
        """See Signers: the text of a sealed key is the secret of its owner and ours."""
        text = self.texts.get(key)
        return None if text is None else SigningKey(key, "hmac-sha256", text.encode())

    def signer(self, key: str, address: str) -> Principal | str:
        """See Signers."""
        text = self.texts.get(key)
        return "unknown" if text is None else self.key(text, address)

    async def session(self, cookie: str) -> Principal | None:
        """See Sources."""
        return await self._sessions.lookup(cookie)

    def is_revoked(self, principal: Principal, token: Shown | None) -> bool:
        """See Sources. Keys and sessions that were taken back are not found at all."""
        if token is None:
            return False
        claims = {
            "jti": token.id,
            "iat": token.issued_at_s,
            "tenant": principal.tenant,
            "principal": principal.client,
        }
        return self._revocations.is_revoked(claims)


class _Strangers:
    """See `authz.sources`: of a suite that knows nobody."""

    def key(self, text: str, address: str) -> Principal | str:
        """See Sources."""
        return "unknown"

    async def session(self, cookie: str) -> Principal | None:
        """See Sources."""
        return None

    def is_revoked(self, principal: Principal, token: Shown | None) -> bool:
        """See Sources."""
        return False


@dataclass(frozen=True, slots=True)
class _Door:
    identities: Identities
    sources: _Sources
    revocations: Revocations
    app: ASGIApp


@asynccontextmanager
async def _open(folder: StateFolder, settings: DoorSettings) -> AsyncIterator[_Door]:
    async with AsyncExitStack() as stack:
        identities, records = await stack.enter_async_context(open_identities(folder, settings))
        fetch = await stack.enter_async_context(Fetch.open())
        tools = Tools(records, identities.sealer, fetch)
        desk = _desk(folder, settings, identities, tools)
        server = _server(folder, settings, records, desk, identities=identities)
        # Before the first question: what was taken back stays so when this process starts again.
        await server.parts.revocations.refresh()
        sources = _Sources(await identities.key_table(), desk.sessions, server.parts.revocations)
        sources.texts = await _texts(identities)
        yield _Door(
            identities, sources, server.parts.revocations, _app(folder, desk, server, identities)
        )


async def _texts(identities: Identities) -> Mapping[str, str]:
    return {each.key.id: each.text for each in await identities.keys.plain_keys()}


def _desk(
    folder: StateFolder, settings: DoorSettings, identities: Identities, tools: Tools
) -> LoginDesk:
    find = lookup(os.environ, folder.secrets)
    pages = LoginSettings(
        settings.public_url,
        settings.identity.login_path,
        settings.identity.sso_configuration.provider,
        address_header=ADDRESS_HEADER,
    )
    return build(
        settings.identity,
        identities,
        pages,
        tools,
        secret=partial(resolve, find=find),
        folder=Path(settings.suite_folder),
    )


def _server(
    folder: StateFolder,
    settings: DoorSettings,
    records: Records,
    desk: LoginDesk,
    *,
    identities: Identities,
) -> AuthorizationServer:
    issuer = Issuer.open(folder.keys, url=settings.issuer)
    lifetimes = Lifetimes(idle_s=settings.refresh_expiry_s)
    pepper = Pepper.open(folder.identity)
    clients = oauth_clients(settings, folder)
    parts = Parts.on(records, issuer, pepper, clients=clients, clock=time, lifetimes=lifetimes)
    login = SessionLogin(desk)
    return AuthorizationServer(
        parts,
        login,
        settings.audience,
        clock=time,
        lifetime_s=settings.token_expiry_s,
        present=partial(_as_now, identities),
        has_refresh=settings.refresh_enabled,
    )


async def _as_now(identities: Identities, principal: Principal) -> Principal | None:
    """A user with the roles of now; None once it may not come in."""
    if principal.kind != "user":
        return principal
    try:
        user = await identities.users.get(principal.id)
    except NotFoundError:
        return None
    return identities.users.principal(user) if user.enabled else None


def _app(
    folder: StateFolder, desk: LoginDesk, server: AuthorizationServer, identities: Identities
) -> ASGIApp:
    issuer = oauth_routes(server)
    pages = login_routes(desk)
    portal = portal_routes(desk, identities, document=Stored(folder.identity / _DOCUMENT))
    path = desk.settings.login_path
    [metadata] = [each for each in issuer if each.path == _KNOWN_AT]
    return Starlette(
        routes=[
            Route(f"{_KNOWN_AT}{path}", metadata.endpoint),
            *pages,
            *portal,
            Mount(path, routes=issuer),
        ]
    )


async def _follow(door: _Door) -> None:
    """Keys that were made, changed or taken back are known in a moment.

    A store that is away for a while is no end: what is known holds meanwhile.
    """
    known = await door.identities.revision()
    cleaned = time()
    was_away = False
    while True:
        await sleep(_FOLLOW_S)
        try:
            known = await _learn(door, known)
            if time() - cleaned > _CLEAN_S:
                cleaned = time()
                await door.identities.keys.record_uses(door.sources.uses.take())
                await door.revocations.forget()
            was_away = False
        except StoreError as exc:
            if not was_away:
                log.error("users and keys cannot be read", extra={"why": str(exc)})
            was_away = True


async def _learn(door: _Door, known: Revision) -> Revision:
    await door.revocations.refresh()
    now = await door.identities.revision()
    if now != known or not now.settled:
        door.sources.keys = await door.identities.key_table()
        door.sources.texts = await _texts(door.identities)
    return now


async def _run(folder: StateFolder) -> None:
    settings = read_settings(folder.identity / SETTINGS)
    url = os.environ.get("INTERTIE_BUS_URL")
    counters = parse_url(url) if url else None
    async with AsyncExitStack() as stack:
        door: _Door | None = None
        if settings.knows_people:
            door = await stack.enter_async_context(_open(folder, settings))
        group = await stack.enter_async_context(create_task_group())
        group.start_soon(_until_told, group.cancel_scope.cancel)
        sources = door.sources if door else _Strangers()
        rules = folder.identity / RULES
        await group.start(
            partial(
                serve,
                rules,
                Path(AUTHZ_SOCKET),
                sources=sources,
                counter_engine=counters,
                signatures=Signatures(door.sources) if door else None,
            )
        )
        if door is not None:
            await group.start(ApiServer(door.app, bind_socket(Path(LOGIN_SOCKET))).run)
            group.start_soon(_follow, door)
        _ready()


async def _until_told(stop: Callable[[], None]) -> None:
    with open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        async for _ in signals:
            stop()
            return


def _ready() -> None:
    """Tell whoever started us (sd_notify)."""
    address = os.environ.get("NOTIFY_SOCKET")
    if address:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as told:
            told.sendto(b"READY=1", f"\0{address[1:]}" if address[0] == "@" else address)


def main() -> None:
    """Run until SIGTERM."""
    log_to_stderr("intertie-door")
    try:
        folder = StateFolder(Path(sys.argv[1]))
        anyio.run(_run, folder, backend_options={"use_uvloop": find_spec("uvloop") is not None})
    except IntertieError as exc:
        sys.exit(str(exc))


if __name__ == "__main__":
    main()
