"""Keys that the suite keeps sealed: Envoy compares them itself, and they sign requests."""

import hmac
from base64 import b64encode
from collections.abc import Iterator
from hashlib import sha256
from time import time
from uuid import uuid4

import httpx
import pytest

from intertie.identity.identities import Identities
from intertie.identity.signatures import Message, signature_base
from tests.e2e.shop import TESTER, Shop, until, with_people
from tests.harness import bench as open_bench

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
SUITE = """
suite: sealed
api: {port: auto}
identity: {}
tenants: {acme: {}}
gateway:
  port: auto
  security: {authentication: {methods: [jwt, api_key, session, signature], api_keys: sealed}}
  routes:
    - {path: /api, service: web, strip: true}
    - {path: /scoped, service: web, strip: true, scopes: [orders]}
services:
  web:
    command: python3 -m uvicorn --port $(PORT) --log-level warning app:app
    port: auto
    healthcheck: {http: /, interval: 200ms}
"""


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """A suite whose gateway has the keys."""
    with open_bench(tmp_path_factory.mktemp("sealed")) as made:
        yield Shop.up(made, SUITE)


def new_key(shop: Shop, **fields: tuple[str, ...]) -> tuple[str, str]:
    """Id and text of a new key that is kept sealed."""

    async def make(identities: Identities) -> tuple[str, str]:
        made = await identities.keys.create(TESTER, "ci", mode="sealed", **fields)  # type: ignore[arg-type]
        return made.key.id, made.text

    return with_people(shop.bench, make)


def ask(shop: Shop, path: str, **headers: str) -> httpx.Response:
    """With these headers, names with lines for underscores."""
    return httpx.get(
        f"{shop.url}{path}",
        headers={k.replace("_", "-"): v for k, v in headers.items()},
        trust_env=False,
        timeout=60,
    )


def test_envoy_knows_a_sealed_key_until_it_is_revoked(shop: Shop) -> None:
    """It lets in whoever has it, says who that is, and never hands the key on."""
    id, text = new_key(shop)
    until(lambda: ask(shop, "/api", x_api_key=text).status_code == 200)
    told = ask(shop, "/api", x_api_key=text).json()["headers"]
    wrong = ask(shop, "/api", x_api_key=text[:-1] + "x").status_code

    async def revoke(identities: Identities) -> None:
        await identities.keys.revoke(TESTER, id)

    with_people(shop.bench, revoke)
    until(lambda: ask(shop, "/api", x_api_key=text).status_code == 401)

    assert f'"sub":"{id}"' in told["x-forwarded-user"]
    assert "x-api-key" not in told
    assert wrong == 401


def test_scopes_hold_for_sealed_keys(shop: Shop) -> None:
    """Where a route asks for more than who it is, the authorizer looks."""
    _, good = new_key(shop, scopes=("orders",))
    _, other = new_key(shop, scopes=("invoices",))
    until(lambda: ask(shop, "/scoped", x_api_key=good).status_code == 200)

    until(lambda: ask(shop, "/scoped", x_api_key=other).status_code != 401)

    assert ask(shop, "/scoped", x_api_key=other).status_code == 403


def test_a_signed_request_is_let_in_once(shop: Shop) -> None:
    """RFC 9421, by the secret of a sealed key; another path or body makes it void."""
    id, text = new_key(shop)
    until(lambda: ask(shop, "/api", x_api_key=text).status_code == 200)

    def sign(path: str, nonce: str) -> dict[str, str]:
        host = shop.url.removeprefix("http://")
        parameters = (
            '("@method" "@authority" "@path" "@query")'
            f';created={int(time())};keyid="{id}";nonce="{nonce}";alg="hmac-sha256"'
        )
        names = ["@method", "@authority", "@path", "@query"]
        base = signature_base(Message("GET", host, path, {}, b"", "http"), names, parameters)
        code = b64encode(hmac.new(text.encode(), base, sha256).digest()).decode()
        return {"signature_input": f"a={parameters}", "signature": f"a=:{code}:"}

    def is_known() -> bool:
        return ask(shop, "/api", **sign("/api", uuid4().hex)).status_code == 200

    until(is_known)
    nonce = uuid4().hex
    first = ask(shop, "/api?x=1", **sign("/api?x=1", nonce))
    again = ask(shop, "/api?x=1", **sign("/api?x=1", nonce))
    elsewhere = ask(shop, "/api?x=2", **sign("/api?x=1", uuid4().hex))

    assert first.status_code == 200, first.text
    assert again.status_code == 401
    assert "replayed" in again.json()["code"]
    assert elsewhere.status_code == 401
