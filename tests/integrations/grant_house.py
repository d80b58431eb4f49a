"""Two processes' worth of connections on one played vendor, with grants in one real database."""

import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from anyio import Event
from pydantic import SecretStr

from intertie.errors import StoreError
from intertie.identity.sealed import Sealer
from intertie.integrations import rest
from intertie.integrations.credentials import OAuth2
from intertie.integrations.data import Probe
from intertie.integrations.grants import GrantDesk, GrantState
from intertie.integrations.message import Request, Response
from intertie.integrations.operation import Answer, Nothing, get
from intertie.integrations.vault import GRANTS, Vault, place
from intertie.store import Record, Records, open_records
from tests.integrations.stage import Clock, Played, Stage, answer

LIFE_S = 3600.0
AUTH = OAuth2(
    token="https://vendor.test/token",
    authorize="https://vendor.test/authorize",
    revoke="https://vendor.test/revoke",
    scopes=("read", "write"),
)


class Settings(rest.Settings):
    """An app."""

    client_id: str = "app"
    client_secret: SecretStr = SecretStr("hush-hush")
    scope: str = ""


class Me(Answer):
    """Who."""

    id: str


class PlayedIntegration(rest.RestIntegration):
    """Of the played vendor."""

    kind = "played"
    base = "https://api.vendor.test"
    ways = (AUTH,)
    settings_type = Settings
    probe = Probe("me")
    me = get("/me", Nothing, Me)
    post = get("/post", Nothing, Me, scopes=("write",))


class ForItself(PlayedIntegration):
    """Without people."""

    kind = "for_itself"
    ways = (OAuth2(token="https://vendor.test/token", scopes=("all",)),)


class Either(PlayedIntegration):
    """As the app, or as a person: the setting `scope` says."""

    kind = "either"
    ways = (
        OAuth2(
            token="https://vendor.test/token", authorize="https://vendor.test/authorize", alone=True
        ),
    )


class Killed(BaseException):
    """The end of a process, as far as one process can play it."""


@dataclass
class Vendor:
    """Its answers: `refresh-1` gives `access-2` and `refresh-2`, and so on."""

    clock: Clock
    number: int = 1
    bad: set[str] = field(default_factory=set[str])
    """Access tokens that are refused."""
    faults: list[Response | BaseException] = field(default_factory=list[Response | BaseException])
    """What the token endpoint answers before it does its work."""
    forms: list[dict[str, str]] = field(default_factory=list[dict[str, str]])
    """What the token endpoint was asked."""
    rotates: bool = True
    scope: str | None = None
    gate: Event | None = None
    """The token endpoint waits for it."""
    asked: Event = field(default_factory=Event)

    async def answer(self, request: Request) -> Response:
        """Of everything."""
        if request.url.endswith("/revoke"):
            return answer({})
        if not request.url.endswith("/token"):
            shown = request.headers["authorization"].removeprefix("Bearer ")
            return answer({"error": "bad"}, 401) if shown in self.bad else answer({"id": shown})
        self.forms.append(dict(parse_qsl((request.body or b"").decode())))
        self.asked.set()
        if self.gate is not None:
            await self.gate.wait()
        if self.faults:
            fault = self.faults.pop(0)
            if isinstance(fault, BaseException):
                raise fault
            return fault
        return answer(self.tokens())

    def tokens(self) -> dict[str, Any]:
        """The next."""
        self.number += 1
        told = {"access_token": f"access-{self.number}", "expires_in": LIFE_S}
        if self.rotates:
            told["refresh_token"] = f"refresh-{self.number}"
        if self.scope is not None:
            told["scope"] = self.scope
        return told


@dataclass
class Process:
    """A registry and a desk of their own."""

    stage: Stage
    desk: GrantDesk
    records: Records
    vault: Vault

    def connection(self, kind: type[PlayedIntegration] = PlayedIntegration, **told: Any) -> Any:
        """Of the tenant `acme`."""
        retry = {"max_attempts": 1}
        return self.stage.made(kind, "acme", config=told, retry_policy=retry)

    @property
    def main(self) -> Any:
        """Its connection `acme/main`."""
        return self.stage.registry.get("main", "acme")

    async def state(self) -> GrantState:
        """Of the grant, which is there."""
        found = await self.desk.state(self.main)
        assert found is not None
        return found


class Failing:
    """Records whose so-and-so-manieth write fails."""

    def __init__(self, inner: Records, *, fail_on: int) -> None:
        self.inner = inner
        self.fail_on = fail_on
        self.writes = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    async def put(self, *told: Any, **more: Any) -> Record:
        """See Records."""
        self.writes += 1
        if self.writes == self.fail_on:
            raise StoreError("cannot use the database: the disk is full")
        return await self.inner.put(*told, **more)


@dataclass
class House:
    """One vendor, one clock, one file; as many processes as wanted."""

    vendor: Vendor
    clock: Clock
    file: Path
    sealer: Sealer
    stack: AsyncExitStack

    async def process(self, *, lease_s: float = 30.0) -> Process:
        """One more."""
        records = await self.stack.enter_async_context(open_records(f"sqlite://{self.file}"))
        vault = await Vault.open(records, self.sealer, clock=self.clock)
        stage = Stage(vendor=Played(self.vendor.answer), clock=self.clock)
        desk = GrantDesk(records, vault, lease_s=lease_s)
        stage.tools.grants = desk
        return Process(stage, desk, records, vault)

    async def with_grant(self, **more: Any) -> Process:
        """One more, whose connection has a grant."""
        process = await self.process()
        await process.desk.store(process.connection(), granted(**more))
        return process

    async def document(self, process: Process) -> dict[str, Any]:
        """The record of the grant."""
        found: dict[str, Any] = (await process.records.get(GRANTS, place("acme", "main"))).document
        return found

    def raw(self) -> bytes:
        """All bytes of the database, its log included."""
        files = self.file.parent.iterdir()
        return b"".join(each.read_bytes() for each in files if each.is_file())


@asynccontextmanager
async def house(folder: Path) -> AsyncIterator[House]:
    """Closed afterwards."""
    clock = Clock()
    async with AsyncExitStack() as stack:
        sealer = Sealer.open(folder / "keys" / "master.json")
        (folder / "db").mkdir()
        yield House(Vendor(clock), clock, folder / "db" / "r.db", sealer, stack)


def granted(**more: Any) -> dict[str, Any]:
    """What the token endpoint answered when a person had given consent."""
    return {
        "access_token": "access-1",
        "refresh_token": "refresh-1",
        "expires_in": LIFE_S,
        "scope": "read write",
        **more,
    }


def refused(error: str, status: int = 400, **more: str) -> Response:
    """An error of RFC 6749 §5.2."""
    return Response(status, {}, json.dumps({"error": error, **more}).encode())
