"""The http check: one request, and what is expected of its answer."""

import re
from collections.abc import Sequence

from intertie.runtime.checks.answer import Answer, read_answer
from intertie.runtime.checks.net import Connection, NoAnswer, PeerError, connect, no_connection
from intertie.suite.health import HttpProbe

KEPT_S = 2.0
"""A connection is kept when it is needed again this soon: servers close idle ones after about 5 s,
and one that is kept is a worker that a small server does not have for others."""

_KEEPING = {"GET", "HEAD", "OPTIONS"}
"""May be asked again when a kept connection was closed meanwhile."""
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_UNSAFE = re.compile(r"[\r\n\0]")


class HttpCheck:
    """Whether the port answers as `probe` expects. At most 64 KiB of a body are read.

    `interval_s` tells how soon it is called again. Raises ValueError for a header that cannot be
    sent.
    """

    def __init__(self, port: int, probe: HttpProbe, *, interval_s: float) -> None:
        self._port = port
        self._request = _request(port, probe)
        self._method = probe.method
        self._what = f"{probe.method} {probe.path}"
        self._expected = probe.status
        self._body = re.compile(probe.body) if probe.body else None
        closes = any(name.lower() == "connection" for name in probe.headers)
        self._keeps = interval_s <= KEPT_S and probe.method in _KEEPING and not closes
        self._kept: Connection | None = None

    async def __call__(self) -> str | None:
        """None when healthy, else the reason."""
        try:
            answer = await self._ask()
        except OSError as exc:
            return no_connection(self._port, exc)
        except PeerError as exc:
            return f"{self._what}: {exc}"
        return self._judge(answer)

    async def _ask(self) -> Answer:
        kept, self._kept = self._kept, None
        if kept is not None and kept.is_quiet():
            try:
                return await self._exchange(kept)
            except NoAnswer:
                pass  # closed in the moment we asked, which is a server's right
        return await self._exchange(await connect(self._port))

    async def _exchange(self, connection: Connection) -> Answer:
        keeps = False
        try:
            await connection.send(self._request)
            answer = await read_answer(connection, self._method)
            keeps = self._keeps and answer.keeps
        finally:
            if keeps:
                self._kept = connection
            else:
                connection.close()
        return answer

    def _judge(self, answer: Answer) -> str | None:
        if self._expected and answer.status not in self._expected:
            wanted = " or ".join(map(str, self._expected))
            return f"{self._what}: answered {answer.status}, expected {wanted}"
        if not self._expected and answer.status // 100 != 2:  # noqa: PLR2004 — any 2xx
            return f"{self._what}: answered {answer.status}"
        if self._body and not self._body.search(answer.body.decode(errors="replace")):
            return f"{self._what}: {self._body.pattern!r} is not found in the body"
        return None


def _request(port: int, probe: HttpProbe) -> bytes:
    fields = {
        "host": f"Host: 127.0.0.1:{port}",
        "user-agent": "User-Agent: intertie-check",
        "accept": "Accept: */*",
    }
    if probe.method in {"POST", "PUT", "PATCH"}:
        fields["content-length"] = "Content-Length: 0"
    fields |= {name.lower(): _field(name, value) for name, value in probe.headers.items()}
    lines: Sequence[str] = (f"{probe.method} {probe.path} HTTP/1.1", *fields.values(), "", "")
    return "\r\n".join(lines).encode()


def _field(name: str, value: str) -> str:
    """The value may be a secret, so an error does not show it."""
    if not _TOKEN.fullmatch(name):
        raise ValueError(f"cannot send the header {name!r}: it is no header name")
    if _UNSAFE.search(value):
        raise ValueError(f"cannot send the header {name!r}: its value has a line break")
    return f"{name}: {value}"
