"""HTTP/1.1 on a unix socket, for Envoy and for the daemon: the quickest that Python can do.

One question costs a few microseconds; a framework would cost more than Envoy itself.
"""

import asyncio
import json
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import cast
from urllib.parse import parse_qs, urlsplit

import httptools
from anyio import TASK_STATUS_IGNORED, create_task_group, sleep_forever, to_thread
from anyio.abc import TaskGroup, TaskStatus

from intertie.errors import BusError, IntertieError
from intertie.gateway.authz.answer import Refusal, document, refusal
from intertie.gateway.authz.authorizer import Authorizer
from intertie.gateway.authz.heads import Heads
from intertie.gateway.authz.incidents import EVENTS
from intertie.gateway.authz.question import ABOUT, CHECK_PREFIX, Question
from intertie.gateway.authz.settings import GENERATION, digest
from intertie.gateway.authz.usage import as_json, usage
from intertie.gateway.xds import CLIENT_HEADER, IDENTITY_HEADER, KEY_HEADER, TENANT_HEADER
from intertie.limits.counters import Counters
from intertie.suite.values import DEFAULT_TENANT

MAX_HEAD_BYTES = 64 * 1024
MAX_WAITING = 256
"""Requests of one connection that wait for an answer; more are not read."""
OWN_USAGE, ANY_USAGE = "/own-usage", "/usage"
"""For the client itself, by the identity the gateway gives it; for the daemon, by its query."""
MAX_UNREAD_BYTES = 1024 * 1024
MAX_DIGITS = 18
_JSON = "application/json"
_OWNER_ONLY = 0o600
_KNOWN = {
    name.encode(): name
    for name in (*(KEY_HEADER, IDENTITY_HEADER, CLIENT_HEADER, TENANT_HEADER), *ABOUT, "host")
}
"""Names that are in most requests, decoded once."""
_AROUND_HEADER = len(": \r\n")

_TOO_LARGE = Refusal(413, "too_large", "cannot take a request as large as this")
_NO_SOURCE = Refusal(503, "source_away", "cannot look up who this is", "auth")
_COUNTERS_AWAY = Refusal(503, "limits_away", "cannot read the counters: they are away", "limits")

log = logging.getLogger(__name__)

Reply = bytes | None
Ask = Callable[[Question], Awaitable[bytes]]


class AuthzServer:
    """Serves while `run` does."""

    def __init__(self, authorizer: Authorizer, counters: Counters, *, path: Path) -> None:
        self._authorizer = authorizer
        self._counters = counters
        self._path = path
        self.heads = Heads()
        """Of all connections."""

    async def run(self, *, task_status: TaskStatus[None] = TASK_STATUS_IGNORED) -> None:
        """Listen; told once connections are taken. The socket is this user's only."""
        loop = asyncio.get_running_loop()
        open_ones: set[Connection] = set()
        async with create_task_group() as group:
            server = await loop.create_unix_server(
                lambda: Connection(self, group, open_ones), await self._bind()
            )
            try:
                await to_thread.run_sync(self._path.chmod, _OWNER_ONLY)
                task_status.started()
                await sleep_forever()
            finally:
                server.close()
                for each in list(open_ones):
                    each.close()
                self._path.unlink(missing_ok=True)

    @property
    def max_body_bytes(self) -> int:
        """Of one request."""
        return self._authorizer.settings.max_body_bytes

    def quick(self, question: Question) -> bytes | None:
        """The answer to a check, if it needs no waiting."""
        return self._authorizer.quick(question)

    async def check(self, question: Question) -> bytes:
        """The answer to a check."""
        try:
            return await self._authorizer.check(question)
        except IntertieError as exc:
            log.error("cannot check a request", extra={"reason": str(exc)})
            return _failed(question, _NO_SOURCE)

    async def direct(self, question: Question) -> bytes:
        """The answer to a request that is not about another one."""
        url = urlsplit(question.target)
        if url.path == GENERATION:
            return document(200, digest(self._authorizer.settings).encode(), kind="text/plain")
        if url.path == EVENTS:
            return self._events(parse_qs(url.query).get("after", ["0"])[0])
        if url.path == OWN_USAGE:
            headers = question.headers
            return await self._usage(
                question, headers.get(CLIENT_HEADER), headers.get(TENANT_HEADER)
            )
        if url.path == ANY_USAGE:
            query = parse_qs(url.query)
            client, tenant = query.get("client", [""])[0], query.get("tenant", [""])[0]
            return await self._usage(question, client, tenant)
        return _failed(question, Refusal(404, "not_found", "cannot find anything here"))

    def _events(self, after: str) -> bytes:
        number = (
            int(after) if after.isascii() and after.isdigit() and len(after) < MAX_DIGITS else 0
        )
        found = self._authorizer.incidents.after(number)
        return document(200, found.model_dump_json().encode(), kind=_JSON)

    async def _usage(self, question: Question, client: str | None, tenant: str | None) -> bytes:
        if not client:
            return _failed(question, Refusal(401, "no_client", "cannot tell whose usage to show"))
        where = tenant or DEFAULT_TENANT
        try:
            found = await usage(
                client, where, settings=self._authorizer.settings, counters=self._counters
            )
        except ValueError as exc:
            return _failed(question, Refusal(400, "bad_client", str(exc)))
        except BusError:
            return _failed(question, _COUNTERS_AWAY)
        return document(200, json.dumps(as_json(client, where, found)).encode(), kind=_JSON)

    async def _bind(self) -> Path:
        """A socket that a killed process left behind is in nobody's way."""
        await to_thread.run_sync(lambda: self._path.unlink(missing_ok=True))
        return self._path


class Connection(asyncio.Protocol):
    """One of Envoy's connections: questions are answered in the order they came."""

    def __init__(self, server: AuthzServer, group: TaskGroup, open_ones: "set[Connection]") -> None:
        self._server = server
        self._group = group
        self._open_ones = open_ones
        self._parser = httptools.HttpRequestParser(self)
        self._transport: asyncio.Transport | None = None
        self._slots: deque[list[Reply]] = deque()
        self._size = self._unread = 0
        self._target = b""
        self._headers: dict[str, str] = {}
        self._body: list[bytes] = []
        self._begun = self._read = 0
        """Requests so far; the two differ while one is half read."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See asyncio.Protocol."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is none by inheritance
        self._open_ones.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """See asyncio.Protocol."""
        self._open_ones.discard(self)
        self._transport = None

    def close(self) -> None:
        """At once."""
        if self._transport is not None:
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        """See asyncio.Protocol."""
        before = self._read
        if self._begun != before:
            self._feed(data)
            return
        if (question := self._server.heads.question(data)) is not None:
            self._answer(question, is_check=True)
            return
        self._feed(data)
        is_one = self._begun == self._read == before + 1
        if is_one and not self._body and self._parser.should_keep_alive():
            self._server.heads.learn(data, self._headers)

    def _feed(self, data: bytes) -> None:
        self._unread += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self.close()  # Envoy asks for none here
        except httptools.HttpParserError:
            self._hang_up(Refusal(400, "bad_request", "cannot read this request"))
        # What the parser holds of a name that does not end is told to nobody.
        if self._unread > MAX_UNREAD_BYTES + self._server.max_body_bytes:
            self._hang_up(_TOO_LARGE)

    def on_message_begin(self) -> None:
        """See httptools."""
        self._target, self._headers, self._body = b"", {}, []
        self._begun += 1

    def on_url(self, url: bytes) -> None:
        """See httptools."""
        self._target += url
        self._guard(len(url), MAX_HEAD_BYTES)

    def on_header(self, name: bytes, value: bytes) -> None:
        """See httptools. Twice the same is one, joined as RFC 9110 says."""
        self._size += len(name) + len(value) + _AROUND_HEADER
        if self._size > MAX_HEAD_BYTES:
            self._hang_up(_TOO_LARGE)
        if (key := _KNOWN.get(name)) is None:
            key = name.decode("latin-1").lower()
        text = value.decode("latin-1")
        if key in self._headers:
            joint = "; " if key == "cookie" else ", "
            text = f"{self._headers[key]}{joint}{text}"
        self._headers[key] = text

    def on_body(self, body: bytes) -> None:
        """See httptools."""
        self._body.append(body)
        self._guard(len(body), MAX_HEAD_BYTES + self._server.max_body_bytes)

    def on_message_complete(self) -> None:
        """See httptools."""
        self._size = self._unread = 0
        self._read += 1
        target = self._target.decode("latin-1")
        is_check = target.startswith(CHECK_PREFIX)
        question = Question(
            self._parser.get_method().decode("latin-1"),
            target.removeprefix(CHECK_PREFIX),
            self._headers,
            b"".join(self._body),
        )
        self._answer(question, is_check=is_check)

    def _answer(self, question: Question, *, is_check: bool) -> None:
        if self._transport is None or self._transport.is_closing():
            return  # the rest of what was refused
        answer = self._server.quick(question) if is_check else None
        if answer is not None and not self._slots:
            self._write(answer)
            return
        slot = [answer]
        self._slots.append(slot)
        if answer is None:
            ask = self._server.check if is_check else self._server.direct
            self._group.start_soon(self._later, ask, question, slot)
        self._pause_if_full()

    async def _later(self, ask: Ask, question: Question, slot: list[Reply]) -> None:
        slot[0] = await ask(question)
        while self._slots and (ready := self._slots[0][0]) is not None:
            self._slots.popleft()
            self._write(ready)
        self._resume()

    def _pause_if_full(self) -> None:
        if len(self._slots) >= MAX_WAITING and self._transport is not None:
            self._transport.pause_reading()

    def _resume(self) -> None:
        if len(self._slots) < MAX_WAITING and self._transport is not None:
            self._transport.resume_reading()

    def _write(self, answer: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(answer)

    def _guard(self, more: int, most: int) -> None:
        self._size += more
        if self._size > most:
            self._hang_up(_TOO_LARGE)

    def _hang_up(self, refused: Refusal) -> None:
        self._write(refusal(refused, route="", request_id=""))
        if self._transport is not None:
            self._transport.close()


def _failed(question: Question, refused: Refusal) -> bytes:
    return refusal(refused, route="", request_id=question.request_id)
