"""A real Envoy whose door is encrypted by the gateway's own fragments."""

import json
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from anyio import to_thread
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from intertie.gateway import tls
from intertie.gateway.certificate_files import CertificateFiles
from intertie.gateway.mesh import http
from intertie.gateway.xds import ADMIN_SOCKET
from intertie.identity.authority import Authority
from intertie.plan import Endpoint
from intertie.suite.tls import Tls
from tests.gateway.mesh.stage import envoy
from tests.gateway.mesh.stage import service as upstream
from tests.gateway.ports import PORTS

__all__ = ["Signer", "TlsDoor", "now", "serve", "upstream"]

_DAY = timedelta(days=1)
_PEM = serialization.Encoding.PEM


class Signer:
    """A foreign authority, as one that users have their certificates from."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        self.folder = folder
        self.file = folder / "clients.crt"
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "signer")])
        self._key_file = folder / "clients.key"
        if not self._key_file.exists():
            self._begin()
        loaded = serialization.load_pem_private_key(self._key_file.read_bytes(), None)
        assert isinstance(loaded, ec.EllipticCurvePrivateKey)
        self._key = loaded

    def server(self, name: str, *, ends: timedelta = _DAY) -> tuple[str, str]:
        """A certificate for a host: the names of its files."""
        return self._leaf(x509.DNSName(name), name, ends)

    def client(self, name: str) -> tuple[Path, Path]:
        """A certificate for a client that is named by a URI or a host."""
        uri = "://" in name
        kind = x509.UniformResourceIdentifier(name) if uri else x509.DNSName(name)
        cert, key = self._leaf(kind, name.replace("/", "_"), _DAY)
        return self.folder / cert, self.folder / key

    def revoke(self, cert: Path) -> None:
        """Put it on the list."""
        number = x509.load_pem_x509_certificate(cert.read_bytes()).serial_number
        now = datetime.now(UTC)
        gone = x509.RevokedCertificateBuilder().serial_number(number).revocation_date(now).build()
        made = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(self._name)
            .last_update(now - _DAY)
            .next_update(now + _DAY)
            .add_revoked_certificate(gone)
            .sign(self._key, hashes.SHA256())
        )
        (self.folder / "clients.crl").write_bytes(made.public_bytes(_PEM))

    def _begin(self) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        made = (
            self._builder(self._name, key, _DAY)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(key, hashes.SHA256())
        )
        self._key_file.write_bytes(_pem(key))
        self.file.write_bytes(made.public_bytes(_PEM))

    def _leaf(self, name: x509.GeneralName, file: str, ends: timedelta) -> tuple[str, str]:
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "leaf")])
        made = (
            self._builder(subject, key, ends)
            .add_extension(x509.SubjectAlternativeName([name]), critical=False)
            .sign(self._key, hashes.SHA256())
        )
        (self.folder / f"{file}.crt").write_bytes(made.public_bytes(_PEM))
        (self.folder / f"{file}.key").write_bytes(_pem(key))
        return f"{file}.crt", f"{file}.key"

    def _builder(
        self, subject: x509.Name, key: ec.EllipticCurvePrivateKey, ends: timedelta
    ) -> x509.CertificateBuilder:
        now = datetime.now(UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - 3 * _DAY)
            .not_valid_after(now + ends)
        )


def now() -> datetime:
    """As the clock of the machine has it."""
    return datetime.now(UTC)


@dataclass
class TlsDoor:
    """An encrypted door, and who signs for it."""

    port: int
    signer: Signer
    files: CertificateFiles

    def context(self) -> ssl.SSLContext:
        """A client that trusts the signer."""
        return ssl.create_default_context(cafile=self.signer.file)

    async def names_shown(self, asked: str | None) -> list[str]:
        """The names in the certificate that a client is shown who asks for this one."""
        context = self.context()
        context.check_hostname = False
        der = await to_thread.run_sync(self.connect, context, asked)
        names = x509.load_der_x509_certificate(der).extensions.get_extension_for_class(
            x509.SubjectAlternativeName
        )
        return names.value.get_values_for_type(x509.DNSName)

    async def lets_in(self, pair: tuple[Path, Path] | None) -> bool:
        """Whether a client with this certificate gets an answer."""
        context = self.context()
        if pair is not None:
            context.load_cert_chain(*pair)
        try:
            await to_thread.run_sync(self.connect, context, "localhost")
        except OSError:
            return False
        return True

    def connect(self, context: ssl.SSLContext, name: str | None) -> bytes:
        """The certificate that is shown (DER). Raises OSError when refused."""
        with (
            socket.create_connection(("127.0.0.1", self.port), timeout=30) as plain,
            context.wrap_socket(plain, server_hostname=name) as made,
        ):
            made.sendall(b"GET / HTTP/1.1\r\nHost: any\r\nConnection: close\r\n\r\n")
            if not made.recv(1):
                raise ConnectionResetError
            return made.getpeercert(binary_form=True) or b""


@asynccontextmanager
async def serve(folder: Path, settings: Tls, signer: Signer, port: int) -> AsyncIterator[TlsDoor]:
    """Envoy with these settings in front of a service on `port`."""
    run, own = folder / "envoy", PORTS.take("gateway")
    run.mkdir()
    authority = Authority.open(folder / "keys", "shop", now=now)
    files = CertificateFiles(settings, run, base=folder, authority=authority, now=now, poll_s=0.02)
    await files.prepare()
    (run / "bootstrap.json").write_text(json.dumps(_bootstrap(settings, own, port)))
    async with envoy(run, own):
        yield TlsDoor(own, signer, files)


def _bootstrap(settings: Tls, own: int, port: int) -> dict[str, object]:
    host = http.host("*", http.to("app")) | {
        "request_headers_to_add": tls.request_headers(settings),
        "response_headers_to_add": tls.response_headers(settings),
    }
    dropped = {
        "name": "envoy.http.early_header_mutation.header_mutation",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.http.early_header_mutation"
            ".header_mutation.v3.HeaderMutation",
            "mutations": [{"remove": tls.CERTIFICATE_HEADER}],
        },
    }
    more = {**tls.manager_settings(settings), "early_header_mutation_extensions": [dropped]}
    routes = {"route_config": {"name": "all", "virtual_hosts": [host]}}
    door = http.listener("gateway", own, [http.manager("gateway", routes, more=more)])
    del door["@type"]
    door["filter_chains"][0] |= tls.filter_chain(settings)
    listeners = [door]
    if settings.redirect_http is not None:
        listeners.append(tls.redirect_listener("127.0.0.1", settings.redirect_http, own))
    cluster = http.peer_cluster("app", [Endpoint("127.0.0.1", port)])
    del cluster["@type"]
    return {
        "node": {"id": "gateway", "cluster": "gateway"},
        "admin": {"address": {"pipe": {"path": ADMIN_SOCKET, "mode": 0o600}}},
        "static_resources": {"listeners": listeners, "clusters": [cluster]},
    }


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(_PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
