"""Asking one running service what it has: what it says of itself, else by safe methods only."""

import re
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

import httpx
from anyio import current_time, sleep, to_thread

from intertie.errors import SuiteError
from intertie.gateway.openapi.load import parse_document
from intertie.gateway.openapi.model import Document
from intertie.gateway.openapi.router import Router
from intertie.gateway.openapi.source import MAX_BYTES

Verdict: TypeAlias = Literal["ok", "missing path", "missing method", "service down", "undecidable"]

DESCRIPTION = "/openapi.json"
"""Where services describe themselves."""
ANY = "*"
"""In place of a method, when a route does not say which."""

_RETRY_S = 0.1
_NAMED = re.compile(r"\{[^/{}]+\}")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One route as its service sees it."""

    route: str
    service: str
    path: str
    methods: tuple[str, ...]
    exact: bool

    @property
    def is_literal(self) -> bool:
        """Whether the path is known to the last letter."""
        return not _NAMED.search(self.path)


@dataclass(frozen=True, slots=True)
class Found:
    """What became of a question."""

    verdict: Verdict
    asked: str
    answered: str


@dataclass(slots=True)
class Service:
    """One running service."""

    address: str | None
    client: httpx.AsyncClient
    patience_s: float = 0.0
    """How long nobody may listen at its address: one without a health check may just start."""
    _paths: dict[str, set[str]] | None = None
    """Methods by path, when it describes itself."""
    _router: Router[set[str]] | None = None
    _down: str = ""
    _answers: dict[str, "_Answer"] = field(default_factory=dict[str, "_Answer"])

    async def describe(self) -> None:
        """Reads what it says of itself, if it does."""
        if self.address is None:
            self._down = "it has no address: it is not running, or has no port"
            return
        try:
            content = await self._description(self.address)
        except httpx.ConnectError:
            self._down = f"nobody listens at {self.address}"
            return
        except (httpx.HTTPError, httpx.InvalidURL):
            return
        if content is None:
            return
        try:
            document = await to_thread.run_sync(parse_document, content, "openapi.json")
        except SuiteError:
            return  # asked like one that says nothing
        self._paths = _methods(document)
        self._router = Router(self._paths)

    async def _description(self, address: str) -> bytes | None:
        deadline = current_time() + self.patience_s
        while True:
            try:
                return await self._read(address + DESCRIPTION)
            except httpx.ConnectError:
                if current_time() >= deadline:
                    raise
                await sleep(_RETRY_S)

    async def _read(self, url: str) -> bytes | None:
        async with self.client.stream("GET", url) as answer:
            if answer.status_code != _OK:
                return None
            content = b""
            async for chunk in answer.aiter_bytes():
                content += chunk
                if len(content) > MAX_BYTES:
                    return None
        return content

    async def method(self, endpoint: Endpoint, method: str) -> Found:
        """Whether it has a method of an endpoint."""
        if self._down:
            return Found("service down", "", self._down)
        if self._paths is None:
            return await self._probed(endpoint, method)
        told = self._told(endpoint)
        asked = f"GET {DESCRIPTION}"
        if told is None:
            probed = await self._probed(endpoint, method)
            if probed.verdict in {"ok", "missing method", "service down"}:
                return probed
            return Found("missing path", asked, f"{endpoint.path} is not among its paths")
        if method in told or method in {ANY, "OPTIONS"} or (method == "HEAD" and "GET" in told):
            return Found("ok", asked, f"{endpoint.path} has {', '.join(sorted(told))}")
        return Found("missing method", asked, f"{endpoint.path} has {', '.join(sorted(told))} only")

    def _told(self, endpoint: Endpoint) -> set[str] | None:
        """Methods of the path; of a route that takes all below it, of anything there."""
        paths = self._paths or {}
        same = [path for path in paths if _shape(path) == _shape(endpoint.path)]
        if same:
            return paths[same[0]]
        if endpoint.is_literal and self._router and (match := self._router.match(endpoint.path)):
            return match.found
        below = _shape(endpoint.path).rstrip("/") + "/"
        found = [methods for path, methods in paths.items() if _shape(path).startswith(below)]
        return set().union(*found) if found and not endpoint.exact else None

    async def _probed(self, endpoint: Endpoint, method: str) -> Found:
        path = _NAMED.sub("0", endpoint.path)
        options = await self._ask("OPTIONS", path)
        if options.status is None:
            return Found(options.verdict, options.asked, options.told)
        if method in options.allow or (method == ANY and options.allow):
            return Found("ok", options.asked, options.told)
        answer = await self._ask("HEAD" if method == "HEAD" else "GET", path)
        if answer.status is None:
            return Found(answer.verdict, answer.asked, answer.told)
        return Found(_judged(endpoint, method, options, answer), answer.asked, answer.told)

    async def _ask(self, method: str, path: str) -> "_Answer":
        asked = f"{method} {path}"
        if asked not in self._answers:
            self._answers[asked] = await self._asked(method, path, asked)
        return self._answers[asked]

    async def _asked(self, method: str, path: str, asked: str) -> "_Answer":
        try:
            async with self.client.stream(method, f"{self.address}{path}") as answer:
                allow = answer.headers.get("allow", "").upper()
                allowed = frozenset(filter(None, (word.strip() for word in allow.split(","))))
                return _Answer(asked, answer.status_code, allowed)
        except httpx.ConnectError:
            return _Answer(asked, None, verdict="service down", why="nobody listens")
        except (httpx.HTTPError, httpx.InvalidURL) as exc:
            why = f"no answer: {type(exc).__name__}"
            return _Answer(asked, None, why=why)


@dataclass(frozen=True, slots=True)
class _Answer:
    """To one question; without a status there was none."""

    asked: str
    status: int | None
    allow: frozenset[str] = frozenset()
    verdict: Verdict = "undecidable"
    why: str = ""

    @property
    def told(self) -> str:
        """For people."""
        allow = f", allow: {', '.join(sorted(self.allow))}" if self.allow else ""
        return self.why or f"{self.status}{allow}"


_GONE = frozenset((404, 410))
_NO_METHOD = frozenset((405, 501))
_OK, _BAD, _BROKEN = 200, 400, 500


def _judged(endpoint: Endpoint, method: str, options: _Answer, answer: _Answer) -> Verdict:
    """By what a safe method was answered: `method` itself when it is one."""
    status = answer.status or 0
    asked_itself = method in {"GET", "HEAD", ANY}
    if status in _GONE:
        # A named segment may name nothing, and a route may be for what is below it only.
        certain = endpoint.is_literal and (endpoint.exact or method != ANY)
        return "missing path" if certain and not options.allow else "undecidable"
    if status in _NO_METHOD:
        if method == ANY:
            return "ok"
        return "missing method" if asked_itself else _by_options(options)
    if status >= _BROKEN:
        return "undecidable"
    return "ok" if asked_itself else _by_options(options)


def _by_options(options: _Answer) -> Verdict:
    """Of a method that must not be tried. An answer to OPTIONS lists all of them.

    A 405 should too (RFC 9110, section 15.5.6), but frameworks that keep each method apart do not.
    """
    answered = options.status is not None and options.status < _BAD
    return "missing method" if answered and options.allow else "undecidable"


def _methods(document: Document) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for operation in document.operations:
        # What stands before the paths may be for those who come through a proxy.
        for path in (operation.full_path, operation.path):
            found.setdefault(path, set()).add(operation.method)
    return found


def _shape(path: str) -> str:
    return _NAMED.sub("{}", path)
