"""What all media services do the same way over HTTP: identity, bodies, problem documents."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import TypeVar

from pydantic import BaseModel, ValidationError
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute

from intertie.errors import (
    AccessDeniedError,
    ConflictError,
    IntertieError,
    NotFoundError,
    StoreError,
)
from intertie_media.documents import UserId
from intertie_media.errors import CHECKSUM_MISMATCH, Refused

IDENTITY_HEADER = "x-forwarded-user"
MAX_JSON_BYTES = 64 * 1024

_PROBLEM = "application/problem+json"
_TITLES = {CHECKSUM_MISMATCH: "Checksum Mismatch"}
# Answered before the body was read to its end: what is still coming is not to be waited for.
_HANG_UP = frozenset({HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.REQUEST_TIMEOUT})

# First match wins, so that the most specific class decides.
_STATUS: tuple[tuple[type[IntertieError], HTTPStatus], ...] = (
    (AccessDeniedError, HTTPStatus.FORBIDDEN),
    (NotFoundError, HTTPStatus.NOT_FOUND),
    (ConflictError, HTTPStatus.CONFLICT),
    (StoreError, HTTPStatus.SERVICE_UNAVAILABLE),
    (IntertieError, HTTPStatus.INTERNAL_SERVER_ERROR),
)

M = TypeVar("M", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Identity:
    """Who asks, as the gateway found out."""

    user: UserId
    roles: frozenset[str] = frozenset()

    @property
    def is_admin(self) -> bool:
        """Whether other users' assets may be seen and changed."""
        return "admin" in self.roles

    def must_own(self, owner: UserId, what: str) -> None:
        """Raises AccessDeniedError for somebody else's, unless an admin asks."""
        if owner != self.user and not self.is_admin:
            raise AccessDeniedError(f"cannot use this {what}: access denied, it is not yours")


def application(routes: Sequence[BaseRoute]) -> Starlette:
    """An app whose every error is a problem document."""
    return Starlette(
        routes=routes,
        exception_handlers={
            IntertieError: _on_ours,
            HTTPException: _on_http,
            ClientDisconnect: _on_disconnect,
            Exception: _on_bug,
        },
    )


def identity(request: Request) -> Identity:
    """The claims that the gateway put into the request. Raises Refused (401)."""
    try:
        # Header values come as Latin-1; the gateway writes UTF-8.
        text = request.headers[IDENTITY_HEADER].encode("latin-1").decode()
        claims = json.loads(text)
    except (KeyError, ValueError):
        claims = None
    subject = claims.get("sub") if isinstance(claims, dict) else None
    if not isinstance(subject, str) or not subject:
        raise Refused(
            "cannot tell who you are: send a token through the gateway",
            status=HTTPStatus.UNAUTHORIZED,
            code="unauthenticated",
        )
    roles = claims.get("roles") if isinstance(claims, dict) else None
    named = [role for role in roles if isinstance(role, str)] if isinstance(roles, list) else []
    return Identity(UserId(subject), frozenset(named))


def identity_header(user: str, *roles: str) -> dict[str, str]:
    """The same header, for a call from one service to another."""
    return {IDENTITY_HEADER: json.dumps({"sub": user, "roles": list(roles)})}


async def read_json(request: Request, model: type[M]) -> M:
    """The body as `model`; no body is an empty object. Raises Refused (413, 422)."""
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > MAX_JSON_BYTES:
            raise Refused(
                f"cannot take this body: more than {MAX_JSON_BYTES} bytes of JSON",
                status=HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                code="body_too_large",
            )
    try:
        return model.model_validate_json(bytes(body) or b"{}")
    except ValidationError as exc:
        raise _invalid("body", exc) from exc


def read_query(request: Request, model: type[M]) -> M:
    """The query as `model`. Raises Refused (422)."""
    try:
        return model.model_validate(dict(request.query_params))
    except ValidationError as exc:
        raise _invalid("query", exc) from exc


def reply(
    content: BaseModel | Mapping[str, object],
    status: int = HTTPStatus.OK,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """`content` as JSON that no cache keeps."""
    data = content.model_dump(mode="json") if isinstance(content, BaseModel) else dict(content)
    return JSONResponse(data, status, headers={"cache-control": "no-store", **(headers or {})})


def problem(
    status: int,
    detail: str,
    *,
    code: str,
    members: Mapping[str, object] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """A problem document; `code` is for programs."""
    body = {
        "type": "about:blank",
        "title": _TITLES.get(status) or HTTPStatus(status).phrase,
        "status": int(status),
        "detail": detail,
        "code": code,
        **(members or {}),
    }
    return JSONResponse(body, status, headers=headers, media_type=_PROBLEM)


def _invalid(where: str, exc: ValidationError) -> Refused:
    faults = [
        {"place": ".".join(str(part) for part in error["loc"]) or where, "message": error["msg"]}
        for error in exc.errors(include_url=False, include_input=False)
    ]
    told = "; ".join(f"{fault['place']}: {fault['message']}" for fault in faults)
    return Refused(
        f"cannot use this {where}: {told}",
        status=HTTPStatus.UNPROCESSABLE_ENTITY,
        code="invalid",
        faults=faults,
    )


async def _on_ours(_: Request, exc: Exception) -> Response:
    if isinstance(exc, Refused):
        headers = {"connection": "close"} if exc.status in _HANG_UP else None
        return problem(exc.status, str(exc), code=exc.code, members=exc.members, headers=headers)
    status = next(status for kind, status in _STATUS if isinstance(exc, kind))
    return problem(status, str(exc), code=_word(status))


async def _on_http(request: Request, exc: Exception) -> Response:
    found = exc if isinstance(exc, HTTPException) else HTTPException(500)
    status = HTTPStatus(found.status_code)
    detail = f"cannot {request.method} {request.url.path}: {found.detail}"
    return problem(status, detail, code=_word(status), headers=found.headers)


async def _on_disconnect(_: Request, __: Exception) -> Response:
    """Nobody reads it."""
    return Response(status_code=HTTPStatus.BAD_REQUEST)


async def _on_bug(_: Request, __: Exception) -> Response:
    return problem(
        HTTPStatus.INTERNAL_SERVER_ERROR,
        "this is a fault of ours; the service's log has the details",
        code="internal",
    )


def _word(status: HTTPStatus) -> str:
    return status.phrase.lower().replace(" ", "_")
