"""The examples of docs/gateway.md are taken by a real Envoy, and do what the page says."""

import re
from pathlib import Path
from typing import Any

import pytest

from intertie.gateway.certificate_files import CertificateFiles
from intertie.gateway.controller import GatewayController
from intertie.gateway.policy import CHAIN, compression
from intertie.gateway.routes import Sockets, Surroundings
from intertie.gateway.tls import server_secret
from intertie.identity.authority import Authority
from intertie.identity.issuer import ISSUER, Issuer
from intertie.plan import Snapshot
from intertie.runtime.hub import EventHub
from intertie.runtime.ports import Ports
from intertie.suite import load
from intertie.suite.gateway import Gateway
from intertie.suite.gateway_files import described, located
from intertie.suite.model import Suite
from intertie.suite.route import Route
from intertie.suite.security import Security
from tests.gateway.policy import countries
from tests.gateway.policy.calls import descriptor
from tests.gateway.stage import client, door, now, upstream
from tests.gateway.tls_stage import Signer

PAGE = (Path(__file__).parent.parent / "docs" / "gateway.md").read_text()
SUITES = re.findall(r"```yaml\n(suite:.*?)```", PAGE, re.DOTALL)


def written(folder: Path, text: str) -> Suite:
    """The suite of an example, on a free port, with the files that it names beside it."""
    (folder / "shop.desc").write_bytes(descriptor())
    countries.write(folder / "countries.mmdb", {"198.51.100.0/24": "DE"})
    Signer(folder).server("shop")
    (folder / "suite.yaml").write_text(text)
    suite = load(folder / "suite.yaml", env={}).suite
    assert suite.gateway is not None
    gateway = located(suite.gateway, folder).model_copy(update={"port": Ports().take("gateway")})
    return suite.model_copy(update={"gateway": gateway})


@pytest.mark.anyio
@pytest.mark.slow
@pytest.mark.parametrize("text", SUITES, ids=range(len(SUITES)))
async def test_envoy_takes_every_example(tmp_path: Path, text: str) -> None:
    """Each is a whole suite file, and Envoy would start with what is made of it."""
    suite = written(tmp_path, text)
    folder = tmp_path / "envoy"
    folder.mkdir()
    if suite.gateway is not None and suite.gateway.tls is not None:
        authority = Authority.open(tmp_path / "keys", "shop", now=now)
        await CertificateFiles(
            suite.gateway.tls, folder, base=tmp_path, authority=authority, now=now
        ).prepare()
    around = Surroundings(
        issuer=ISSUER,
        jwks=Issuer.open(tmp_path / "keys").jwks(),
        descriptors=described(suite, tmp_path),
        sockets=Sockets(authorizer="authz.sock", login="login.sock"),
    )
    controller = GatewayController(
        suite,
        folder,
        hub=EventHub("shop", now=now),
        snapshot=lambda: Snapshot({}),
        around=lambda _: around,
    )
    await controller.prepare()

    assert (folder / "bootstrap.json").exists()
    assert server_secret(0) in (folder / "bootstrap.json").read_text() or "tls:" not in text


@pytest.mark.anyio
@pytest.mark.slow
async def test_the_first_example_does_what_the_page_says(tmp_path: Path) -> None:
    """Open and closed, with the route's own path taken away, and no larger body than is said."""
    async with (
        upstream("web") as web,
        door(tmp_path, written(tmp_path, SUITES[0]), {"web": [web.port]}) as made,
        client(made) as http,
    ):
        start = await http.get("/")
        closed = await http.get("/api/orders/7")
        order = await http.get("/api/orders/7", headers=made.bearer())
        large = await http.post("/api/orders", content=b"x" * 1_048_577, headers=made.bearer())

    assert start.status_code == 200
    assert (closed.status_code, large.status_code) == (401, 413)
    assert order.json()["path"] == "/7"


@pytest.mark.anyio
@pytest.mark.slow
async def test_the_second_example_does_what_the_page_says(tmp_path: Path) -> None:
    """Answers and redirects of the gateway's own, for pages of allowed origins too."""
    async with (
        upstream("web") as web,
        door(tmp_path, written(tmp_path, SUITES[1]), {"web": [web.port]}) as made,
        client(made) as http,
    ):
        page = {"origin": "https://app.example.com"}
        status = await http.get("/status", headers=page)
        old = await http.get("/old")

    assert status.json() == {"status": "up"}
    assert status.headers["access-control-allow-origin"] == page["origin"]
    assert status.headers["content-security-policy"] == "default-src 'self'"
    assert (old.status_code, old.headers["location"]) == (301, f"{made.url}/new")


def test_every_key_of_the_gateway_is_named() -> None:
    """A new one needs a word on the page."""
    keys: set[str] = set()
    for model in (Gateway, Security, Route):
        fields: dict[str, Any] = model.model_fields
        keys |= fields.keys()
    assert {key for key in keys if f"{key}" not in PAGE} - _ELSEWHERE == set()


_ELSEWHERE = {"concurrency", "jwt", "feature"}
"""Told in the reference of the suite file alone."""


def test_every_filter_has_its_row() -> None:
    """The table is in the order of the chain."""
    words = ["cors", "addresses", "csrf", "authentication", "identity", "roles", "rate_limiting"]
    words += ["fault", "grpc_web", "max_body", "compression"]
    rows = [re.search(rf"^\|.*\b{word}\b.*\|$", PAGE, re.MULTILINE) for word in words]
    places = [row.start() for row in rows if row]

    assert len(places) == len(words)
    assert places == sorted(places)
    assert len(CHAIN) > len(words) - len(compression.ENCODINGS)
