"""Services of others, asked by a real Envoy over real TLS."""

import json
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
import trustme
from anyio import (
    TASK_STATUS_IGNORED,
    BrokenResourceError,
    EndOfStream,
    IncompleteRead,
    create_task_group,
    create_tcp_listener,
)
from anyio.abc import AnyByteStream, SocketAttribute, TaskStatus
from anyio.streams.buffered import BufferedByteReceiveStream
from anyio.streams.tls import TLSListener

from intertie.gateway.clusters import clusters
from intertie.gateway.external import PRIVATE, secrets, verified
from intertie.suite.external import External
from tests.gateway.rules import routes
from tests.gateway.stage import client, door, suite_of, upstream
from tests.waiting import eventually

pytestmark = pytest.mark.anyio

LOCAL = "127.0.0.1"
NAME = "api.example"
_HEAD_BYTES = 65536


class Far:
    """A server of others on a free port; it tells what it was asked, and remembers it."""

    def __init__(self, name: str | None = NAME) -> None:
        self.authority = trustme.CA()
        self.asked: list[dict[str, str]] = []
        self.port = 0
        self._context: ssl.SSLContext | None = None
        if name is not None:
            self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.authority.issue_cert(name).configure_cert(self._context)

    async def serve(self, *, task_status: TaskStatus[int] = TASK_STATUS_IGNORED) -> None:
        """Until cancelled."""
        plain = await create_tcp_listener(local_host=LOCAL)
        self.port = plain.extra(SocketAttribute.local_port)  # noqa: S610 - not of Django
        listener = TLSListener(plain, self._context) if self._context else plain
        async with listener:
            task_status.started(self.port)
            await listener.serve(self._answer)

    async def _answer(self, stream: AnyByteStream) -> None:
        with suppress(BrokenResourceError, EndOfStream, IncompleteRead, ssl.SSLError):
            async with stream:
                reader = BufferedByteReceiveStream(stream)
                head = await reader.receive_until(b"\r\n\r\n", _HEAD_BYTES)
                lines = [line.partition(": ") for line in head.decode().split("\r\n")[1:]]
                self.asked.append({name: value for name, _, value in lines})
                body = json.dumps(self.asked[-1]).encode()
                told = f"HTTP/1.1 200 OK\r\ncontent-length: {len(body)}\r\nconnection: close"
                await stream.send(f"{told}\r\n\r\n".encode() + body)


@asynccontextmanager
async def far(name: str | None = NAME) -> AsyncIterator[Far]:
    """A running one."""
    made = Far(name)
    async with create_task_group() as group:
        await group.start(made.serve)
        yield made
        group.cancel_scope.cancel()


def said(there: Far, folder: Path, **changes: Any) -> dict[str, Any]:
    """What a suite says of it."""
    file = folder / "ca.pem"
    there.authority.cert_pem.write_to_path(str(file))
    place = [f"{LOCAL}:{there.port}"]
    return {"url": f"https://{NAME}", "addresses": place, "ca_file": str(file), **changes}


@asynccontextmanager
async def asked_by(
    folder: Path, external: Mapping[str, Any], *given: Mapping[str, Any], **services: int
) -> AsyncIterator[Any]:
    """A gateway with these routes, and a client of it that has a token, a key and a cookie."""
    caching: dict[str, Any] = {"caching": {}} if any("cache_ttl" in each for each in given) else {}
    keys: dict[str, Any] = {"external": {"far": external}, **caching}
    suite = suite_of(*given, **keys)
    # What others run is none of the suite's services.
    kept = {name: each for name, each in suite.services.items() if name != "far"}
    suite = suite.model_copy(update={"services": kept})
    async with AsyncExitStack() as stack:
        ports = {name: [port] for name, port in services.items()}
        made = await stack.enter_async_context(door(folder, suite, ports))
        http = await stack.enter_async_context(client(made))
        http.headers.update({**made.bearer(), "cookie": "a=b", "x-api-key": "k"})
        yield http


def test_it_is_found_by_its_name_and_must_prove_it() -> None:
    """By DNS unless its addresses are said; a host that is an address proves that."""
    wanted = {"far": {"url": f"https://{NAME}:8443"}}
    made = routes({"path": "/", "service": "far"}, external=wanted)
    [cluster] = clusters(made)

    assert cluster["type"] == "STRICT_DNS"
    assert "eds_cluster_config" not in cluster
    tls = cluster["transport_socket"]["typed_config"]
    assert tls["sni"] == NAME
    of_address = verified("10.0.0.7")
    [name] = of_address["common_tls_context"]["validation_context"]["match_typed_subject_alt_names"]
    assert name == {"san_type": "IP_ADDRESS", "matcher": {"exact": "10.0.0.7"}}
    assert "sni" not in of_address


def test_who_asks_is_told_only_where_that_is_wanted() -> None:
    """A service of the suite is told; one of others is not, unless the suite says so."""
    assert secrets(None) == []
    assert secrets(External(url="https://a.example")) == [*PRIVATE]
    assert secrets(External(url="https://a.example", forward_identity=True)) == []


@pytest.mark.slow
async def test_it_is_asked_by_its_own_name_and_not_told_who_asks(tmp_path: Path) -> None:
    """The credentials of the suite's users are of no use to others, and none of their business."""
    key = {"request_headers": {"set": {"authorization": "ours"}}}
    plain, keyed = {"path": "/", "service": "far"}, {"path": "/keyed", "service": "far", **key}
    named = {"path": "/named", "service": "far", "host_rewrite": "other.example"}
    async with (
        far() as there,
        asked_by(tmp_path, said(there, tmp_path), plain, keyed, named) as http,
    ):
        told = (await http.get("/")).json()
        with_key = (await http.get("/keyed")).json()
        by_name = (await http.get("/named")).json()

    assert told["host"] == NAME
    assert not set(PRIVATE) & told.keys()
    assert with_key["authorization"] == "ours"
    assert by_name["host"] == "other.example"


@pytest.mark.slow
async def test_it_may_be_told_who_asks(tmp_path: Path) -> None:
    """Where the suite trusts it so far."""
    route = {"path": "/", "service": "far"}
    async with (
        far() as there,
        asked_by(tmp_path, said(there, tmp_path, forward_identity=True), route) as http,
    ):
        told = (await http.get("/")).json()

    assert json.loads(told["x-forwarded-user"])["sub"] == "ada"
    assert told["cookie"] == "a=b"


@pytest.mark.slow
@pytest.mark.parametrize("fault", ["name", "authority"])
async def test_who_cannot_prove_its_name_is_not_asked(tmp_path: Path, fault: str) -> None:
    """By a certificate of another host, or of somebody who may not vouch."""
    async with far("other.example" if fault == "name" else NAME) as there:
        wanted = said(there, tmp_path)
        if fault == "authority":
            trustme.CA().cert_pem.write_to_path(str(tmp_path / "ca.pem"))
        async with asked_by(tmp_path, wanted, {"path": "/", "service": "far"}) as http:
            answer = await http.get("/")

    assert answer.status_code == 503
    assert there.asked == []


@pytest.mark.slow
async def test_dns_says_where_it_is(tmp_path: Path) -> None:
    """Unencrypted where the suite says so."""
    async with far(None) as there:
        wanted = {"url": f"http://localhost:{there.port}"}
        async with asked_by(tmp_path, wanted, {"path": "/", "service": "far"}) as http:
            told = (await http.get("/")).json()

    assert told["host"] == f"localhost:{there.port}"


@pytest.mark.slow
async def test_it_shares_requests_with_a_service_of_the_suite(tmp_path: Path) -> None:
    """Each is told what it may know: the service the client's host, and who asks."""
    parts = [{"service": "far", "weight": 1}, {"service": "web", "weight": 1}]
    async with (
        far() as there,
        upstream("web") as web,
        asked_by(
            tmp_path, said(there, tmp_path), {"path": "/", "split": parts}, web=web.port
        ) as http,
    ):
        answers = [
            (await http.get("/", headers={"host": "shop.example"})).json() for _ in range(40)
        ]

    own = [each["headers"] for each in answers if "service" in each]
    others = [each for each in answers if "service" not in each]
    assert {each["host"] for each in own} == {"shop.example"}
    assert {each["host"] for each in others} == {NAME}
    assert all("x-forwarded-user" in each for each in own)
    assert not any(set(PRIVATE) & each.keys() for each in others)


@pytest.mark.slow
async def test_copies_of_requests_do_not_say_who_asks(tmp_path: Path) -> None:
    """The request itself does, to the service of the suite."""
    route = {"path": "/", "service": "web", "mirror": {"service": "far"}}
    async with (
        far() as there,
        upstream("web") as web,
        asked_by(tmp_path, said(there, tmp_path), route, web=web.port) as http,
    ):
        told = (await http.get("/")).json()["headers"]
        await eventually(lambda: bool(there.asked), 60)

    assert "x-forwarded-user" in told
    assert not set(PRIVATE) & there.asked[0].keys()
    assert there.asked[0]["host"] == NAME


@pytest.mark.slow
async def test_it_is_asked_by_its_own_name_also_by_way_of_the_cache(tmp_path: Path) -> None:
    """Here through the inner listener, as the cache asks."""
    route = {"path": "/", "service": "far", "cache_ttl": "1m"}
    async with far() as there, asked_by(tmp_path, said(there, tmp_path), route) as http:
        told = (await http.get("/")).json()

    assert told["host"] == NAME
    assert not {*PRIVATE, "x-intertie-origin"} & told.keys()
