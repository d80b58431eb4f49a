"""The authorizer's socket, spoken to byte by byte."""

import json
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anyio
import pytest
from anyio import Event, connect_unix, create_task_group, fail_after
from anyio.abc import UNIXSocketStream

from intertie.errors import StoreError
from intertie.gateway.authz.server import MAX_HEAD_BYTES, AuthzServer
from intertie.identity.principal import Principal
from intertie.limits.memory import MemoryCounters
from tests.gateway.authz.asking import authorizer
from tests.gateway.authz.people import ADA, People

pytestmark = pytest.mark.anyio

GIVEN: dict[str, Any] = {
    "routes": {"a": {}, "s": {"auth": ["session"]}},
    "limits": {"default_rate": "100/hour", "burst_rate": None},
    "max_body_bytes": 1000,
}


@dataclass
class Slow(People):
    """Sessions that are found only when the gate is open."""

    gate: Event = field(default_factory=Event)

    async def session(self, cookie: str) -> Principal | None:
        """See Sources."""
        await self.gate.wait()
        if "broken" in cookie:
            raise StoreError("cannot read sessions: the disk is gone")
        return ADA


@asynccontextmanager
async def _served(folder: Path, people: People | None = None) -> AsyncIterator[UNIXSocketStream]:
    path = folder / "a.sock"
    counters = MemoryCounters()
    made = authorizer(people, **GIVEN)
    made._counters = counters
    async with create_task_group() as group:
        await group.start(AuthzServer(made, counters, path=path).run)
        assert path.stat().st_mode & 0o777 == 0o600
        async with await connect_unix(path) as link:
            yield link
        group.cancel_scope.cancel()
    assert not path.exists()


def _request(target: str = "/check/x", **headers: str) -> bytes:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    lines = "".join(f"{name}: {value}\r\n" for name, value in named.items())
    return f"GET {target} HTTP/1.1\r\nhost: a\r\n{lines}\r\n".encode()


KEY = _request(x_intertie_route="a", x_api_key="good-key")


Answer = tuple[int, Mapping[str, str], bytes]


async def _answers(link: UNIXSocketStream, number: int) -> list[Answer]:
    """So many; what comes behind them is a fault."""
    found: list[Answer] = []
    data = b""
    with fail_after(30):
        while len(found) < number:
            data += await link.receive()
            while b"\r\n\r\n" in data:
                head, _, rest = data.partition(b"\r\n\r\n")
                first, *lines = head.decode().split("\r\n")
                headers = dict(line.split(": ", 1) for line in lines)
                size = int(headers["content-length"])
                if len(rest) < size:
                    break
                found.append((int(first.split()[1]), headers, rest[:size]))
                data = rest[size:]
    assert data == b""
    return found


async def test_a_connection_is_used_again_and_requests_may_be_sent_together(
    tmp_path: Path,
) -> None:
    """Each gets its answer, in order."""
    async with _served(tmp_path) as link:
        await link.send(KEY)
        first = await _answers(link, 1)
        await link.send(KEY + _request(x_intertie_route="none") + KEY)
        others = await _answers(link, 3)

    assert [status for status, _, _ in first + others] == [200, 200, 403, 200]
    assert others[-1][1]["ratelimit"].startswith('"default";r=97')


async def test_an_answer_that_takes_long_holds_only_those_behind_it(tmp_path: Path) -> None:
    """Order is kept on a connection; other connections go on."""
    people = Slow()
    slow = _request(x_intertie_route="s", cookie="intertie=1")
    async with _served(tmp_path, people) as link:
        await link.send(slow + KEY)
        async with await connect_unix(tmp_path / "a.sock") as other:
            await other.send(KEY)
            assert (await _answers(other, 1))[0][0] == 200
        people.gate.set()
        found = await _answers(link, 2)

    assert [headers["x-client-id"] for _, headers, _ in found] == ["user:ada", "key:3f9a"]


async def test_requests_may_come_byte_by_byte(tmp_path: Path) -> None:
    """As TCP may deliver them."""
    async with _served(tmp_path) as link:
        for position in range(len(KEY)):
            await link.send(KEY[position : position + 1])
        found = await _answers(link, 1)

    assert found[0][0] == 200


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"nonsense\r\n\r\n", 400),
        (_request(x="y" * MAX_HEAD_BYTES), 413),
        (b"GET /check" + b"x" * 2 * MAX_HEAD_BYTES + b" HTTP/1.1\r\n\r\n", 413),
        (b"POST /check HTTP/1.1\r\ncontent-length: 900000\r\n\r\n" + b"x" * 100_000, 413),
        (b"GET /check HTTP/1.1\r\n" + b"a: b\r\n" * 20_000 + b"\r\n", 413),
    ],
)
async def test_what_is_broken_or_too_large_ends_the_connection(
    tmp_path: Path, data: bytes, status: int
) -> None:
    """And nothing else: the next connection is served."""
    async with _served(tmp_path) as link:
        with anyio.fail_after(30):
            with suppress(anyio.BrokenResourceError):
                await link.send(data)
            answer = await link.receive()
        async with await connect_unix(tmp_path / "a.sock") as other:
            await other.send(KEY)
            assert (await _answers(other, 1))[0][0] == 200

    assert answer.startswith(f"HTTP/1.1 {status} ".encode())


async def test_a_source_that_fails_is_503_and_no_end(tmp_path: Path) -> None:
    """Nobody comes in; the next one is served."""
    people = Slow()
    people.gate.set()
    async with _served(tmp_path, people) as link:
        await link.send(_request(x_intertie_route="s", cookie="broken") + KEY)
        found = await _answers(link, 2)

    assert [status for status, _, _ in found] == [503, 200]
    assert b"disk" not in found[0][2]


async def test_a_client_that_goes_away_leaves_nothing(tmp_path: Path) -> None:
    """Its answer comes too late, and harms nobody."""
    people = Slow()
    async with _served(tmp_path, people) as link:
        other = await connect_unix(tmp_path / "a.sock")
        await other.send(_request(x_intertie_route="s", cookie="a=b"))
        await other.aclose()
        people.gate.set()
        await link.send(KEY)
        found = await _answers(link, 1)

    assert found[0][0] == 200


async def test_usage_is_told_to_the_client_itself_and_to_the_daemon(tmp_path: Path) -> None:
    """The client is who the gateway says; the daemon may ask for anybody."""
    async with _served(tmp_path) as link:
        await link.send(KEY + _request("/own-usage", x_client_id="key:3f9a", x_tenant_id="acme"))
        await link.send(_request("/usage?client=key:3f9a&tenant=acme") + _request("/own-usage"))
        await link.send(_request("/usage?client=nobody") + _request("/else"))
        found = await _answers(link, 6)

    assert [status for status, _, _ in found] == [200, 200, 200, 401, 400, 404]
    own, anybody = (json.loads(body) for _, _, body in found[1:3])
    assert own == anybody
    assert own["policies"][0]["used"] == 1


async def test_a_socket_left_behind_is_in_nobodys_way(tmp_path: Path) -> None:
    """As after SIGKILL."""
    with socket.socket(socket.AF_UNIX) as old:
        old.bind(str(tmp_path / "a.sock"))
    async with _served(tmp_path) as link:
        await link.send(KEY)
        assert (await _answers(link, 1))[0][0] == 200
