"""Who asks, for what, and whose answers may be given: the keys of the store.

Tenant, identity and route are what the gateway says in fields that clients cannot send. Pure.
"""

from hashlib import blake2b
from typing import Final

from intertie.gateway.cache.message import Request
from intertie.gateway.cache.policy import Terms
from intertie.gateway.cache.store import PUBLIC, Address

ROUTE_HEADER: Final = b"x-intertie-cache"
TENANT_HEADER: Final = b"x-tenant-id"
ORIGINAL_PATH_HEADER: Final = b"x-envoy-original-path"
_IDENTITY: Final = (b"x-client-id", b"x-forwarded-user", b"x-roles")
_CREDENTIALS: Final = (
    b"authorization",
    b"cookie",
    b"signature-input",
    b"x-api-key",
    b"x-client-certificate",
)
ANONYMOUS: Final = b"anonymous"
"""The partition of who shows no credentials."""
_ASKED_AS: Final = (
    b"forwarded",
    b"origin",
    b"x-forwarded-host",
    b"x-forwarded-port",
    b"x-forwarded-prefix",
    b"x-forwarded-proto",
    b"x-forwarded-scheme",
    b"x-forwarded-server",
    b"x-host",
    b"x-http-method",
    b"x-http-method-override",
    b"x-method-override",
    b"x-original-url",
    b"x-rewrite-url",
)
"""What services answer differently for, though Vary does not say so: cache poisoning."""
_ASKED_AS_SET: Final = frozenset(_ASKED_AS)


def route(request: Request, *, trusted: bool) -> bytes:
    """The id of its route; empty where no gateway says one."""
    return request.table.get(ROUTE_HEADER, b"") if trusted else b""


def address(request: Request, *, trusted: bool) -> Address:
    """What is asked for."""
    table = request.table
    asked_as: tuple[bytes, ...] = ()
    if not table.keys().isdisjoint(_ASKED_AS_SET):
        asked_as = tuple(
            part for name in _ASKED_AS if name in table for part in (name, table[name])
        )
    path = table.get(ORIGINAL_PATH_HEADER) if trusted else None
    return Address(
        table.get(TENANT_HEADER, b"") if trusted else b"",
        route(request, trusted=trusted),
        table.get(b"host", b"").lower(),
        path or request.target,
        asked_as,
    )


def partition(request: Request, terms: Terms, *, trusted: bool) -> bytes:
    """Whose answers it may have beside those for everybody of its tenant."""
    if terms.shared:
        return PUBLIC
    table = request.table
    named = (*_IDENTITY, *_CREDENTIALS) if trusted else _CREDENTIALS
    if table.keys().isdisjoint(named):
        return ANONYMOUS
    digest = blake2b(digest_size=16)
    for name in named:
        value = table.get(name)
        # With its length: no value of one can pass for the beginning of the next.
        digest.update((b"-" if value is None else b"%d:" % len(value)) + (value or b""))
    return digest.digest()
