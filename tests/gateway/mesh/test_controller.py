"""Calls between real services through real sidecars: who gets through, and what is lost."""

import socket
import ssl
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from pathlib import Path
from threading import Event

import grpc
import httpx
import psutil
import pytest
from anyio import create_task_group, fail_after, sleep, to_thread
from websockets.asyncio.client import connect

from intertie.errors import GatewayError
from intertie.gateway.admin import Admin
from intertie.gateway.mesh.controller import domain_of
from intertie.identity.authority import Authority
from intertie.plan import Replica, State
from intertie.runtime.component import Status
from intertie.suite.mesh import Mesh
from tests.gateway.mesh.stage import (
    Clock,
    Load,
    Town,
    client,
    gateway,
    handshake,
    service,
    suite_of,
    town,
)
from tests.waiting import eventually

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

REFUSED = (ssl.SSLError, ConnectionError)
SHOP = {"web": {"depends_on": ["api.v1"]}, "api.v1": {}, "apixv1": {}}


def context(made: Town, cert: Path | None = None, key: Path | None = None) -> ssl.SSLContext:
    """A client that trusts the suite's authority, whoever answers."""
    found = ssl.create_default_context(cadata=made.authority.root)
    found.check_hostname = False
    if cert is not None:
        found.load_cert_chain(cert, key)
    return found


async def test_a_declared_call_passes_with_the_callers_identity(tmp_path: Path) -> None:
    """The service learns who calls, whatever the caller says of itself."""
    lies = {"x-forwarded-service": "spiffe://shop/root", "x-forwarded-client-cert": "URI=root"}
    async with (
        service() as port,
        town(tmp_path, suite_of(SHOP), {"api.v1": (port,)}) as made,
        client() as http,
    ):
        answer = await http.post(f"{made.url('web', 'api.v1')}/a?b=1", content=b"x", headers=lies)

    told = answer.json()
    assert told["path"] == "/a"
    assert told["size_bytes"] == 1
    assert told["headers"]["x-forwarded-service"] == "spiffe://shop/web"
    assert told["headers"]["x-forwarded-client-cert"].startswith("By=spiffe://shop/api.v1;Hash=")
    assert told["headers"]["x-forwarded-client-cert"].endswith("URI=spiffe://shop/web")
    assert "root" not in answer.text


async def test_services_are_found_by_name(tmp_path: Path) -> None:
    """`<service>.mesh`, with any port and in any case; who may not be called is refused."""
    hosts = ["api.v1.mesh", "API.v1.mesh:80", "apixv1.mesh", "apizv1.mesh", "web.mesh"]
    async with service() as port, town(tmp_path, suite_of(SHOP), {"api.v1": (port,)}) as made:
        async with client() as http:
            url = made.names_url("web")
            got = [(await http.get(url, headers={"host": h})).status_code for h in hosts]
        await eventually(lambda: bool(made.refused("web")), 60)

    assert got == [200, 200, 403, 404, 404]
    [line] = made.refused("web")
    assert (line["caller"], line["target"]) == ("spiffe://shop/web", "spiffe://shop/apixv1")


async def test_an_undeclared_caller_is_refused_by_the_other_side(tmp_path: Path) -> None:
    """403 with both identities, also for a name that differs where a regex would not."""
    mesh = Mesh(allow={"web": ("api.v1",)})
    suite = suite_of(SHOP)
    async with service() as port, town(tmp_path, suite, {"web": (port,)}, mesh=mesh) as made:
        answers = {}
        for name in ("api.v1", "apixv1"):
            cert, key = made.files(name)
            async with httpx.AsyncClient(verify=context(made, cert, key), timeout=30) as http:
                answers[name] = await http.get(f"https://127.0.0.1:{made.inbound('web')}/")
        await eventually(lambda: bool(made.refused("web")), 60)

    assert answers["api.v1"].status_code == 200
    assert answers["apixv1"].status_code == 403
    assert "spiffe://shop/web as spiffe://shop/apixv1" in answers["apixv1"].json()["detail"]
    [line] = made.refused("web")
    assert (line["caller"], line["target"]) == ("spiffe://shop/apixv1", "spiffe://shop/web")


async def test_who_shows_no_good_certificate_is_refused(tmp_path: Path) -> None:
    """None, one of another authority, of another suite, an ended one, and plain text."""
    suite = suite_of({"web": {}, "api": {"depends_on": ["web"]}})
    late = Clock()
    late.ahead = timedelta(hours=-2)
    async with service() as port, town(tmp_path, suite, {"web": (port,)}) as made:
        authority = Authority.open(tmp_path / "keys", "shop", now=late)
        foreign = Authority.open(tmp_path / "foreign", "shop", now=made.clock)
        elsewhere = Authority.open(tmp_path / "keys", "shops", now=made.clock)
        hour = timedelta(hours=1)
        shown = (
            made.files("ended", authority.issue("api", lifetime=hour)),
            made.files("foreign", foreign.issue("api", lifetime=hour)),
            made.files("elsewhere", elsewhere.issue("api", lifetime=hour)),
            made.files("server", authority.issue_server(["web"], lifetime=3 * hour)),
        )
        target = made.inbound("web")
        await to_thread.run_sync(handshake, target, context(made, *made.files("api")))
        old = context(made, *made.files("api"))
        old.maximum_version = ssl.TLSVersion.TLSv1_2
        for bad in (*(context(made, *pair) for pair in shown), context(made), old):
            with pytest.raises(REFUSED):
                await to_thread.run_sync(handshake, target, bad)
        async with client() as http:
            with pytest.raises(httpx.TransportError):
                await http.get(f"http://127.0.0.1:{target}/")
        why = await Admin(made.home / "web").stats(r"\.ssl\.fail_verify_(error|san|no_cert)$")

    assert why is not None
    counted = {name.rpartition("fail_verify_")[2]: count for name, count in why.items()}
    assert counted == {"error": "3", "san": "1", "no_cert": "1"}


async def test_a_server_with_another_identity_is_not_believed(tmp_path: Path) -> None:
    """Who sits on the port of a service, with a certificate of another one, gets no request."""
    asked: list[bytes] = []
    over = Event()
    async with service() as port, town(tmp_path, suite_of(SHOP), {"api.v1": (port,)}) as made:
        await made.kill("api.v1")
        server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        server.load_cert_chain(*made.files("apixv1"))
        with socket.create_server(("127.0.0.1", made.inbound("api.v1"))) as listener:
            listener.settimeout(0.2)
            async with create_task_group() as group, client() as http:
                group.start_soon(
                    to_thread.run_sync, partial(_impostor, listener, server, asked, over=over)
                )
                try:
                    answer = await http.get(made.url("web", "api.v1"))
                finally:
                    over.set()

    assert answer.status_code == 503
    assert "CERTIFICATE_VERIFY_FAILED" in answer.text
    assert asked == []


def _impostor(
    listener: socket.socket, server: ssl.SSLContext, asked: list[bytes], *, over: Event
) -> None:
    while not over.is_set():
        try:
            plain, _ = listener.accept()
        except TimeoutError:
            continue
        plain.settimeout(5)
        try:
            with server.wrap_socket(plain, server_side=True) as made:
                if found := made.recv(100):
                    asked.append(found)
        except OSError:
            continue


async def test_renewal_loses_nothing(tmp_path: Path) -> None:
    """All certificates renewed 20 times under load: each new one is used, no call is lost."""
    load = Load()
    async with (
        service() as port,
        town(tmp_path, suite_of(SHOP), {"api.v1": (port,)}) as made,
        create_task_group() as group,
    ):
        for _ in range(4):
            group.start_soon(load.call, made.url("web", "api.v1"))
        for _ in range(20):
            made.certificates.keep(())
            await made.controller.prepare()
            await _shown(made)
            await load.more(5)
        load.over = True

    assert load.failed == []
    assert load.done >= 100


async def _shown(made: Town) -> None:
    """Return once the service's sidecar shows its newest certificate."""
    chain = made.certificates.current("api.v1").chain
    wanted = ssl.PEM_cert_to_DER_cert(chain)
    trust = context(made, *made.files("web"))
    with fail_after(60):
        while await to_thread.run_sync(handshake, made.inbound("api.v1"), trust) != wanted:  # noqa: ASYNC110
            await sleep(0.002)


async def test_certificates_are_renewed_at_half_their_life(tmp_path: Path) -> None:
    """By the clock, without anything else happening; before that they stay."""
    mesh, clock = Mesh(certificate_lifetime=60), Clock()
    suite = suite_of({"web": {}, "api": {"depends_on": ["web"]}})
    async with (
        service() as port,
        town(tmp_path, suite, {"web": (port,)}, mesh=mesh, clock=clock) as made,
        client() as http,
    ):
        homes = (made.home / "web", made.home / "api", tmp_path / "gateway")
        files = [home / "secrets" / "identity.json" for home in homes]
        first = [file.read_text() for file in files]
        due_s = made.certificates.due_s()
        assert due_s is not None
        clock.ahead = timedelta(seconds=due_s - 10)
        await made.controller.prepare()
        same = [file.read_text() for file in files]
        before = (await http.get(made.url("api", "web"))).status_code
        clock.ahead = timedelta(seconds=due_s - 1)
        made.tell()
        await eventually(lambda: [file.read_text() for file in files] != first, 60)
        after = (await http.get(made.url("api", "web"))).status_code

    assert same == first
    assert (before, after) == (200, 200)
    for file in files:
        modes = (file.stat().st_mode & 0o777, file.parent.stat().st_mode & 0o777)
        assert modes == (0o600, 0o700)


async def test_a_dead_sidecar_takes_nobody_along(tmp_path: Path) -> None:
    """Killed and started anew it serves again; the others have not noticed."""
    services = {"web": {"depends_on": ["one", "two"]}, "one": {}, "two": {}}
    load = Load()
    async with (
        service() as port,
        town(tmp_path, suite_of(services), {"one": (port,), "two": (port,)}) as made,
        client() as http,
        create_task_group() as group,
    ):
        group.start_soon(load.call, made.url("web", "two"))
        await made.kill("one")
        gone = await http.get(made.url("web", "one"))
        await made.start("one")
        back = await http.get(made.url("web", "one"))
        await load.more(20)
        load.over = True
        assert (gone.status_code, back.status_code) == (503, 200)

    assert load.failed == []


async def test_replicas_come_and_go_without_loss(tmp_path: Path) -> None:
    """A replica that is drained gets nothing new; a service without replicas answers 503."""
    load = Load()
    async with (
        service() as one,
        service() as two,
        town(tmp_path, suite_of(SHOP), {"api.v1": (one,)}) as made,
        client() as http,
        create_task_group() as group,
    ):
        group.start_soon(load.call, made.url("web", "api.v1"))
        replica = Replica("api.v1", 0, State.RUNNING, 1, one, made.clock(), 0, "")
        for ports in ((one, two), (two,), (one,), (two, one)) * 5:
            made.ports["api.v1"] = ports
            await made.controller.drained(replica)
            await load.more()
        load.over = True
        made.ports["api.v1"] = ()
        await made.controller.drained(replica)
        empty = await http.get(made.url("web", "api.v1"))
        assert empty.status_code == 503

    assert load.failed == []


async def test_who_may_call_changes_while_all_runs(tmp_path: Path) -> None:
    """A new right opens a port and an old one ends, without a lost call of the others."""
    load = Load()
    suite = suite_of(SHOP)
    async with service() as port:
        ports = {"api.v1": (port,), "apixv1": (port,)}
        async with (
            town(tmp_path, suite, ports) as made,
            client() as http,
            create_task_group() as group,
        ):
            group.start_soon(load.call, made.url("web", "api.v1"))
            for _ in range(5):
                more = domain_of(suite, Mesh(allow={"apixv1": ("web",)}), made.layout)
                await made.controller.set_domain(more)
                new = await http.get(made.url("web", "apixv1"))
                await made.controller.set_domain(domain_of(suite, Mesh(), made.layout))
                cert, key = made.files("web")
                async with httpx.AsyncClient(verify=context(made, cert, key), timeout=30) as rogue:
                    old = await rogue.get(f"https://127.0.0.1:{made.inbound('apixv1')}/")
                assert (new.status_code, old.status_code) == (200, 403)
            await load.more()
            load.over = True

    assert load.failed == []


async def test_a_change_that_one_refuses_is_taken_back_by_all(tmp_path: Path) -> None:
    """A port that another program took is told; once it is free, the same change goes through."""
    suite = suite_of({"web": {}, "api": {}})
    async with service() as port, town(tmp_path, suite, {"api": (port,)}) as made:
        more = domain_of(suite, Mesh(allow={"api": ("web",)}), made.layout)
        taken = ("127.0.0.1", more.doors["web"].egress["api"])
        with (
            socket.create_server(taken),
            pytest.raises(GatewayError, match="cannot change the sidecar"),
        ):
            await made.controller.set_domain(more)
        assert made.controller.health().status is Status.UP
        await made.controller.set_domain(more)
        async with client() as http:
            answer = await http.get(made.url("web", "api"))

    assert answer.status_code == 200


async def test_grpc_passes(tmp_path: Path) -> None:
    """HTTP/2 from end to end: a call, a stream, and the status at its end."""
    server = grpc.server(ThreadPoolExecutor(2))
    server.add_generic_rpc_handlers((Shout(),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        async with town(tmp_path, suite_of(SHOP), {"api.v1": (port,)}) as made:
            address = made.url("web", "api.v1").removeprefix("http://")
            told = await to_thread.run_sync(_shout, address)
    finally:
        server.stop(None).wait()

    assert told == (b"HEY spiffe://shop/web", [b"A", b"B"], grpc.StatusCode.NOT_FOUND)


class Shout(grpc.GenericRpcHandler):
    """Answers in capitals, with who asked."""

    def service(
        self, handler_call_details: grpc.HandlerCallDetails
    ) -> "grpc.RpcMethodHandler[bytes, bytes]":
        """Of two methods."""
        who = str(dict(handler_call_details.invocation_metadata)["x-forwarded-service"]).encode()
        if handler_call_details.method == "/shout/one":
            return grpc.unary_unary_rpc_method_handler(lambda text, _: text.upper() + b" " + who)
        if handler_call_details.method == "/shout/many":
            return grpc.stream_stream_rpc_method_handler(
                lambda texts, _: (text.upper() for text in texts)
            )
        return grpc.unary_unary_rpc_method_handler(_none)


def _none(_: bytes, context: grpc.ServicerContext) -> bytes:
    context.abort(grpc.StatusCode.NOT_FOUND, "no such thing")
    raise AssertionError


def _shout(address: str) -> tuple[bytes, list[bytes], grpc.StatusCode]:
    with grpc.insecure_channel(address, [("grpc.enable_http_proxy", 0)]) as channel:
        ask: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary("/shout/one")
        stream: grpc.StreamStreamMultiCallable[bytes, bytes] = channel.stream_stream("/shout/many")
        none: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary("/shout/none")
        one, many = ask(b"hey", timeout=30), list(stream(iter([b"a", b"b"]), timeout=30))
        with pytest.raises(grpc.RpcError) as caught:
            none(b"", timeout=30)
        return one, many, caught.value.code()


async def test_the_gateway_is_a_caller(tmp_path: Path) -> None:
    """Its clusters lead to sidecars, and it shows its own identity where it has a route."""
    suite = suite_of({"web": {}, "api": {}}, gateway={"routes": [{"path": "/", "service": "web"}]})
    async with (
        service() as port,
        town(tmp_path, suite, {"web": (port,), "api": (port,)}) as made,
        gateway(made) as url,
        client() as http,
    ):
        routed = await http.get(f"{url}/web")
        other = await http.get(f"{url}/api")

    assert (routed.status_code, other.status_code) == (200, 403)
    assert routed.json()["headers"]["x-forwarded-service"] == "spiffe://shop/gateway"


async def test_websockets_pass(tmp_path: Path) -> None:
    """A connection that is upgraded on one end is on the other."""
    async with service() as port, town(tmp_path, suite_of(SHOP), {"api.v1": (port,)}) as made:
        url = made.url("web", "api.v1").replace("http", "ws")
        async with connect(f"{url}/chat", proxy=None) as chat:
            await chat.send("hello")
            answer = await chat.recv()

    assert answer == "echo hello"


async def test_other_protocols_pass_as_bytes(tmp_path: Path) -> None:
    """A `tcp` service is reached by who may call it, and no one else."""
    suite = suite_of({"web": {"depends_on": ["db"]}, "db": {}, "api": {}})
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(30)
        ports = {"db": (listener.getsockname()[1],)}
        async with town(tmp_path, suite, ports, mesh=Mesh(tcp=("db",))) as made:
            egress = made.controller.domain.doors["web"].egress["db"]
            told = await to_thread.run_sync(_talk, listener, egress)
            refused = context(made, *made.files("api"))
            with pytest.raises(REFUSED):
                await to_thread.run_sync(handshake, made.inbound("db"), refused)

    assert told == (b"\x00ping", b"\x00pong")


def _talk(listener: socket.socket, port: int) -> tuple[bytes, bytes]:
    with socket.create_connection(("127.0.0.1", port), timeout=30) as caller:
        caller.sendall(b"\x00ping")
        called, _ = listener.accept()
        with called:
            heard = called.recv(10)
            called.sendall(b"\x00pong")
            return heard, caller.recv(10)


async def test_a_sidecar_is_small(tmp_path: Path) -> None:
    """Its own memory, apart from what all share."""
    async with service() as port, town(tmp_path, suite_of(SHOP), {"api.v1": (port,)}) as made:
        async with client() as http:
            for _ in range(50):
                await http.get(made.url("web", "api.v1"))
        shells = [psutil.Process(each.pid) for each in made.sidecars.values()]
        held = [
            process.memory_full_info().pss
            for shell in shells
            for process in (shell, *shell.children())
            if "envoy" in process.name()
        ]

    assert len(held) == 3
    assert max(held) < 60 * 1024 * 1024
