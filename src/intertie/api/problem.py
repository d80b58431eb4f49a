"""Errors as RFC 9457 problem documents, the same shape for every failure."""

import logging
from http import HTTPStatus
from typing import cast

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from intertie.control.actor import ForbiddenError
from intertie.errors import (
    AccessDeniedError,
    BusError,
    BusUnavailableError,
    ChangeError,
    ConflictError,
    GatewayError,
    IntertieError,
    NotFoundError,
    RequestError,
    SuiteError,
    TooMuchError,
)
from intertie.integrations.errors import AbsentError, ClashError, IntegrationError, InvalidError

log = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
OUR_FAULT = "this is a fault of Intertie; the daemon's log has the details"

# First match wins, so that the most specific class decides.
_STATUS: tuple[tuple[type[IntertieError], HTTPStatus], ...] = (
    (ForbiddenError, HTTPStatus.FORBIDDEN),
    (AccessDeniedError, HTTPStatus.UNAUTHORIZED),
    (NotFoundError, HTTPStatus.NOT_FOUND),
    (ConflictError, HTTPStatus.CONFLICT),
    (SuiteError, HTTPStatus.UNPROCESSABLE_ENTITY),
    (RequestError, HTTPStatus.UNPROCESSABLE_ENTITY),
    (ChangeError, HTTPStatus.CONFLICT),
    (TooMuchError, HTTPStatus.TOO_MANY_REQUESTS),
    (GatewayError, HTTPStatus.BAD_GATEWAY),
    (BusUnavailableError, HTTPStatus.SERVICE_UNAVAILABLE),
    (BusError, HTTPStatus.UNPROCESSABLE_ENTITY),
    (InvalidError, HTTPStatus.UNPROCESSABLE_ENTITY),
    (AbsentError, HTTPStatus.NOT_FOUND),
    (ClashError, HTTPStatus.CONFLICT),
    (IntegrationError, HTTPStatus.BAD_GATEWAY),
    (IntertieError, HTTPStatus.INTERNAL_SERVER_ERROR),
)


class FaultDetail(BaseModel):
    """One mistake in what was sent, or in the suite file."""

    place: str
    message: str
    hint: str = ""


class Problem(BaseModel):
    """A problem document."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    faults: list[FaultDetail] = []


def problem_response(problem: Problem) -> JSONResponse:
    """`problem` as the answer; a 401 also says how to authenticate."""
    headers = {"www-authenticate": "Bearer"} if problem.status == HTTPStatus.UNAUTHORIZED else None
    return JSONResponse(
        problem.model_dump(exclude_defaults=False),
        problem.status,
        headers=headers,
        media_type=MEDIA_TYPE,
    )


def of(exc: IntertieError) -> Problem:
    """An error of ours as every way in tells it."""
    if type(exc) is IntertieError:
        # The class itself says no more than that what was asked for cannot be done.
        status = HTTPStatus.UNPROCESSABLE_ENTITY
    else:
        status = next(status for kind, status in _STATUS if isinstance(exc, kind))
    faults = [
        FaultDetail(
            place=f"{fault.file}:{fault.line}:{fault.column}",
            message=f"{fault.key}: {fault.message}",
            hint=fault.hint,
        )
        for fault in (exc.faults if isinstance(exc, SuiteError) else ())
    ]
    return Problem(title=status.phrase, status=status, detail=str(exc), faults=faults)


def install(app: FastAPI) -> None:
    """Make every error of `app` a problem document."""

    @app.exception_handler(IntertieError)
    async def on_ours(_: Request, exc: IntertieError) -> JSONResponse:
        answer = problem_response(of(exc))
        if isinstance(exc, TooMuchError):
            answer.headers["retry-after"] = str(exc.again_s)
        return answer

    @app.exception_handler(RequestValidationError)
    async def on_invalid(_: Request, exc: RequestValidationError) -> JSONResponse:
        status = HTTPStatus.UNPROCESSABLE_ENTITY
        faults = [
            FaultDetail(place=".".join(str(part) for part in error["loc"]), message=error["msg"])
            for error in exc.errors()
        ]
        detail = "cannot use this request: " + "; ".join(f"{f.place}: {f.message}" for f in faults)
        return problem_response(
            Problem(title=status.phrase, status=status, detail=detail, faults=faults)
        )

    @app.exception_handler(HTTPException)
    async def on_http(request: Request, exc: HTTPException) -> JSONResponse:
        status = HTTPStatus(exc.status_code)
        detail = f"cannot {request.method} {request.url.path}: {exc.detail}"
        answer = problem_response(Problem(title=status.phrase, status=status, detail=detail))
        answer.headers.update(exc.headers or {})
        if status == HTTPStatus.METHOD_NOT_ALLOWED and (allowed := _allowed(request)):
            answer.headers["allow"] = allowed
        return answer

    @app.exception_handler(Exception)
    async def on_bug(request: Request, exc: Exception) -> JSONResponse:
        log.error("request failed", exc_info=exc, extra={"path": request.url.path})
        status = HTTPStatus.INTERNAL_SERVER_ERROR
        return problem_response(Problem(title=status.phrase, status=status, detail=OUR_FAULT))


def _allowed(request: Request) -> str:
    """Methods of the path, as RFC 9110 section 15.5.6 wants them told; the router tells one."""
    app = cast("FastAPI", request.app)
    paths = cast("dict[str, dict[str, object]]", app.openapi()["paths"])
    path = request.url.path
    fitting = (methods for template, methods in paths.items() if _fits(template, path))
    return ", ".join(method.upper() for method in paths.get(path) or next(fitting, {}))


def _fits(template: str, path: str) -> bool:
    wanted, words = template.split("/"), path.split("/")
    return len(wanted) == len(words) and all(
        one.startswith("{") or one == word for one, word in zip(wanted, words, strict=True)
    )
