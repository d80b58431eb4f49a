"""Where the master key of the vault comes from: a file, a secret, the system's keyring, a server.

Keys are 32 bytes in base64, one a line, the newest first; a file has a format of its own. There is
no default: who gives none gets an error, and nothing is kept in clear.
"""

import json
from dataclasses import dataclass, field
from importlib import import_module
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import quote, urlsplit

from anyio import to_thread

from intertie.errors import StoreError
from intertie.identity.sealed import Sealer
from intertie.integrations.errors import IntegrationError
from intertie.integrations.look import at
from intertie.integrations.message import Request, Response, Transport

_MAKE = "openssl rand -base64 32"
_OK = 200
_DENIED = 403
_ABSENT = 404
_SEALED = 503


@dataclass(frozen=True, slots=True)
class KvPlace:
    """A secret of HashiCorp Vault or OpenBao, engine KV version 2."""

    address: str
    """Such as `https://vault.internal:8200`."""
    path: str
    """Below the mount, such as `intertie/master`."""
    token: str = field(repr=False)
    mount: str = "secret"
    key: str = "key"
    """Which field of the secret has it."""
    namespace: str = ""


async def from_file(file: Path) -> Sealer:
    """Of a file that only this user may read; made, with a new key, when missing."""
    return await to_thread.run_sync(Sealer.open, file)


def from_secret(text: str | None, *, where: str) -> Sealer:
    """Of a text; `where` says in errors whose. Raises StoreError when there is none."""
    if not text or not text.strip():
        raise StoreError(f"cannot use {where} as master key: it is empty; make one: {_MAKE}")
    try:
        return Sealer.from_secret(text)
    except StoreError:
        what = f"expected 32 bytes in base64; make one: {_MAKE}"
        raise StoreError(f"cannot use {where} as master key: {what}") from None


async def from_keyring(service: str = "intertie", user: str = "master") -> Sealer:
    """Of the system's keyring. Raises StoreError without the library, a keyring or the key."""
    text = await to_thread.run_sync(_of_keyring, service, user)
    if text is None:
        what = f"it has none; make one: {_MAKE} | keyring set {service} {user}"
        raise StoreError(f"cannot read the master key from the keyring: {what}")
    return from_secret(text, where=f"{service}/{user} of the keyring")


async def from_kv(transport: Transport, kv: KvPlace, *, timeout_s: float = 10.0) -> Sealer:
    """Of a vault server, asked once. Raises StoreError, which never shows the token or the key.

    https://developer.hashicorp.com/vault/api-docs/secret/kv/kv-v2#read-secret-version
    """
    _check(kv)
    headers = {"x-vault-token": kv.token, "accept": "application/json"}
    if kv.namespace:
        headers["x-vault-namespace"] = kv.namespace
    url = f"{kv.address.rstrip('/')}/v1/{quote(kv.mount)}/data/{quote(kv.path)}"
    try:
        answer = await transport.send(Request("GET", url, headers, timeout_s=timeout_s))
    except IntegrationError as exc:
        raise StoreError(f"cannot read the master key: {exc}") from None
    return from_secret(_text(kv, answer), where=_name(kv))


def _of_keyring(service: str, user: str) -> str | None:
    try:
        keyring = import_module("keyring")
        failed: type[Exception] = import_module("keyring.errors").KeyringError
    except ImportError:
        what = 'the library is missing; run: pip install "intertie[keyring]"'
        raise StoreError(f"cannot read the master key from the keyring: {what}") from None
    try:
        found: str | None = keyring.get_password(service, user)
    except failed as exc:
        what = f"there is none that can be used ({type(exc).__name__})"
        raise StoreError(f"cannot read the master key from the keyring: {what}") from None
    return found


def _check(kv: KvPlace) -> None:
    if not kv.token:
        raise StoreError(f"cannot read {_name(kv)}: there is no token for {kv.address}")
    if ".." in f"{kv.mount}/{kv.path}".split("/"):
        raise StoreError(f"cannot read {_name(kv)}: `..` is no part of a path")
    parts = urlsplit(kv.address)
    if parts.scheme != "https" and not is_loopback(parts.hostname or ""):
        what = "the token would go over the network in clear; use https"
        raise StoreError(f"cannot read {_name(kv)} from {kv.address}: {what}")


def is_loopback(host: str) -> bool:
    """Whether it is this machine, by its text."""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _text(kv: KvPlace, answer: Response) -> str:
    if answer.status == _OK:
        found = at(_parsed(answer.body), f"data.data.{kv.key}")
        if isinstance(found, str):
            return found
        raise StoreError(f"cannot read {_name(kv)}: it has no field {kv.key!r} with a text")
    put = f"bao kv put -mount={kv.mount} {kv.path} {kv.key}=$({_MAKE})"
    reasons = {
        _DENIED: "the token does not allow it, or has ended",
        _ABSENT: f"there is none; make one: {put}",
        _SEALED: "the server is sealed; unseal it",
    }
    why = reasons.get(answer.status, f"the server answered {answer.status}")
    raise StoreError(f"cannot read {_name(kv)} from {kv.address}: {why}")


def _parsed(body: bytes) -> object:
    try:
        told: object = json.loads(body)
    except ValueError:
        return None
    return told


def _name(kv: KvPlace) -> str:
    return f"{kv.mount}/{kv.path}"
