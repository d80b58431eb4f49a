"""The suite's own certificate authority: certificates say who a service is (SPIFFE X.509-SVID).

The root lives ten years in one 0600 file. Leaves live shortly: made anew rather than revoked.
"""

import ipaddress
import os
import re
import secrets
import tempfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from intertie.errors import StoreError

_KEY_FILE = "authority.pem"
_PUBLIC_FILE = "authority.crt"
_ROOT_LIFE = timedelta(days=3650)
# Clocks of machines differ; a certificate is not refused for being a little too new.
_BACK_DATED = timedelta(minutes=1)
# What the SPIFFE standard allows in a trust domain and in a segment of a path, dots alone excepted.
_WORD = re.compile(r"[a-z0-9][a-z0-9_.-]{0,62}")
_OTHERS = 0o077
_TO_READ = 0o644


@dataclass(frozen=True, slots=True)
class Credential:
    """A certificate with its private key, both PEM."""

    chain: str
    key: str = field(repr=False)
    made_at: datetime
    not_after: datetime


def spiffe_id(suite: str, service: str) -> str:
    """The identity of a service. Raises ValueError for a name that would not be one segment."""
    if not _WORD.fullmatch(suite) or not _WORD.fullmatch(service):
        raise ValueError(f"cannot name an identity after {suite!r} and {service!r}")
    return f"spiffe://{suite}/{service}"


class Authority:
    """Signs certificates of one suite with a P-256 key that never leaves its file."""

    def __init__(
        self,
        suite: str,
        root: x509.Certificate,
        key: ec.EllipticCurvePrivateKey,
        *,
        now: Callable[[], datetime],
    ) -> None:
        self._suite = suite
        self._root = root
        self._key = key
        self._now = now

    @classmethod
    def open(cls, folder: Path, suite: str, *, now: Callable[[], datetime]) -> Self:
        """The authority whose key lies in `folder`; key and folder (0700) are made when missing.

        Raises StoreError when the key cannot be used, or others may read it.
        """
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = folder / _KEY_FILE
        if not file.exists():
            _put_once(file, _new_root(suite, now()))
        root, key = _read(file)
        if root.not_valid_after_utc <= now():
            raise StoreError(
                f"cannot use the authority {file}: it ended {root.not_valid_after_utc:%Y-%m-%d};"
                " remove the file and start the suite anew"
            )
        made = cls(suite, root, key, now=now)
        _publish(folder / _PUBLIC_FILE, made.root)
        return made

    def __repr__(self) -> str:
        return f"Authority(suite={self._suite!r})"

    @property
    def root(self) -> str:
        """The certificate (PEM) by which all others are checked; no secret."""
        return self._root.public_bytes(serialization.Encoding.PEM).decode()

    def issue(self, service: str, *, lifetime: timedelta) -> Credential:
        """For both ends of a connection, with the identity of `service`.

        Raises ValueError for a name that would not be one segment.
        """
        identity = x509.UniformResourceIdentifier(spiffe_id(self._suite, service))
        uses = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
        return self._sign(service, [identity], uses, lifetime)

    def issue_server(self, names: Sequence[str], *, lifetime: timedelta) -> Credential:
        """For a server found under these host names and addresses; it is no service's identity."""
        uses = [ExtendedKeyUsageOID.SERVER_AUTH]
        return self._sign(names[0][:64], [_host(name) for name in names], uses, lifetime)

    def _sign(
        self,
        common_name: str,
        names: Sequence[x509.GeneralName],
        uses: Sequence[x509.ObjectIdentifier],
        lifetime: timedelta,
    ) -> Credential:
        now = self._now()
        key = ec.generate_private_key(ec.SECP256R1())
        end = min(now + lifetime, self._root.not_valid_after_utc)
        made = (
            _begin(_name(common_name), self._root.subject, key.public_key())
            .not_valid_before(now - _BACK_DATED)
            .not_valid_after(end)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(signs_certificates=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage(uses), critical=False)
            .add_extension(x509.SubjectAlternativeName(names), critical=False)
            .add_extension(_key_of(self._key), critical=False)
            .sign(self._key, hashes.SHA256())
        )
        chain = made.public_bytes(serialization.Encoding.PEM).decode()
        return Credential(chain, _private(key).decode(), now, made.not_valid_after_utc)


def _new_root(suite: str, now: datetime) -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = _name(f"intertie {suite}"[:64])
    made = (
        _begin(subject, subject, key.public_key())
        .not_valid_before(now - _BACK_DATED)
        .not_valid_after(now + _ROOT_LIFE)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .sign(key, hashes.SHA256())
    )
    return _private(key) + made.public_bytes(serialization.Encoding.PEM)


def _begin(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _key_of(key: ec.EllipticCurvePrivateKey) -> x509.AuthorityKeyIdentifier:
    return x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key())


def _host(name: str) -> x509.GeneralName:
    with suppress(ValueError):
        return x509.IPAddress(ipaddress.ip_address(name))
    return x509.DNSName(name)


def _private(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def _put_once(file: Path, content: bytes) -> None:
    """The whole file or none of it; of two that try at once, one wins."""
    handle, part = tempfile.mkstemp(dir=file.parent)  # 0600
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        with suppress(FileExistsError):
            os.link(part, file)
    finally:
        os.unlink(part)


def _read(file: Path) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    try:
        if file.stat().st_mode & _OTHERS:
            raise StoreError(
                f"cannot use the authority {file}: others may read its key; if nobody did, run"
                f" `chmod 600 {file}`, or else remove it"
            )
        content = file.read_bytes()
        root = x509.load_pem_x509_certificate(content)
        key = serialization.load_pem_private_key(content, None)
    except (OSError, ValueError) as exc:
        raise StoreError(f"cannot read the authority {file}: {exc}") from exc
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.public_key() != root.public_key():
        raise StoreError(f"cannot use the authority {file}: its key is not its certificate's")
    return root, key


def _publish(file: Path, text: str) -> None:
    """For clients that are to trust what it signs."""
    if file.exists() and file.read_text() == text:
        return
    part = file.with_name(f"{file.name}.{secrets.token_hex(4)}")  # others may do the same now
    part.write_text(text)
    part.chmod(_TO_READ)
    part.replace(file)
