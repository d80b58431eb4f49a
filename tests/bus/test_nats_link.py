"""One connection to a NATS server."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from anyio import create_task_group, create_tcp_listener, fail_after, sleep_forever
from anyio.abc import SocketAttribute, SocketStream
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from intertie.bus.nats import open_bus
from intertie.bus.nats_link import address, connect
from intertie.errors import BusError, BusUnavailableError
from intertie.suite.bus import QueueConfig, QueueType
from tests.bus.peers.nats import JETSTREAM, nats

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        (QueueConfig(QueueType.NATS), "nats://localhost:4222"),
        (QueueConfig(QueueType.NATS, host="::1", port=9, tls=True), "tls://[::1]:9"),
        (QueueConfig(QueueType.NATS, username="me", password="mine"), "nats://localhost:4222"),
    ],
)
def test_an_address_is_told_without_credentials(config: QueueConfig, expected: str) -> None:
    """As a person would write it."""
    assert address(config) == expected


@pytest.mark.parametrize(
    ("answer", "patience_s", "why"),
    [
        (None, 0.2, "no answer within 0.2 s"),
        (b"", 20.0, "empty response"),
        (b"HTTP/1.1 400\r\n", 20.0, "empty"),
    ],
)
async def test_a_server_that_is_none_is_told(
    answer: bytes | None, patience_s: float, why: str
) -> None:
    """Whether it keeps silent, hangs up or speaks of something else."""

    async def serve(stream: SocketStream) -> None:
        async with stream:
            if answer is None:
                await sleep_forever()
            await stream.send(answer or b" ")

    listener = await create_tcp_listener(local_host="127.0.0.1")
    port = listener.extra(SocketAttribute.local_port)  # noqa: S610 — of anyio, not of Django
    config = QueueConfig(QueueType.NATS, host="127.0.0.1", port=port, connect_timeout=patience_s)
    async with listener, create_task_group() as tasks:
        tasks.start_soon(listener.serve, serve)
        with fail_after(60), pytest.raises(BusUnavailableError, match=why):
            await connect(config)
        tasks.cancel_scope.cancel()


async def test_a_missing_ca_file_is_named() -> None:
    """Before anything is asked of the server."""
    config = QueueConfig(QueueType.NATS, tls=True, ca_file="/no/such.pem")
    with pytest.raises(BusError, match=r"ca_file /no/such\.pem"):
        await connect(config)


@pytest.mark.slow
async def test_no_password_goes_over_a_plain_line(tmp_path: Path) -> None:
    """A server without TLS is refused when TLS is asked for."""
    async with nats(tmp_path) as broker:
        with pytest.raises(BusError, match="offers no TLS"):
            await connect(replace(broker.config, tls=True))


@pytest.mark.slow
async def test_tls_trusts_whom_the_ca_file_names(tmp_path: Path) -> None:
    """And nobody else."""
    ca_file, key_file = _certify(tmp_path)
    tls = f'tls {{ cert_file: "{ca_file}", key_file: "{key_file}" }}\n'
    async with nats(tmp_path, server=JETSTREAM + tls, tls=True, ca_file=str(ca_file)) as broker:
        link = await connect(broker.config)
        assert (await link.js.account_info()).streams == 0
        await link.aclose()
        with pytest.raises(BusUnavailableError, match="CERTIFICATE_VERIFY_FAILED"):
            await connect(replace(broker.config, ca_file=None))


@pytest.mark.slow
async def test_a_server_without_jetstream_is_told(tmp_path: Path) -> None:
    """With what to do about it."""
    async with nats(tmp_path, server="") as broker:
        with pytest.raises(BusUnavailableError, match="JetStream"):
            async with open_bus(broker.config):
                pass


@pytest.mark.slow
async def test_more_than_the_server_takes_is_refused_here(tmp_path: Path) -> None:
    """The server would hang up, headers counted; the connection stays of use."""
    async with nats(tmp_path) as broker:
        link = await connect(broker.config)
        try:
            with pytest.raises(BusError, match="max_payload is 1048576"):
                await link.put("x", b"x" * link.client.max_payload, {"A": "b"})
            assert not link.is_lost
        finally:
            await link.aclose()


@pytest.mark.slow
async def test_a_lost_link_says_why(tmp_path: Path) -> None:
    """To calls, and to whoever watches it."""
    told: list[str] = []
    async with nats(tmp_path) as broker:
        link = await connect(broker.config)
        with link.watched(lambda: told.append("changed")):
            link.lose("somebody pulled the plug")
        with pytest.raises(BusUnavailableError, match="somebody pulled the plug"), link.call("try"):
            pass
        await link.aclose()

    assert told == ["changed"]


def _certify(folder: Path) -> tuple[Path, Path]:
    """The files of a certificate for 127.0.0.1 that vouches for itself, and of its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    address = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(address, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = Encoding.PEM
    (folder / "cert.pem").write_bytes(certificate.public_bytes(pem))
    secret = key.private_bytes(pem, PrivateFormat.PKCS8, NoEncryption())
    (folder / "key.pem").write_bytes(secret)
    return folder / "cert.pem", folder / "key.pem"
