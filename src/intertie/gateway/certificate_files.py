"""The user's certificate files: read again when they change, and judged before Envoy sees them."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

from anyio import TASK_STATUS_IGNORED, sleep, to_thread
from anyio.abc import TaskStatus
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from intertie.errors import GatewayError
from intertie.gateway.mesh import secrets
from intertie.gateway.tls import CLIENTS, server_secret
from intertie.gateway.xds import Json
from intertie.identity.authority import Authority, Credential
from intertie.runtime.component import Health, Status
from intertie.suite.tls import Certificate, Tls

log = logging.getLogger(__name__)

_POLL_S = 1.0
_MAX_BYTES = 1024 * 1024
_SELF_SIGNED_LIFE = timedelta(days=30)
_LAST_PART = 0.1
_MIN_RSA_BITS = 2048
_LOCAL = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True, slots=True)
class _Live:
    """What Envoy was given under one name."""

    secret: Json
    ends: datetime | None
    warn_at: datetime | None
    """When there is little left of its life."""


class CertificateFiles:
    """A component: gives Envoy, which runs in `folder`, the certificates that `tls` names.

    A file may be replaced or written in place: certificate and key are taken once they belong
    together. What is not good is refused, and Envoy keeps what it has. `base` is the folder that
    relative paths start from; `authority` signs where `tls` says `self_signed`.
    """

    def __init__(
        self,
        tls: Tls,
        folder: Path,
        *,
        base: Path,
        authority: Authority,
        now: Callable[[], datetime],
        poll_s: float = _POLL_S,
    ) -> None:
        self._tls = tls
        self._folder = folder
        self._base = base
        self._authority = authority
        self._now = now
        self._poll_s = poll_s
        self._live: dict[str, _Live] = {}
        self._errors: dict[str, str] = {}
        self._seen: dict[str, str] = {}
        self._told: dict[str, str] = {}

    async def prepare(self) -> None:
        """Write what Envoy starts from. Raises GatewayError with all that is wrong."""
        await to_thread.run_sync(self._look)
        if self._errors:
            raise GatewayError("; ".join(self._errors.values()))

    async def run(self, *, task_status: TaskStatus[None] = TASK_STATUS_IGNORED) -> None:
        """See Component. Call `prepare` before."""
        task_status.started()
        while True:
            await sleep(self._poll_s)
            await to_thread.run_sync(self._look)
            self._tell()

    def health(self) -> Health:
        """See Component: DEGRADED by files that were refused, and by certificates about to end."""
        reasons = [*self._errors.values(), *self._ending()]
        return Health(Status.DEGRADED, "; ".join(reasons)) if reasons else Health(Status.UP)

    def _look(self) -> None:
        errors: dict[str, str] = {}
        for name, load in self._loads().items():
            try:
                found = load()
                if found != self._live.get(name):
                    secrets.put(self._folder, {name: found.secret})
                    self._live[name] = found
            except (GatewayError, OSError) as exc:
                errors[name] = str(exc)
        self._errors = errors

    def _loads(self) -> Mapping[str, Callable[[], _Live]]:
        loads: dict[str, Callable[[], _Live]] = {}
        for index, certificate in enumerate(self._tls.certificates):
            name = server_secret(index)
            loads[name] = partial(self._pair, name, certificate)
        if self._tls.self_signed:
            loads[server_secret(0)] = self._signed
        if self._tls.client_ca_file is not None:
            loads[CLIENTS] = self._clients
        return loads

    def _pair(self, name: str, certificate: Certificate) -> _Live:
        chain = self._read(certificate.cert_file)
        key = self._read(certificate.key_file)
        leaf = judge(chain, key, self._now(), file=certificate.cert_file)
        life = leaf.not_valid_after_utc - leaf.not_valid_before_utc
        end = leaf.not_valid_after_utc
        credential = Credential(chain, key, leaf.not_valid_before_utc, end)
        return _Live(secrets.certificate(name, credential), end, end - life * _LAST_PART)

    def _signed(self) -> _Live:
        name = server_secret(0)
        live = self._live.get(name)
        if live is not None and live.ends and self._now() < live.ends - _SELF_SIGNED_LIFE / 2:
            return live
        made = self._authority.issue_server(_LOCAL, lifetime=_SELF_SIGNED_LIFE)
        return _Live(secrets.certificate(name, made), made.not_after, None)

    def _clients(self) -> _Live:
        file, revoked = self._tls.client_ca_file or "", self._tls.crl_file
        roots = self._read(file)
        _authorities(roots, file)
        listed = self._read(revoked) if revoked else ""
        if revoked:
            _revocations(listed, revoked, self._now())
        return _Live(secrets.authorities(CLIENTS, roots, revoked=listed), None, None)

    def _read(self, name: str) -> str:
        path = self._base / name
        try:
            with path.open("rb") as stream:
                content = stream.read(_MAX_BYTES + 1)
            if len(content) > _MAX_BYTES:
                raise GatewayError(f"cannot use {path}: it is larger than {_MAX_BYTES} bytes")
            return content.decode("ascii")
        except OSError as exc:
            raise GatewayError(f"cannot read {path}: {exc.strerror}") from exc
        except UnicodeDecodeError as exc:
            raise GatewayError(f"cannot use {path}: it is not PEM text") from exc

    def _ending(self) -> list[str]:
        now = self._now()
        return [
            f"certificate {name} ends {live.ends:%Y-%m-%d %H:%M} UTC: renew it"
            for name, live in sorted(self._live.items())
            if live.ends and live.warn_at and live.warn_at <= now
        ]

    def _tell(self) -> None:
        """Each fault once, and not at the first look: a pair is not written at one moment."""
        for name, error in self._errors.items():
            if self._seen.get(name) == error and self._told.get(name) != error:
                log.error("certificate refused", extra={"secret": name, "why": error})
                self._told[name] = error
        self._seen = self._errors
        self._told = {name: error for name, error in self._told.items() if name in self._errors}


def judge(chain: str, key: str, now: datetime, *, file: str) -> x509.Certificate:
    """The certificate itself, first of its chain, if it can be used. Raises GatewayError."""
    try:
        leaf = x509.load_pem_x509_certificates(chain.encode())[0]
    except ValueError as exc:
        raise GatewayError(f"cannot use certificate {file}: it is not one: {exc}") from exc
    private = _private_key(key, file)
    if private.public_key() != leaf.public_key():
        raise GatewayError(f"cannot use certificate {file}: its key is that of another one")
    if leaf.not_valid_after_utc <= now:
        when = f"{leaf.not_valid_after_utc:%Y-%m-%d %H:%M} UTC"
        raise GatewayError(f"cannot use certificate {file}: it ended {when}; renew it")
    if leaf.not_valid_before_utc > now:
        when = f"{leaf.not_valid_before_utc:%Y-%m-%d %H:%M} UTC"
        raise GatewayError(f"cannot use certificate {file}: it begins {when}")
    return leaf


def _private_key(key: str, file: str) -> rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey:
    try:
        private = load_pem_private_key(key.encode(), None)
    except TypeError as exc:
        raise GatewayError(f"cannot use certificate {file}: its key has a password") from exc
    except ValueError as exc:
        raise GatewayError(f"cannot use certificate {file}: its key cannot be read") from exc
    if isinstance(private, ec.EllipticCurvePrivateKey):
        return private
    if isinstance(private, rsa.RSAPrivateKey) and private.key_size >= _MIN_RSA_BITS:
        return private
    raise GatewayError(
        f"cannot use certificate {file}: its key is neither ECDSA nor RSA of {_MIN_RSA_BITS} bits"
    )


def _authorities(text: str, file: str) -> None:
    try:
        x509.load_pem_x509_certificates(text.encode())
    except ValueError as exc:
        raise GatewayError(f"cannot use {file}: it holds no certificate of an authority") from exc


def _revocations(text: str, file: str, now: datetime) -> None:
    try:
        found = x509.load_pem_x509_crl(text.encode())
    except ValueError as exc:
        raise GatewayError(f"cannot use {file}: it is no list of revoked certificates") from exc
    if found.next_update_utc is not None and found.next_update_utc <= now:
        raise GatewayError(
            f"cannot use {file}: the list was good until {found.next_update_utc:%Y-%m-%d %H:%M} UTC"
        )
