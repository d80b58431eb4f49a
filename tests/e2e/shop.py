"""Suites with all that a gateway can have, their users, and clients of theirs."""

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from time import monotonic, sleep
from typing import Any, TypeVar

import anyio
import httpx

from intertie.app.identities import open_identities
from intertie.app.identity import SETTINGS, read_settings
from intertie.identity.audit import Actor
from intertie.identity.identities import Identities
from intertie.runtime.folder import StateFolder
from tests.harness import Bench

T = TypeVar("T")
TESTER = Actor("tester")
PASSWORD = "correct horse battery staple"
_WAIT_S = 60.0
_ANSWER_S = 60.0
ORIGIN = "https://shop.example.com"
_FIELD = re.compile(r'name="(\w+)" value="([^"]*)"')

SUITE = """
suite: shop
api: {port: auto}
identity: {}
tenants: {acme: {}}
gateway:
  port: auto
  caching: {default_ttl: 300}
  rate_limiting: {default_rate: 1000000/hour, burst_rate: 1000000/minute}
  security:
    cors: {allowed_origins: ["https://shop.example.com"]}
  routes:
    - {path: /api, service: web, strip: true}
    - {path: /admin, service: web, strip: true, roles: [admin]}
    - {path: /open, service: web, strip: true, auth_required: false}
    - {path: /few, service: web, strip: true, rate_limit: 3/hour}
services:
  web:
    command: python3 -m uvicorn --port $(PORT) --log-level warning app:app
    port: auto
    healthcheck: {http: /, interval: 200ms}
    restart: always
"""
APP = """
import itertools, json, os, urllib.error, urllib.parse, urllib.request

count = itertools.count(1)

async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        while True:
            message = await receive()
            await send({"type": message["type"] + ".complete"})
            if message["type"] == "lifespan.shutdown":
                return
    told = {name.decode(): value.decode() for name, value in scope["headers"]}
    asked = dict(urllib.parse.parse_qsl(scope["query_string"].decode()))
    answer = {"count": next(count), "headers": told, "secret": os.environ.get("SECRET", "")}
    if scope["path"].endswith("/call"):
        answer = call(asked["variable"], asked.get("host"))
    headers = [(b"content-type", b"application/json")]
    if "control" in asked:
        headers.append((b"cache-control", asked["control"].encode()))
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": json.dumps(answer).encode()})

def call(variable, host):
    if variable not in os.environ:
        return {"status": None}
    request = urllib.request.Request(os.environ[variable], headers={"Host": host} if host else {})
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return {"status": answer.status, "told": json.loads(answer.read())}
    except urllib.error.HTTPError as exc:
        return {"status": exc.code, "told": exc.read().decode()}
"""


@dataclass
class Shop:
    """A running suite, and who may come into it."""

    bench: Bench
    url: str = ""
    shown: dict[str, dict[str, str]] = field(default_factory=dict[str, dict[str, str]])
    """The headers that each of them sends."""

    @classmethod
    def up(cls, bench: Bench, text: str = SUITE) -> "Shop":
        """Start it; it has a key, a token and a login."""
        bench.write(text)
        bench.write(APP, "app.py")
        bench.ok("up", "--detach")
        made = cls(bench, bench.ok("url", "gateway").out.strip())
        key, other = with_people(bench, _people)
        made.shown = {
            "key": {"x-api-key": key},
            "other key": {"x-api-key": other},
            "token": {"authorization": f"Bearer {bench.ok('token').out.strip()}"},
        }
        made.shown["login"] = {"cookie": made.log_in("ada")}
        return made

    @property
    def state(self) -> StateFolder:
        """Its files."""
        return StateFolder(self.bench.state)

    def get(self, path: str, who: str | None = None, **headers: str) -> httpx.Response:
        """One request, on a connection of its own."""
        sent = {**(self.shown[who] if who else {}), **headers}
        return httpx.get(f"{self.url}{path}", headers=sent, trust_env=False, timeout=_ANSWER_S)

    def log_in(self, login: str) -> str:
        """As a browser does; the cookie of the session."""
        host = self.url.replace("127.0.0.1", "localhost")
        page = httpx.get(f"{host}/auth/login", trust_env=False, timeout=_ANSWER_S)
        fields = dict(_FIELD.findall(page.text.split("<form")[1]))
        sent = {"cookie": _cookies(page)}
        told = {**fields, "login": login, "password": PASSWORD}
        answer = httpx.post(
            f"{host}/auth/login", data=told, headers=sent, trust_env=False, timeout=_ANSWER_S
        )
        assert answer.status_code == 200, answer.text
        return _cookies(answer)

    def pid(self, name: str) -> int:
        """Of a service's process."""
        found: int = self.bench.service(name)["replicas"][0]["pid"]
        return found


def with_people(bench: Bench, work: Callable[[Identities], Awaitable[T]]) -> T:
    """Do something with the users and keys of a running suite, as another process does."""

    async def run() -> T:
        async with people(bench) as found:
            return await work(found)

    return anyio.run(run)


@asynccontextmanager
async def people(bench: Bench) -> AsyncIterator[Identities]:
    """The store of users and keys."""
    folder = StateFolder(bench.state)
    settings = read_settings(folder.identity / SETTINGS)
    async with open_identities(folder, settings) as (identities, _):
        yield identities


async def _people(identities: Identities) -> tuple[str, str]:
    ada = await identities.users.create(TESTER, "ada", roles=("admin",))
    await identities.passwords.set(TESTER, ada.id, PASSWORD)
    key = await identities.keys.create(TESTER, "robot", roles=("user",))
    other = await identities.keys.create(TESTER, "droid", roles=("user",), tenant="acme")
    return key.text, other.text


def until(holds: Callable[[], bool], within_s: float = _WAIT_S) -> None:
    """Return as soon as it holds."""
    deadline = monotonic() + within_s
    while not holds():
        assert monotonic() < deadline
        sleep(0.05)


def _cookies(answer: httpx.Response) -> str:
    return "; ".join(each.split(";")[0] for each in answer.headers.get_list("set-cookie"))


def told(answer: httpx.Response) -> Any:
    """The body, parsed."""
    return answer.json()
