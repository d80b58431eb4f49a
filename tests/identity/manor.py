"""A suite that runs in this process with users and keys, asked over HTTP or by commands."""

import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from time import time
from typing import cast

import httpx
from anyio import to_thread
from fastapi import FastAPI

from intertie.app.orchestrator import Settings, SuiteOrchestrator
from intertie.control.callers import Callers
from intertie.control.identity import IdentityControl
from intertie.control.identity_desk import IdentityDesk, Opened
from intertie.control.use_cases import Control
from intertie.identity.audit import Actor
from intertie.identity.identities import Identities, Terms
from intertie.identity.issuer import Issuer
from intertie.identity.tokens.revocation import Revocations
from intertie.runtime.folder import StateFolder
from intertie.store.sqlite import SqliteRecords
from intertie.suite import load
from intertie.suite.model import Suite
from tests.harness import Result
from tests.identity.house import CHEAP, PARTY

ROOT = Actor("test")
PASSWORD = "correct horse battery"
"""Of every user of a test."""
RUNS = """
suite: manor
api: {port: auto}
services:
  echo: {command: sleep 1000}
"""
SAYS = """
suite: manor
services:
  echo: {command: sleep 1000, port: 9}
gateway:
  routes:
    - {path: /orders, service: echo, roles: [admin, clerk]}
    - {path: /reports, service: echo, roles: [auditor], methods: [GET]}
identity:
  rbac_integration:
    group_mapping:
      admins: [admin, superuser]
      users: [user, readonly]
      clerks: [clerk]
tenants:
  acme:
    rate_limits: {requests_per_minute: 600}
    features: [export]
    sla: 99.9%
    domains: [acme.example.com]
  globex: {}
"""
"""What the suite file says of identities: the suite that runs has no gateway to start."""


@dataclass(frozen=True)
class Manor:
    """The running suite."""

    folder: Path
    url: str
    app: FastAPI
    control: Control
    desk: IdentityDesk
    identities: Identities
    issuer: Issuer

    @property
    def key(self) -> str:
        """The management key."""
        return (self.folder / ".intertie" / "run" / "api.token").read_text()

    def api(self, shown: str | None) -> httpx.AsyncClient:
        """Of somebody who shows this after `Bearer`."""
        headers = {"authorization": f"Bearer {shown}"} if shown is not None else {}
        return httpx.AsyncClient(base_url=self.url, headers=headers, trust_env=False, timeout=30)

    def root(self) -> httpx.AsyncClient:
        """Of who has the management key."""
        return self.api(self.key)

    async def add(
        self, login: str, *, tenant: str = "default", groups: tuple[str, ...] = ()
    ) -> str:
        """A new user; its id."""
        users = self.identities.users
        return (await users.create(ROOT, login, tenant=tenant, groups=groups)).id

    async def token(self, login: str, *, tenant: str = "default") -> str:
        """Of a user, as the gateway accepts it."""
        actor = self.control.identify(f"Bearer {self.key}", via="test")
        tokens = self.control.tokens
        return (await tokens.mint_for_user(actor, login, tenant=tenant, ttl_s=None)).access_token

    async def robot(
        self, *roles: str, tenant: str = "default", scopes: tuple[str, ...] = ()
    ) -> str:
        """The text of a new API key."""
        made = await self.identities.keys.create(
            ROOT, "robot", tenant=tenant, roles=roles, scopes=scopes
        )
        await self.control.settle()
        return made.text

    async def run(self, *arguments: str, typed: str = "") -> Result:
        """`intertie ARGUMENTS`, as a user would."""
        return await self._run([sys.executable, "-m", "intertie", *arguments], typed)

    async def script(self, text: str) -> str:
        """What a shell prints for it; no command of it may fail."""
        done = await self._run(["bash", "-euo", "pipefail", "-c", text], "")
        assert done.code == 0, f"{text}\n{done.out}\n{done.err}"
        return done.out

    async def _run(self, command: list[str], typed: str) -> Result:
        env = {name: value for name, value in os.environ.items() if not name.startswith("INTERTIE")}
        env["PATH"] = f"{Path(sys.executable).parent}:{env['PATH']}"
        call = partial(
            subprocess.run,
            command,
            cwd=self.folder,
            env=env,
            input=typed,
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )
        done = await to_thread.run_sync(call)
        return Result(done.returncode, done.stdout, done.stderr)

    async def ok(self, *arguments: str, typed: str = "") -> Result:
        """A command that must succeed."""
        result = await self.run(*arguments, typed=typed)
        assert result.code == 0, f"{arguments}: {result.code}\n{result.out}\n{result.err}"
        return result


@asynccontextmanager
async def open_manor(folder: Path, *, says: str = SAYS) -> AsyncIterator[Manor]:
    """Run it."""
    file = folder / "suite.yaml"
    file.write_text(says)
    said = load(file).suite
    file.write_text(RUNS)
    state = StateFolder(folder / ".intertie")
    orchestrator = SuiteOrchestrator(Settings(file, None, state))
    await orchestrator.open()
    try:
        async with _opened(folder, said) as opened:
            app = cast("FastAPI", orchestrator.asgi)
            daemon = state.daemon()
            assert daemon is not None
            desk = IdentityDesk(opened, lambda: said, state.envoy)
            app.state.control = control = await _with(app.state.control, desk, orchestrator.issuer)
            yield Manor(
                folder, daemon.api_url, app, control, desk, opened.identities, orchestrator.issuer
            )
    finally:
        await orchestrator.close()


@asynccontextmanager
async def _opened(folder: Path, suite: Suite) -> AsyncIterator[Opened]:
    assert suite.identity is not None
    terms = Terms.of(suite.identity, suite.tenants, party=PARTY)
    async with (
        SqliteRecords.open(folder / "rows.db") as records,
        Identities.open(folder, records, terms, cost=CHEAP) as identities,
    ):
        yield Opened(identities, records, Revocations(records, time))


async def _with(control: Control, desk: IdentityDesk, issuer: Issuer) -> Control:
    who = Callers(lambda: issuer, lambda: "intertie", opened=desk.opened)
    await who.refresh()
    tokens = replace(control.tokens, desk=desk)
    return replace(control, identity=IdentityControl.of(desk), who=who, tokens=tokens)
