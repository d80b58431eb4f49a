"""The user's certificate files: what is taken, what is refused, and what a change costs."""

import json
import os
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from anyio import create_task_group, fail_after, sleep, to_thread
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa

from intertie.errors import GatewayError
from intertie.gateway.certificate_files import CertificateFiles
from intertie.identity.authority import Authority
from intertie.runtime.component import Status
from intertie.suite.tls import Tls
from tests.gateway.mesh.stage import Load
from tests.gateway.tls_stage import Signer, TlsDoor, serve, upstream
from tests.waiting import eventually

pytestmark = pytest.mark.anyio

PAIR = {"cert_file": "a.test.crt", "key_file": "a.test.key"}
DAY = timedelta(days=1)


class Clock:
    """The time of day, put forward by hand."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def __call__(self) -> datetime:
        """As it would be."""
        return datetime.now(UTC) + self.ahead


def watched(folder: Path, clock: Clock | None = None, **keys: Any) -> CertificateFiles:
    """For the Envoy in `folder/envoy`."""
    now = clock or Clock()
    (folder / "envoy").mkdir(exist_ok=True)
    return CertificateFiles(
        Tls.model_validate(keys or {"certificates": [PAIR]}),
        folder / "envoy",
        base=folder,
        authority=Authority.open(folder / "keys", "shop", now=now),
        now=now,
        poll_s=0.005,
    )


def given(folder: Path, name: str = "server-0") -> str:
    """What Envoy reads."""
    return (folder / "envoy" / "secrets" / f"{name}.json").read_text()


def shown(folder: Path) -> str:
    """The certificate Envoy was given."""
    secret = json.loads(given(folder))["resources"][0]["tls_certificate"]
    chain: str = secret["certificate_chain"]["inline_string"]
    return chain


async def test_a_good_pair_is_given_to_envoy(tmp_path: Path) -> None:
    """Certificate and key in one private file."""
    Signer(tmp_path).server("a.test")

    await watched(tmp_path).prepare()

    file = tmp_path / "envoy" / "secrets" / "server-0.json"
    assert shown(tmp_path) == (tmp_path / "a.test.crt").read_text()
    assert file.stat().st_mode & 0o777 == 0o600


async def test_all_that_is_wrong_at_the_start_is_told(tmp_path: Path) -> None:
    """Each file by its name."""
    signer = Signer(tmp_path)
    signer.server("a.test")
    (tmp_path / "a.test.key").write_text("x")
    missing = {"cert_file": "b.crt", "key_file": "b.key"}

    with pytest.raises(GatewayError) as caught:
        await watched(tmp_path, certificates=[PAIR, missing], client_ca_file="none").prepare()

    text = str(caught.value)
    assert "cannot use certificate a.test.crt: its key cannot be read" in text
    assert f"cannot read {tmp_path / 'b.crt'}: No such file" in text
    assert f"cannot read {tmp_path / 'none'}" in text


def _rsa(bits: int) -> bytes:
    return _pem(rsa.generate_private_key(65537, bits))


def _pem(key: rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey, password: bytes = b"") -> bytes:
    hidden = serialization.BestAvailableEncryption(password) if password else None
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        hidden or serialization.NoEncryption(),
    )


@pytest.mark.parametrize(
    ("file", "content", "why"),
    [
        ("a.test.key", _rsa(2048), "its key is that of another one"),
        ("a.test.key", _rsa(1024), "neither ECDSA nor RSA of 2048 bits"),
        ("a.test.key", _pem(ed25519.Ed25519PrivateKey.generate()), "neither ECDSA nor RSA"),
        (
            "a.test.key",
            _pem(rsa.generate_private_key(65537, 2048), b"secret"),
            "its key has a password",
        ),
        ("a.test.crt", b"nothing", "it is not one"),
        ("a.test.crt", b"\xff\xfe", "it is not PEM text"),
        ("a.test.crt", b"x" * (1024 * 1024 + 1), "larger than"),
    ],
)
async def test_a_bad_file_changes_nothing(
    tmp_path: Path, file: str, content: bytes, why: str
) -> None:
    """The old pair stays, health says why, and a good one ends the trouble."""
    Signer(tmp_path).server("a.test")
    files = watched(tmp_path)
    await files.prepare()
    before = given(tmp_path)

    async with create_task_group() as group:
        await group.start(files.run)
        (tmp_path / file).write_bytes(content)
        # Until then it may be read half written, which is another fault.
        await eventually(lambda: why in files.health().reason, 60)
        told, kept = files.health().status, given(tmp_path)
        Signer(tmp_path).server("a.test")
        await eventually(lambda: given(tmp_path) != before, 60)
        await eventually(lambda: files.health().status is Status.UP, 60)
        assert told is Status.DEGRADED
        assert kept == before
        group.cancel_scope.cancel()


async def test_an_ended_pair_is_refused(tmp_path: Path) -> None:
    """One that will begin later, too."""
    signer = Signer(tmp_path)
    signer.server("a.test", ends=-DAY)
    with pytest.raises(GatewayError, match=r"it ended .*; renew it"):
        await watched(tmp_path).prepare()

    signer.server("a.test")
    past = Clock()
    past.ahead = -4 * DAY
    with pytest.raises(GatewayError, match="it begins"):
        await watched(tmp_path, past).prepare()


async def test_a_pair_written_in_two_steps_is_taken_whole(tmp_path: Path) -> None:
    """In place, as `certbot` and `cp` do: never one half with the other's half."""
    signer = Signer(tmp_path)
    signer.server("a.test")
    files = watched(tmp_path)
    await files.prepare()
    signer.server("new.test")
    new = {kind: (tmp_path / f"new.test.{kind}").read_text() for kind in ("crt", "key")}

    async with create_task_group() as group:
        await group.start(files.run)
        (tmp_path / "a.test.crt").write_text(new["crt"])
        await eventually(lambda: files.health().status is Status.DEGRADED, 60)
        between = shown(tmp_path)
        (tmp_path / "a.test.key").write_text(new["key"])
        await eventually(lambda: shown(tmp_path) == new["crt"], 60)
        assert between != new["crt"]
        group.cancel_scope.cancel()


async def test_links_that_are_moved_are_followed(tmp_path: Path) -> None:
    """A folder of links to the newest pair, as `certbot` keeps one."""
    signer = Signer(tmp_path)
    for name in ("one", "two"):
        signer.server(name)
    live = {"cert_file": "live/fullchain.pem", "key_file": "live/privkey.pem"}
    (tmp_path / "live").mkdir()
    _link(tmp_path, "one")
    files = watched(tmp_path, certificates=[live])
    await files.prepare()

    async with create_task_group() as group:
        await group.start(files.run)
        _link(tmp_path, "two")
        await eventually(lambda: shown(tmp_path) == (tmp_path / "two.crt").read_text())
        group.cancel_scope.cancel()


def _link(folder: Path, name: str) -> None:
    for kind, link in (("crt", "fullchain.pem"), ("key", "privkey.pem")):
        part = folder / "live" / "part"
        part.symlink_to(folder / f"{name}.{kind}")
        os.replace(part, folder / "live" / link)


async def test_a_certificate_about_to_end_is_told(tmp_path: Path) -> None:
    """When a tenth of its life is left; the gateway goes on with it."""
    Signer(tmp_path).server("a.test", ends=97 * DAY)
    clock = Clock()
    files = watched(tmp_path, clock)
    await files.prepare()

    early = files.health().status
    clock.ahead = 88 * DAY
    late = files.health()

    assert early is Status.UP
    assert late.status is Status.DEGRADED
    assert "ends" in late.reason


async def test_a_self_signed_one_is_renewed_by_itself(tmp_path: Path) -> None:
    """At half its life, and not before."""
    clock = Clock()
    files = watched(tmp_path, clock, self_signed=True)
    await files.prepare()
    first = given(tmp_path)

    async with create_task_group() as group:
        await group.start(files.run)
        clock.ahead = 14 * DAY
        await files.prepare()
        same = given(tmp_path)
        clock.ahead = 16 * DAY
        await eventually(lambda: given(tmp_path) != first, 60)
        assert same == first
        group.cancel_scope.cancel()


async def test_a_list_of_revoked_certificates_must_be_one(tmp_path: Path) -> None:
    """And of today: Envoy would let nobody in by an old one."""
    signer = Signer(tmp_path)
    signer.server("a.test")
    signer.revoke(tmp_path / "a.test.crt")
    keys: dict[str, Any] = {
        "self_signed": True,
        "client_ca_file": "clients.crt",
        "crl_file": "clients.crl",
    }
    await watched(tmp_path, **keys).prepare()

    late = Clock()
    late.ahead = 2 * DAY
    with pytest.raises(GatewayError, match="the list was good until"):
        await watched(tmp_path, late, **keys).prepare()
    (tmp_path / "clients.crl").write_text("x")
    with pytest.raises(GatewayError, match="no list of revoked"):
        await watched(tmp_path, **keys).prepare()
    (tmp_path / "clients.crt").write_text("x")
    with pytest.raises(GatewayError, match="no certificate of an authority"):
        await watched(tmp_path, **keys).prepare()


@pytest.mark.slow
async def test_a_new_pair_is_live_without_a_lost_request(tmp_path: Path) -> None:
    """20 pairs one after the other, under load of new connections."""
    signer = Signer(tmp_path)
    names = signer.server("localhost")
    pair = dict(zip(("cert_file", "key_file"), names, strict=True))
    load = TlsLoad()
    made = Tls.model_validate({"certificates": [pair]})
    async with (
        upstream() as port,
        serve(tmp_path, made, signer, port) as door,
        create_task_group() as group,
    ):
        await group.start(door.files.run)
        # They end by themselves: who is cut off in a handshake leaves its socket open.
        async with create_task_group() as clients:
            for _ in range(3):
                clients.start_soon(load.shake, door)
            for _ in range(20):
                signer.server("localhost")
                await _shows(door, ssl.PEM_cert_to_DER_cert((tmp_path / names[0]).read_text()))
                await load.more(3)
            load.over = True
        group.cancel_scope.cancel()

    assert load.failed == []
    assert load.done >= 60


async def _shows(door: TlsDoor, wanted: bytes) -> None:
    """Return once it does."""
    context = door.context()
    with fail_after(60):
        while await to_thread.run_sync(door.connect, context, "localhost") != wanted:  # noqa: ASYNC110
            await sleep(0.005)


class TlsLoad(Load):
    """Requests that each begin with a handshake."""

    async def shake(self, door: TlsDoor) -> None:
        """Again and again, until it is over."""
        context = door.context()
        while not self.over:
            try:
                async with httpx.AsyncClient(verify=context, timeout=30, trust_env=False) as http:
                    answer = await http.get(f"https://localhost:{door.port}/")
            except httpx.HTTPError as exc:
                self.failed.append(exc)
                continue
            self.done += 1
            if not answer.is_success:
                self.failed.append(answer.text)
