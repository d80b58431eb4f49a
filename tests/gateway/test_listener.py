"""The hardened listener: what hostile clients try, and what everybody is told."""

import json
import posixpath
import socket
from pathlib import Path

import pytest
from anyio import to_thread

from intertie.gateway.listener import bootstrap, flat
from intertie.suite.gateway import Gateway
from tests.gateway.stage import Door, client, door, shop, suite_of, upstream
from tests.gateway.test_envoy import resources_of
from tests.waiting import eventually

# Ways past a rule for `/secret` that worked on some gateway, sooner or later.
BYPASSES = [
    "//secret",
    "///secret",
    "/./secret",
    "/.//secret",
    "/open/../secret",
    "/open/..//secret",
    "/open/./../secret",
    "/open/%2e%2e/secret",
    "/open/%2e%2e%2fsecret",
    "/open/.%2e/secret",
    "/open/%2E%2E/secret",
    "/open/..%2fsecret",
    "/open/..%2Fsecret",
    "/open/..%5csecret",
    "/open/..\\secret",
    "/open\\..\\secret",
    "/open/%2e%2e%5csecret",
    "/open/..;/secret",
    "/open/..;x=1/secret",
    "/open/;/../secret",
    "/open/%252e%252e/secret",
    "/open/%252e%252e%252fsecret",
    "/open/%25%32%65%25%32%65/secret",
    "/open/%c0%ae%c0%ae/secret",
    "/open/%uff0e%uff0e/secret",
    "/open//../secret",
    "/open/..././secret",
    "/open/....//secret",
    "/open/x/../../secret",
    "/open/../../secret",
    "/open/../open/../secret",
    "/%73ecret",
    "/%73%65%63%72%65%74",
    "/s%65cret",
    "/secre%74",
    "/%2fsecret",
    "/%2Fsecret",
    "/%5csecret",
    "/%2e/secret",
    "/%2e%2fsecret",
    "/secret%2f",
    "/secret/",
    "/secret//",
    "/secret/.",
    "/secret/..;/secret",
    "/secret/../secret",
    "/secret%20",
    "/secret%09",
    "/secret%00",
    "/secret;",
    "/secret;x=1",
    "/secret?",
    "/secret?x=/open",
    "/secret#/open",
    "/secret/%2e%2e/secret",
    "/open/../secret?x=/open",
    "/open?/../secret",
    "/open#/../secret",
    "/open/%23/../../secret",
    "/open/%3f/../../secret",
    "/\\secret",
    "/.;/secret",
    "/;/secret",
    "http://other/secret",
    "http://127.0.0.1//secret",
]


async def sent(made: Door, request: bytes) -> bytes:
    """The beginning of what the gateway answers to raw bytes."""

    def talk() -> bytes:
        assert isinstance(made.gateway.port, int)
        with socket.create_connection(("127.0.0.1", made.gateway.port), timeout=30) as peer:
            peer.sendall(request)
            return peer.recv(65536)

    return await to_thread.run_sync(talk)


def get(path: str, *headers: str) -> bytes:
    """A request with the path exactly as given."""
    lines = [f"GET {path} HTTP/1.1", "host: test", "connection: close", *headers]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def reached(path: str) -> bool:
    """Whether a server that resolves dots, slashes and backslashes would open the secret."""
    return posixpath.normpath(path.replace("\\", "/")).strip("/").split("/")[0] == "secret"


def status(answer: bytes) -> int:
    """Of an answer that has one."""
    return int(answer.split(b" ", 2)[1])


@pytest.mark.anyio
@pytest.mark.slow
async def test_no_spelling_of_a_path_walks_past_a_closed_route(tmp_path: Path) -> None:
    """The same service serves `/secret` with a token and all the rest without: no way round."""
    suite = suite_of(
        {"path": "/", "service": "web", "auth_required": False},
        {"path": "/open", "service": "web", "auth_required": False},
        {"path": "/secret", "service": "web"},
    )
    async with upstream("web") as web, door(tmp_path, suite, {"web": [web.port]}) as made:
        for path in BYPASSES:
            answer = await sent(made, get(path))
            assert answer.startswith(b"HTTP/1.1 "), path
            assert not any(map(reached, web.paths)), path
            web.paths.clear()
        assert (
            status(await sent(made, get("/secret", f"authorization: Bearer {made.token()}"))) == 200
        )

    assert len(BYPASSES) >= 60
    assert web.paths == ["/secret"]


@pytest.mark.anyio
@pytest.mark.slow
@pytest.mark.parametrize(
    ("request_text", "code"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (b"GET / HTTP/1.0\r\n\r\n", 426),
        (b"GET / HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n", 400),
        (
            b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\n"
            b"transfer-encoding: chunked\r\n\r\n0\r\n\r\n",
            400,
        ),
        (b"GET / HTTP/1.1\r\nhost: a\r\nx: " + b"a" * 20_000 + b"\r\n\r\n", 431),
        (b"GET / HTTP/1.1\r\nhost: a\r\n" + b"x: a\r\n" * 120 + b"\r\n", 431),
        (b"GET / HTTP/1.1\r\nhost: a\r\nslow", 408),
    ],
    ids=[
        "no host",
        "1.0",
        "two lengths",
        "smuggling",
        "long header",
        "many headers",
        "slow header",
    ],
)
async def test_a_hostile_request_is_refused(tmp_path: Path, request_text: bytes, code: int) -> None:
    """And closes the connection; the service hears nothing of it."""
    suite = suite_of({"path": "/", "service": "web", "auth_required": False})
    async with upstream("web") as web, door(tmp_path, suite, {"web": [web.port]}) as made:
        answer = await sent(made, request_text)

    assert status(answer) == code
    assert web.paths == []


@pytest.mark.anyio
@pytest.mark.slow
async def test_every_refusal_is_a_problem_document(tmp_path: Path) -> None:
    """RFC 9457: which, why, and the request's id to look it up with."""
    suite = suite_of({"path": "/closed", "service": "web", "methods": ["GET"]})
    async with door(tmp_path, suite, {}) as made, client(made) as http:
        answers = [
            await http.get("/none"),
            await http.get("/closed"),
            await http.post("/closed", headers=made.bearer()),
            await http.get("/closed", headers=made.bearer()),
        ]

    problems = [answer.json() for answer in answers]
    assert [problem["status"] for problem in problems] == [404, 401, 405, 503]
    assert len({problem["detail"] for problem in problems}) == 4
    for answer, problem in zip(answers, problems, strict=True):
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.headers["x-request-id"] == problem["request_id"]
        assert problem["detail"].startswith("cannot ")
        assert {"type", "title"} <= problem.keys()


@pytest.mark.anyio
@pytest.mark.slow
async def test_each_request_is_logged_without_secrets(tmp_path: Path) -> None:
    """One line of JSON each; ids made here; neither queries nor tokens."""
    suite = suite_of({"path": "/api", "service": "web", "strip": True})
    async with (
        upstream("web") as web,
        door(tmp_path, suite, {"web": [web.port]}) as made,
        client(made) as http,
    ):
        headers = {**made.bearer(), "x-request-id": "mine"}
        answer = await http.get("/api/a?key=hidden", headers=headers)
        refused = await http.get('/no"pe?key=hidden')
        await eventually(lambda: len(made.logged()) == 2, 60)
        logged, other = made.logged()
        text = made.access_log()

    assert (logged["method"], logged["path"], logged["status"]) == ("GET", "/api/a", 200)
    assert (logged["route"], logged["upstream"]) == ("/api", f"127.0.0.1:{web.port}")
    assert logged["request_id"] == answer.headers["x-request-id"] != "mine"
    assert logged["duration_ms"] >= 0
    assert logged["bytes_sent"] == len(answer.content)
    assert "ada" in logged["user"]
    assert (other["status"], other["request_id"]) == (404, refused.headers["x-request-id"])
    assert "hidden" not in text
    assert headers["authorization"].split(".")[2] not in text


@pytest.mark.anyio
@pytest.mark.slow
async def test_only_its_owner_may_use_the_admin_socket(tmp_path: Path) -> None:
    """It can stop Envoy: mode 0600, and no port."""
    async with door(tmp_path, suite_of(), {}) as made:
        mode = (made.run / "admin.sock").stat().st_mode & 0o777

    assert mode == 0o600


@pytest.mark.anyio
@pytest.mark.slow
async def test_a_second_gateway_on_the_same_port_is_refused(tmp_path: Path) -> None:
    """Two that share a port would each get some of the requests."""
    async with door(tmp_path / "a", suite_of(), {}) as made:
        second = Door(tmp_path / "b", made.suite, {})
        await second.controller.prepare()
        await second.spawn()
        try:
            await eventually(second.has_ended, 60)
        finally:
            await second.stop(kill=True)

    assert "Address already in use" in second.log_file.read_text()


def test_the_listener_does_not_depend_on_routes() -> None:
    """A new listener would drop connections: the bootstrap knows address and rules only."""
    assert "shop" not in json.dumps(bootstrap(Gateway(), 8000))
    assert bootstrap(Gateway(), 8000) == bootstrap(Gateway(concurrency=4), 8000)


def test_the_flat_form_has_nothing_dynamic() -> None:
    """What is validated is all there is: no file is named that would not be read."""
    text = json.dumps(flat(Gateway(), 8000, resources_of("spine")))

    assert "path_config_source" not in text
    assert "inline_string" in text
    assert "/api/orders" in text


@pytest.mark.anyio
@pytest.mark.slow
@pytest.mark.parametrize(
    ("trusted", "sent", "believed"),
    [
        ([], "10.1.2.3", "127.0.0.1"),
        (["127.0.0.1"], "10.1.2.3", "10.1.2.3"),
        # From right to left: what stands before the first foreign address anybody may have sent.
        (["127.0.0.1"], "10.9.9.9, 10.1.2.3", "10.1.2.3"),
        (["127.0.0.1", "10.1.0.0/16"], "10.9.9.9, 10.1.2.3", "10.9.9.9"),
        (["192.168.0.0/16"], "10.1.2.3", "127.0.0.1"),
        (["127.0.0.1"], "nonsense", "127.0.0.1"),
    ],
)
async def test_only_a_trusted_proxy_says_where_a_request_comes_from(
    tmp_path: Path, trusted: list[str], sent: str, believed: str
) -> None:
    """Rules about addresses look at who asked, not at what he says of himself."""
    addresses = {"allow": [believed]}
    security = {"trusted_proxies": trusted, "addresses": addresses}
    async with shop(tmp_path, {"path": "/"}, security=security) as (_, http, _):
        assert (await http.get("/", headers={"x-forwarded-for": sent})).status_code == 200
        unsent = (await http.get("/")).status_code
    assert unsent == (200 if believed == "127.0.0.1" else 403)


@pytest.mark.anyio
@pytest.mark.slow
async def test_spans_are_sent_to_the_collector(tmp_path: Path) -> None:
    """Of every request, where all are wanted."""
    async with upstream("web") as collector:
        tracing = {"endpoint": f"http://127.0.0.1:{collector.port}/v1/traces", "sampling": 100}
        async with shop(tmp_path, {"path": "/"}, tracing=tracing) as (_, http, _):
            assert (await http.get("/")).status_code == 200
            await eventually(lambda: "/v1/traces" in collector.paths, 60)


@pytest.mark.anyio
@pytest.mark.slow
async def test_nobody_but_a_trusted_proxy_names_another_host_client_path_or_method(
    tmp_path: Path,
) -> None:
    """Services of many kinds believe such headers."""
    mine = {"x-original-url": "/secret", "x-http-method-override": "DELETE"}
    before = {"x-forwarded-host": "evil", "x-real-ip": "10.1.2.3", "forwarded": "for=10.1.2.3"}
    seen: list[set[str]] = []
    for trusted in ([], ["127.0.0.1"]):
        folder = tmp_path / str(len(trusted))
        security = {"trusted_proxies": trusted}
        async with shop(folder, {"path": "/"}, security=security) as (_, http, _):
            told = (await http.get("/", headers={**mine, **before})).json()["headers"]
            seen.append(told.keys() & {*mine, *before})

    assert seen == [set(), {"x-forwarded-host"}]
