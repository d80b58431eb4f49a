"""`openapi`, and requests held against a document on the real gateway."""

import http.client
import json
import socket
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest

from intertie.cli.main import run
from tests.e2e.shop import until
from tests.gateway.authz.documents import DOCUMENT
from tests.harness import Bench
from tests.harness import bench as open_bench

pytestmark = pytest.mark.slow

MORE = """\
  /items/{id}:
    put:
      x-intertie: {auth_required: true}
      parameters: [{name: id, in: path, required: true, schema: {type: integer}}]
      requestBody:
        content: {text/plain: {schema: {type: string, maxLength: 5}}}
      responses: {"200": {description: Changed.}}
  /team:
    get:
      parameters: [{name: X-Team, in: header, required: true, schema: {type: integer}}]
      responses: {"200": {description: Some.}}
"""
SERVICE = """
import json, os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

class Answers(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def read(self):
        if self.headers.get("transfer-encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("content-length", 0)))
        found = b""
        while size := int(self.rfile.readline(), 16):
            found += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return found

    def answer(self):
        body = json.dumps({"path": self.path, "body": self.read().decode("latin-1")}).encode()
        self.send_response(200 if self.path != "/openapi.json" else 404)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = do_PUT = do_OPTIONS = answer

    def log_message(self, *_): pass

ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Answers).serve_forever()
"""
SUITE = f"""\
suite: shop
services:
  shop:
    command: {sys.executable} service.py
    port: auto
    healthcheck: {{tcp: true, interval: 200ms}}
gateway:
  port: auto
  openapi:
    - {{file: api.yaml, service: shop, prefix: /shop, max_checked_body: 1000}}
api: {{port: auto}}
"""


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """A running suite with a document, open to everybody but in one place."""
    with open_bench(tmp_path_factory.mktemp("shop")) as made:
        made.write(SERVICE, "service.py")
        made.write(f"security: []{DOCUMENT}{MORE}", "api.yaml")
        made.write(SUITE)
        made.ok("up", "--detach")
        _wait_for_routes(made)
        yield made


@pytest.fixture
def http_client(shop: Bench) -> Iterator[httpx.Client]:
    """Of its gateway."""
    with httpx.Client(base_url=_url(shop), trust_env=False, timeout=20) as made:
        yield made


def _wait_for_routes(shop: Bench) -> None:
    """A service that has just started is not yet known to the gateway."""
    with httpx.Client(base_url=_url(shop), trust_env=False, timeout=20) as client:
        until(lambda: client.get("/shop/items?page=1").status_code == 200)


def _url(shop: Bench) -> str:
    found: str = shop.daemon()["gateway_url"]
    return found


def _wrong(answer: httpx.Response) -> tuple[int, list[tuple[str, str]]]:
    """The status, and each place that is wrong."""
    assert answer.headers["content-type"] == "application/problem+json"
    found: list[dict[str, str]] = answer.json().get("violations", [])
    return answer.status_code, [
        (each["in"], each.get("pointer", each.get("name", ""))) for each in found
    ]


def test_a_request_as_described_reaches_the_service(http_client: httpx.Client) -> None:
    """Without the prefix, and with its body as it was sent."""
    listed = http_client.get("/shop/items?page=2")
    made = http_client.post("/shop/items", json={"count": 1})
    parts = http_client.post(
        "/shop/items",
        content=iter([b'{"cou', b'nt": 1}']),
        headers={"content-type": "application/json"},
    )

    assert listed.json() == {"path": "/items?page=2", "body": ""}
    assert json.loads(made.json()["body"]) == {"count": 1}
    assert json.loads(parts.json()["body"]) == {"count": 1}
    assert http_client.get("/shop/team", headers={"x-team": "7"}).status_code == 200


def _json(body: bytes) -> dict[str, Any]:
    return {"content": body, "headers": {"content-type": "application/json"}}


@pytest.mark.parametrize(
    ("method", "path", "sent", "expected"),
    [
        ("GET", "/items?page=x", {}, (400, [("query", "page")])),
        ("GET", "/items?page=1&page=2", {}, (400, [("query", "page")])),
        ("GET", "/team", {}, (400, [("header", "X-Team")])),
        ("GET", "/team", {"headers": {"x-team": "a"}}, (400, [("header", "X-Team")])),
        ("GET", "/items", {"content": b"x"}, (415, [("body", "")])),
        ("POST", "/items", {}, (400, [("body", "")])),
        ("POST", "/items", _json(b'{"count": "x"}'), (422, [("body", "/count")])),
        ("POST", "/items", _json(b"{"), (400, [("body", "")])),
        ("POST", "/items", _json(b'{"count": 1, "count": "x"}'), (400, [("body", "")])),
        ("POST", "/items", _json(b'{"count": 1, "a": "\xff"}'), (400, [("body", "")])),
        ("POST", "/items", _json(iter([b'{"count":', b'"x"}'])), (422, [("body", "/count")])),  # type: ignore[arg-type]
        ("POST", "/items", {"content": b"a=b"}, (415, [("body", "")])),
        ("POST", "/items", _json(b" " * 1001), (413, [])),
        ("POST", "/items", _json(iter([b" " * 600, b" " * 600])), (413, [])),  # type: ignore[arg-type]
    ],
)
def test_what_is_not_as_described_goes_no_further(
    http_client: httpx.Client,
    method: str,
    path: str,
    sent: dict[str, Any],
    expected: tuple[int, list[tuple[str, str]]],
) -> None:
    """Refused with the place of each fault; a body that is too large is not even looked at."""
    answer = http_client.request(method, f"/shop{path}", **sent)

    assert _wrong(answer) == expected


def test_who_may_not_come_in_learns_nothing_of_the_document(
    shop: Bench, http_client: httpx.Client
) -> None:
    """A token first; then the request is looked at, whatever it shows."""
    token = shop.ok("token", "--subject", "ada").out.strip()
    bearer = {"authorization": f"Bearer {token}", "content-type": "text/plain"}

    nobody = http_client.put("/shop/items/x", content=b"too long")
    wrong = http_client.put("/shop/items/x", content=b"too long", headers=bearer)
    right = http_client.put("/shop/items/7", content=b"short", headers=bearer)

    assert nobody.status_code == 401
    assert "violations" not in nobody.json()
    assert _wrong(wrong) == (400, [("path", "id"), ("body", "")])
    assert right.json() == {"path": "/items/7", "body": "short"}


def test_nothing_gets_around_the_check(shop: Bench) -> None:
    """Two lengths, an upgrade, a path in disguise: no wrong body reaches the service."""
    body = b'{"count": "x"}'
    head = b"POST %s HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n%s\r\n%s"
    length = b"content-length: %d\r\n" % len(body)
    chunked = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
    tries = [
        (b"/shop/items", length + b"content-length: 0\r\n", body),
        (b"/shop/items", b"content-length: 0\r\ntransfer-encoding: chunked\r\n", chunked),
        (b"/shop/items", length + b"transfer-encoding: identity\r\n", body),
        (b"/shop/items", length + b"connection: upgrade\r\nupgrade: websocket\r\n", body),
        (b"/shop/items", length + b"connection: upgrade\r\nupgrade: h2c\r\n", body),
        (b"/shop/items", length + b"expect: 100-continue\r\n", body),
        (b"/shop/items", length + b"x-http-method-override: GET\r\n", body),
        (b"/shop/items", length + b"x-intertie-route: /other\r\n", body),
        (b"/shop/items", length + b"x-envoy-original-path: /shop/team\r\n", body),
        (b"/shop//items", length, body),
        (b"/shop/./items", length, body),
        (b"/shop/x/../items", length, body),
        (b"/shop/%69tems", length, body),
        (b"/shop%2Fitems", length, body),
        (b"/shop/items/", length, body),
        (b"/shop/items;a=b", length, body),
        (b"/shop/items#a", length, body),
    ]
    url = httpx.URL(_url(shop))

    answers = {given: _raw(url, head % given) for given in tries}

    assert {given for given, status in answers.items() if status < 300} == set()


def _raw(url: httpx.URL, request: bytes) -> int:
    """The last status that comes back."""
    with closing(socket.create_connection((url.host, url.port or 80), 10)) as link:
        link.sendall(request)
        answer = http.client.HTTPResponse(link)
        try:
            answer.begin()
        except (http.client.HTTPException, ConnectionError):
            return 400  # it hung up
        return answer.status


def test_a_changed_document_is_taken_by_apply(shop: Bench, http_client: httpx.Client) -> None:
    """From then on, without a restart; a faulty one changes nothing."""
    before = (shop.folder / "api.yaml").read_text()
    texts = _json(b'{"count": "x"}')
    assert http_client.post("/shop/items", **texts).status_code == 422

    shop.write(before.replace("{count: {type: integer}}", "{count: {type: string}}"), "api.yaml")
    unapplied = http_client.post("/shop/items", **texts).status_code
    shop.ok("apply")
    applied = http_client.post("/shop/items", **texts).status_code
    shop.write("openapi: 4.0.0", "api.yaml")
    faulty = shop("apply")
    shop.write(before, "api.yaml")

    assert (unapplied, applied) == (422, 200)
    assert faulty.code == 2 or "expected `openapi: 3.0.x`" in faulty.err
    assert http_client.post("/shop/items", **texts).status_code == 200
    shop.ok("apply")
    assert http_client.post("/shop/items", **texts).status_code == 422


def test_the_gateway_is_exported(shop: Bench, tmp_path: Path) -> None:
    """To standard output or a file, with the address of the gateway that runs."""
    shown = shop.ok("openapi", "export").json()
    shop.ok("openapi", "export", "-o", str(tmp_path / "all.json"))

    assert shown == json.loads((tmp_path / "all.json").read_text())
    assert shown["servers"] == [{"url": _url(shop)}]
    assert set(shown["paths"]) == {"/shop/items", "/shop/items/{id}", "/shop/team"}


def test_services_are_asked_for_what_routes_lead_to(shop: Bench) -> None:
    """A table, or JSON; exit code 1 when something is missing."""
    good = shop("openapi", "check")
    shop.ok("stop", "shop")
    bad = shop("openapi", "check", "--json")
    shop.ok("start", "shop")
    _wait_for_routes(shop)

    assert good.code == 0, good.out
    assert good.out.splitlines()[0].split() == [
        "ROUTE",
        "METHOD",
        "SERVICE",
        "PATH",
        "RESULT",
        "WHY",
    ]
    assert bad.code == 1
    assert {each["verdict"] for each in bad.json()["endpoints"]} == {"service down"}


def test_a_document_is_printed_as_routes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing has to run."""
    (tmp_path / "api.yaml").write_text(DOCUMENT)

    assert run(["openapi", "import", str(tmp_path / "api.yaml"), "--service", "shop"]) == 0
    assert "- path: /items" in capsys.readouterr().out
    assert run(["openapi", "import", str(tmp_path / "api.yaml"), "--service", "No"]) == 1


def test_faults_of_documents_are_those_of_the_suite(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`check` and `routes` read them, too."""
    (tmp_path / "api.yaml").write_text("openapi: 4.0.0")
    (tmp_path / "suite.yaml").write_text(SUITE)

    for command in ("check", "routes"):
        assert run([command, "--file", str(tmp_path / "suite.yaml")]) == 2
        assert "api.yaml:1:1" in capsys.readouterr().err
