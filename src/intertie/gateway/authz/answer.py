"""What Envoy is answered, as the bytes of an HTTP/1.1 response."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus

from intertie.gateway.xds import (
    CLIENT_HEADER,
    IDENTITY_HEADER,
    KEY_HEADER,
    ROLES_HEADER,
    TENANT_HEADER,
)
from intertie.identity.principal import Principal

REMOVE = "x-envoy-auth-headers-to-remove"
PASS = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n"
_UNSAFE = {ord(char): "?" for char in "\r\n\0"}


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a request may not pass: which rule, and what its sender can do."""

    status: int
    code: str
    """A word that does not change."""
    detail: str
    policy: str = ""
    """The rule that refused: `role:admin`, `burst`."""
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    type: str = "about:blank"
    violated: Sequence[str] = ()
    violations: Sequence[Mapping[str, str]] = ()
    """What is wrong with the request itself."""


def refusal(refused: Refusal, *, route: str, request_id: str) -> bytes:
    """A problem document (RFC 9457)."""
    title = HTTPStatus(refused.status).phrase if refused.status in _KNOWN else "Refused"
    told: dict[str, object] = {
        "type": refused.type,
        "title": title,
        "status": refused.status,
        "detail": refused.detail,
        "code": refused.code,
        "policy": refused.policy,
        "route": route,
        "request_id": request_id,
    }
    if refused.violated:
        told["violated-policies"] = list(refused.violated)
    if refused.violations:
        told["violations"] = list(refused.violations)
    body = json.dumps({key: value for key, value in told.items() if value != ""}).encode()
    return document(refused.status, body, refused.headers, kind="application/problem+json")


def document(
    status: int, body: bytes, headers: Mapping[str, str] | None = None, *, kind: str
) -> bytes:
    """Any answer that has a body."""
    phrase = HTTPStatus(status).phrase if status in _KNOWN else "Refused"
    head = [f"HTTP/1.1 {status} {phrase}", f"content-type: {kind}", f"content-length: {len(body)}"]
    head += [f"{name}: {value.translate(_UNSAFE)}" for name, value in (headers or {}).items()]
    head += ["cache-control: no-store", "", ""]
    return "\r\n".join(head).encode("latin-1", "replace") + body


def identity(principal: Principal | None, *, hides: str = KEY_HEADER) -> bytes:
    """The headers that tell a service who asks, and that of the credential it must not see."""
    if principal is None:
        return f"{REMOVE}: {hides}\r\n".encode()
    roles = f",{','.join(principal.roles)}," if principal.roles else ""
    told = {
        IDENTITY_HEADER: principal.forwarded(),
        CLIENT_HEADER: principal.client,
        TENANT_HEADER: principal.tenant,
        ROLES_HEADER: roles,
        REMOVE: hides,
    }
    return header_lines(told)


def header_lines(headers: Mapping[str, str]) -> bytes:
    """As they go over the wire; what would break a line is taken out, what is empty left out."""
    lines = (f"{name}: {value.translate(_UNSAFE)}\r\n" for name, value in headers.items() if value)
    return "".join(lines).encode("latin-1", "replace")


def without_cookies(header: str, names: Sequence[str]) -> str:
    """A `Cookie` header that lacks some; empty if it has no others."""
    parts = (part.strip() for part in header.split(";"))
    return "; ".join(part for part in parts if part and part.partition("=")[0].strip() not in names)


_KNOWN = frozenset(HTTPStatus)
