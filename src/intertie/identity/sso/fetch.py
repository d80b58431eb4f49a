"""Requests to providers: small, short, encrypted, and never led elsewhere."""

import ipaddress
import json
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import httpx
from anyio import fail_after

from intertie.identity.sso import ProviderError
from intertie.identity.sso.sealing import Json

_TIMEOUT_S = 10.0
_MAX_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Answer:
    """What a provider said. `document` is empty unless the body is a JSON object."""

    status: int
    document: Json
    content: bytes


class Fetch:
    """One connection pool for all providers."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client

    @classmethod
    @asynccontextmanager
    async def open(cls, ca_file: Path | None = None) -> AsyncIterator["Fetch"]:
        """`ca_file` vouches for providers in place of the system's authorities."""
        trusted = ssl.create_default_context(cafile=str(ca_file) if ca_file else None)
        async with httpx.AsyncClient(
            verify=trusted, follow_redirects=False, trust_env=False, timeout=_TIMEOUT_S
        ) as client:
            yield cls(client)

    async def get(self, url: str, headers: Mapping[str, str] | None = None) -> Answer:
        """Raises ProviderError."""
        return await self._send("GET", url, headers=headers)

    async def post(
        self, url: str, form: Mapping[str, str], headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Raises ProviderError."""
        return await self._send("POST", url, form=form, headers=headers)

    async def _send(
        self,
        method: str,
        url: str,
        *,
        form: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        check_address(url)
        wanted = {"accept": "application/json", **(headers or {})}
        try:
            with fail_after(_TIMEOUT_S):
                async with self._client.stream(method, url, data=form, headers=wanted) as answer:
                    content = await _read(answer)
        except TimeoutError as exc:
            raise ProviderError(f"cannot ask {place(url)}: no answer in {_TIMEOUT_S:g} s") from exc
        except (httpx.HTTPError, ssl.SSLError, OSError) as exc:
            raise ProviderError(
                f"cannot ask {place(url)}: {str(exc) or type(exc).__name__}"
            ) from exc
        return Answer(answer.status_code, _object(content), content)


def check_address(url: str) -> None:
    """Only `https`, or this machine. Raises ProviderError."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError as exc:
        raise ProviderError(f"cannot use the address {url!r}: {exc}") from exc
    if parts.username is not None or parts.fragment or not host:
        raise ProviderError(f"cannot use the address {place(url)}: it is no plain address")
    if parts.scheme != "https" and not (parts.scheme == "http" and _is_local(host)):
        raise ProviderError(f"cannot use the address {place(url)}: it must be https")


def place(url: str) -> str:
    """Scheme, host and path of an address: what errors may tell."""
    return url.partition("?")[0].partition("#")[0].rpartition("@")[2][:200]


def _is_local(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


async def _read(answer: httpx.Response) -> bytes:
    content = bytearray()
    async for chunk in answer.aiter_bytes():
        content += chunk
        if len(content) > _MAX_BYTES:
            raise ProviderError(
                f"cannot read {place(str(answer.url))}: more than {_MAX_BYTES} bytes"
            )
    return bytes(content)


def _object(content: bytes) -> Json:
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
