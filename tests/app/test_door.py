"""The process beside Envoy that knows people."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from time import time
from typing import Any

import httpx
import pytest
from anyio import to_thread

from intertie.api.oauth.server import Parts
from intertie.app.identities import open_identities
from intertie.app.identity import RULES, SETTINGS, settings_of
from intertie.gateway.authz.question import CHECK_PREFIX, ROUTE
from intertie.gateway.xds import KEY_HEADER
from intertie.identity.audit import Actor
from intertie.identity.identities import Identities
from intertie.identity.issuer import Issuer
from intertie.identity.principal import Principal
from intertie.identity.tokens import base64url
from intertie.identity.tokens.clients import Clients
from intertie.identity.tokens.grant import Grant
from intertie.identity.tokens.pepper import Pepper
from intertie.runtime.folder import StateFolder
from intertie.store.sqlite import SqliteRecords
from tests.app.test_identity import suite
from tests.waiting import eventually

pytestmark = [pytest.mark.anyio, pytest.mark.slow]
TESTER = Actor("tester")
RULES_TEXT = {"routes": {"/api": {"auth": ["key", "session"]}}}
_READY_S = 60
_COUNT = count()


@dataclass
class Door:
    """A running one."""

    process: subprocess.Popen[bytes]
    folder: StateFolder
    log: Path

    async def ask(self, socket_name: str, path: str, **headers: str) -> httpx.Response:
        """Over one of its sockets; with `_` in names for `-`."""
        named = {key.replace("_", "-"): value for key, value in headers.items()}
        async with self._client(socket_name) as http:
            return await http.get(path, headers=named)

    async def refresh(self, text: str) -> httpx.Response:
        """New tokens for the client `app`."""
        told = {"grant_type": "refresh_token", "refresh_token": text, "client_id": "app"}
        async with self._client("login.sock") as http:
            return await http.post("/auth/token", data=told)

    async def check(self, key: str) -> int:
        """What Envoy is told of a key."""
        sent = {KEY_HEADER: key, ROUTE: "/api"}
        async with self._client("authz.sock") as http:
            return (await http.get(f"{CHECK_PREFIX}/api/x", headers=sent)).status_code

    def _client(self, socket_name: str) -> httpx.AsyncClient:
        transport = httpx.AsyncHTTPTransport(uds=str(self.folder.envoy / socket_name))
        return httpx.AsyncClient(transport=transport, base_url="http://door", timeout=60)

    def stop(self) -> int:
        """As the supervisor does; the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(20)


@contextmanager
def started(folder: StateFolder) -> Iterator[Door]:
    """Run it, and return once it has said that it is ready."""
    log = folder.root / "door.log"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as told, log.open("wb") as output:
        name = f"{folder.root}/{next(_COUNT)}"
        told.bind(name)
        told.settimeout(_READY_S)
        process = subprocess.Popen(
            [sys.executable, "-m", "intertie.app.door", str(folder.root), "digest"],
            cwd=folder.envoy,
            env={**os.environ, "NOTIFY_SOCKET": name},
            stdout=output,
            stderr=output,
        )
        try:
            assert told.recv(100) == b"READY=1"
            yield Door(process, folder, log)
        finally:
            process.kill()
            process.wait(20)
            Path(name).unlink()


@asynccontextmanager
async def door(tmp_path: Path, **settled: Any) -> AsyncIterator[tuple[Door, Identities]]:
    """A running one, and the users and keys as the daemon has them. Any: its settings."""
    folder = StateFolder(tmp_path)
    folder.create()
    folder.envoy.mkdir(parents=True, exist_ok=True)
    clients = {"app": {"redirect_uris": "https://app.test/"}}
    settings = settings_of(suite(clients=clients), tmp_path).model_copy(update=settled)
    async with open_identities(folder, settings) as (identities, _):
        (folder.identity / SETTINGS).write_text(settings.model_dump_json())
        (folder.identity / RULES).write_text(json.dumps(RULES_TEXT))
        made = started(folder)
        found = await to_thread.run_sync(made.__enter__)
        try:
            yield found, identities
        finally:
            await to_thread.run_sync(made.__exit__, None, None, None)


async def test_keys_that_others_make_are_known_in_a_moment(tmp_path: Path) -> None:
    """And those that they end no longer, without a restart."""
    async with door(tmp_path) as (made, identities):
        first = await made.check("itk_nothing")
        key = await identities.keys.create(TESTER, "robot")
        statuses: list[int] = []

        async def until(status: int) -> None:
            while (last := await made.check(key.text)) != status:
                statuses.append(last)

        await until(200)
        await identities.keys.revoke(TESTER, key.key.id)
        await until(401)

    assert first == 401
    assert set(statuses) <= {200, 401}


async def test_the_login_and_what_clients_need_are_there(tmp_path: Path) -> None:
    """Pages, metadata and keys, below the path of the login and at the well-known place."""
    async with door(tmp_path) as (made, _):
        page = await made.ask("login.sock", "/auth/login")
        known = [
            await made.ask("login.sock", path)
            for path in (
                "/auth/.well-known/openid-configuration",
                "/.well-known/oauth-authorization-server/auth",
            )
        ]
        keys = await made.ask("login.sock", "/auth/.well-known/jwks.json")

    assert page.status_code == 200
    assert known[0].json() == known[1].json()
    assert "refresh_token" in known[0].json()["grant_types_supported"]
    assert keys.json()["keys"]


async def test_a_suite_without_refresh_tokens_offers_none(tmp_path: Path) -> None:
    """`refresh_enabled: false` holds for every client."""
    async with door(tmp_path, refresh_enabled=False) as (made, _):
        known = await made.ask("login.sock", "/auth/.well-known/openid-configuration")

    assert "refresh_token" not in known.json()["grant_types_supported"]


async def test_who_was_shut_out_gets_no_more_tokens(tmp_path: Path) -> None:
    """A refresh token gives what its user may now, and nothing once that may nothing."""
    async with door(tmp_path) as (made, identities):
        ada = await identities.users.create(TESTER, "ada", roles=("clerk",))
        text = await _refresh_token(made.folder, identities.users.principal(ada))
        await identities.users.update(TESTER, ada.id, roles=("admin",))
        first = (await made.refresh(text)).json()
        await identities.users.disable(TESTER, ada.id)
        second = await made.refresh(first["refresh_token"])

    claims = json.loads(base64url.decode(first["access_token"].split(".")[1]))
    assert json.loads(claims["user"])["roles"] == ["admin"]
    assert (second.status_code, second.json()["error"]) == (400, "invalid_grant")


async def _refresh_token(folder: StateFolder, principal: Principal) -> str:
    """As a login of the public client `app` would have given."""
    async with SqliteRecords.open(folder.identity / "identity.db") as records:
        issuer, pepper = Issuer.open(folder.keys), Pepper.open(folder.identity)
        clients = Clients({}, secret=str)
        parts = Parts.on(records, issuer, pepper, clients=clients, clock=time)
        grant = Grant("g", "app", principal, ("openid",), "s", int(time()))
        return await parts.refresh.start(grant)


async def test_it_runs_on_the_quick_event_loop(tmp_path: Path) -> None:
    """Every request with a key waits for it."""
    async with door(tmp_path) as (made, _):
        maps = Path(f"/proc/{made.process.pid}/maps")
        loaded = await to_thread.run_sync(maps.read_text)

    assert "uvloop" in loaded


async def test_its_sockets_are_its_owners_only(tmp_path: Path) -> None:
    """Whoever could ask it could guess keys."""
    async with door(tmp_path) as (made, _):
        modes = {each.stat().st_mode & 0o777 for each in made.folder.envoy.glob("*.sock")}

    assert modes == {0o600}


async def test_a_stop_is_quick_and_clean(tmp_path: Path) -> None:
    """It ends with 0 and says nothing that looks like a fault."""
    async with door(tmp_path) as (made, _):
        await made.check("itk_nothing")
        code = await to_thread.run_sync(made.stop)
        text = made.log.read_text()

    assert code == 0
    assert "Traceback" not in text


async def test_a_door_that_was_killed_starts_on_what_it_left(tmp_path: Path) -> None:
    """Sockets that lead nowhere are in nobody's way."""
    async with door(tmp_path) as (made, identities):
        key = await identities.keys.create(TESTER, "robot")
        made.process.kill()
        await eventually(lambda: made.process.poll() is not None)
        again = started(made.folder)
        new = await to_thread.run_sync(again.__enter__)
        try:
            status = await new.check(key.text)
        finally:
            await to_thread.run_sync(again.__exit__, None, None, None)

    assert status == 200


async def test_what_no_suite_uses_is_not_loaded() -> None:
    """Libraries of single sign-on, GraphQL and gRPC cost a suite without these nothing."""
    text = (
        "import sys, intertie.app.door;"
        "print(*{'saml2', 'ldap', 'webauthn', 'strawberry', 'grpc', 'fastapi',"
        " 'intertie.app.orchestrator'} & set(sys.modules))"
    )
    done = await to_thread.run_sync(
        lambda: subprocess.run(
            [sys.executable, "-c", text], check=True, capture_output=True, timeout=60
        )
    )

    assert done.stdout.strip() == b""


@pytest.mark.parametrize("fault", ["missing", "broken"])
async def test_settings_that_cannot_be_read_are_one_line(tmp_path: Path, fault: str) -> None:
    """What is wrong and what to do, and no traceback."""
    folder = StateFolder(tmp_path)
    folder.create()
    folder.identity.mkdir(exist_ok=True)
    if fault == "broken":
        (folder.identity / SETTINGS).write_text("{")
    done = await to_thread.run_sync(
        lambda: subprocess.run(
            [sys.executable, "-m", "intertie.app.door", str(tmp_path)],
            check=False,
            capture_output=True,
            timeout=60,
        )
    )

    assert done.returncode == 1
    assert b"cannot read" in done.stderr
    assert b"run `intertie up` again" in done.stderr
    assert b"Traceback" not in done.stderr
