"""Certificates that vendors sign with: fetched once, and kept as long as they are good."""

from datetime import datetime
from typing import TYPE_CHECKING

from anyio import CapacityLimiter

from intertie.integrations.errors import VendorDownError
from intertie.integrations.message import Request, Transport

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

_MOST = 64
_AT_ONCE = 4
_TIMEOUT_S = 5.0
_OK = 200
_LARGEST = 64 * 1024


class Certificates:
    """By address. Whoever asks has made sure that the address is the vendor's."""

    def __init__(self) -> None:
        self._known: dict[str, Certificate] = {}
        self._limiter = CapacityLimiter(_AT_ONCE)

    async def get(self, url: str, transport: Transport, now: datetime) -> "Certificate":
        """Raises VendorDownError, EgressError when it cannot be had."""
        found = self._known.get(url)
        if found is not None and now <= found.not_valid_after_utc:
            return found
        async with self._limiter:
            answer = await transport.send(Request("GET", url, timeout_s=_TIMEOUT_S))
        if answer.status != _OK or len(answer.body) > _LARGEST:
            raise VendorDownError(f"cannot fetch a certificate: {answer.status}")
        made = _read(answer.body)
        if len(self._known) >= _MOST:
            self._known.pop(next(iter(self._known)))
        self._known[url] = made
        return made


def _read(pem: bytes) -> "Certificate":
    from cryptography.x509 import load_pem_x509_certificate

    try:
        return load_pem_x509_certificate(pem)
    except ValueError as exc:
        raise VendorDownError(f"cannot read a certificate: {exc}") from None
