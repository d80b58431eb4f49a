"""The transport by aiohttp: one pool of connections for everything."""

import socket
from io import BytesIO
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from intertie.integrations.errors import EgressError, VendorDownError, VendorTimeoutError
from intertie.integrations.message import Request, Response

if TYPE_CHECKING:
    from aiohttp import ClientResponse, ClientSession, ClientTimeout

_MAX_ANSWER = 32 << 20
_IN_FLIGHT = 1000
_PER_HOST = 200
_AT_ONCE = 1 << 20
_PACKED = "content-encoding"
_CARRIERS = (ip_network("64:ff9b::/96"), ip_network("::/96"))  # NAT64 (RFC 6052); RFC 4291, 2.5.5.1


class AiohttpTransport:
    """Opened by its first request. A name that leads inside is refused unless `inside` says so."""

    def __init__(self, *, inside: bool = False, max_answer: int = _MAX_ANSWER) -> None:
        self._inside = inside
        self._max_answer = max_answer
        self._session: ClientSession | None = None
        self._timeouts: dict[float, ClientTimeout] = {}

    async def send(self, request: Request) -> Response:
        """See Transport."""
        import aiohttp
        import yarl

        session = self._session or self._open()
        timeout = self._timeouts.get(request.timeout_s)
        if timeout is None:
            timeout = aiohttp.ClientTimeout(total=request.timeout_s)
            self._timeouts[request.timeout_s] = timeout
        try:
            async with session.request(
                request.method,
                yarl.URL(request.url, encoded=True),  # else `%2E%2E` would go up in the path
                headers=request.headers,
                data=_payload(request.body),
                timeout=timeout,
                allow_redirects=False,
            ) as answer:
                body = await self._read(answer)
                headers = {name.lower(): value for name, value in answer.headers.items()}
                return Response(answer.status, headers, body)
        except TimeoutError:
            what = f"no answer within {request.timeout_s:g} s"
            raise VendorTimeoutError(f"cannot reach {_host(request)}: {what}") from None
        except _InsideError as exc:
            raise EgressError(f"cannot connect to {_host(request)}: {exc}") from None
        except _TooLargeError:
            what = f"it is over {self._max_answer >> 20} MiB"
            raise VendorDownError(f"cannot read the answer of {_host(request)}: {what}") from None
        except (aiohttp.ClientError, OSError, ValueError) as exc:
            inside = _inside(exc)
            if inside is not None:
                raise EgressError(f"cannot connect to {_host(request)}: {inside}") from None
            # The text of aiohttp's errors may hold the whole address, secrets included.
            raise VendorDownError(f"cannot reach {_host(request)}: {_reason(exc)}") from None

    async def aclose(self) -> None:
        """See Transport."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def _read(self, answer: "ClientResponse") -> bytes:
        """All of it. What is packed may be large, whatever length it says."""
        length = answer.content_length
        if length is not None and length <= self._max_answer and _PACKED not in answer.headers:
            return await answer.read()
        parts: list[bytes] = []
        left = self._max_answer + 1
        while left > 0 and (part := await answer.content.read(left)):
            parts.append(part)
            left -= len(part)
        if left <= 0:
            raise _TooLargeError
        return b"".join(parts)

    def _open(self) -> "ClientSession":
        import aiohttp

        connector = aiohttp.TCPConnector(
            limit=_IN_FLIGHT,
            limit_per_host=_PER_HOST,
            resolver=None if self._inside else _guarded(),
        )
        self._session = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=True,
            trust_env=False,
        )
        return self._session


class _TooLargeError(Exception):
    """More than is read."""


class _InsideError(OSError):
    """A public name led to an address of our own network."""


def _payload(body: bytes | None) -> Any:
    """Large ones in pieces, so that other calls go on meanwhile."""
    return BytesIO(body) if body is not None and len(body) > _AT_ONCE else body


def check_outside(host: str, address: str) -> None:
    """Raise unless it is an address of the public internet, or the host is written as one."""
    found = _real(ip_address(address.partition("%")[0]))
    outside = found.is_global and not found.is_multicast
    if not outside and host not in {"localhost", address}:
        raise _InsideError(f"its name leads to {address}, which is not a public address")


def _real(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """The one of version 4 that one of version 6 stands for, where it does."""
    if isinstance(address, IPv4Address):
        return address
    carried = any(address in network for network in _CARRIERS)
    low = IPv4Address(int(address) & 0xFFFF_FFFF) if carried else None
    return address.ipv4_mapped or address.sixtofour or low or address


def _guarded() -> Any:
    from aiohttp import ThreadedResolver
    from aiohttp.abc import ResolveResult

    class Guarded(ThreadedResolver):
        async def resolve(
            self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
        ) -> list[ResolveResult]:
            found = await super().resolve(host, port, family)
            for each in found:
                check_outside(host, each["host"])
            return found

    return Guarded()


def _host(request: Request) -> str:
    return urlsplit(request.url).hostname or ""


def _inside(exc: BaseException) -> str | None:
    seen: BaseException | None = exc
    while seen is not None:
        if isinstance(seen, _InsideError):
            return str(seen)
        seen = seen.__cause__ or seen.__context__
    return None


def _reason(exc: BaseException) -> str:
    reasons = {
        "ClientConnectorDNSError": "its name is unknown",
        "ClientConnectorCertificateError": "its certificate is not good",
        "ClientConnectorSSLError": "TLS failed",
        "ServerDisconnectedError": "it closed the connection",
        "ClientPayloadError": "its answer broke off",
    }
    name = type(exc).__name__
    errno = getattr(exc, "strerror", None)
    return reasons.get(name) or str(errno or name)
