"""Errors of GraphQL answers: our own text and a code, never a traceback."""

import logging
from collections.abc import Sequence
from http import HTTPStatus
from typing import cast

from graphql import GraphQLError
from pydantic import JsonValue
from strawberry.exceptions import MissingQueryError
from strawberry.schema.exceptions import CannotGetOperationTypeError
from strawberry.types import ExecutionResult
from strawberry.types.execution import PreExecutionError

from intertie.api import problem
from intertie.errors import IntertieError

log = logging.getLogger(__name__)

_BAD_REQUEST = HTTPStatus.BAD_REQUEST.name


def as_message(result: ExecutionResult) -> dict[str, JsonValue]:
    """The answer to an operation; without `data` when it was not begun."""
    body: dict[str, JsonValue] = {}
    if result.errors:
        body["errors"] = formatted(result.errors)
    if not isinstance(result, PreExecutionError):
        body["data"] = cast("JsonValue", result.data)
    return body


def formatted(errors: Sequence[GraphQLError]) -> list[JsonValue]:
    """As the answer has them; `extensions.code` is the HTTP status that REST would give."""
    return [_formatted(error) for error in errors]


def _formatted(error: GraphQLError) -> JsonValue:
    told = cast("dict[str, JsonValue]", dict(error.formatted))
    told["message"], told["extensions"] = _told(error)
    return told


def _told(error: GraphQLError) -> tuple[str, dict[str, JsonValue]]:
    cause = _cause(error)
    if cause is None:
        return error.message, {"code": _BAD_REQUEST}
    if isinstance(cause, MissingQueryError):
        return "cannot run an empty query", {"code": _BAD_REQUEST}
    if isinstance(cause, CannotGetOperationTypeError):
        return "cannot tell which operation to run: name one of them", {"code": _BAD_REQUEST}
    if isinstance(cause, IntertieError):
        found = problem.of(cause)
        extensions: dict[str, JsonValue] = {"code": HTTPStatus(found.status).name}
        if found.faults:
            extensions["faults"] = [fault.model_dump() for fault in found.faults]
        return found.detail, extensions
    log.error("GraphQL request failed", exc_info=cause, extra={"path": error.path})
    return problem.OUR_FAULT, {"code": HTTPStatus.INTERNAL_SERVER_ERROR.name}


def _cause(error: GraphQLError) -> Exception | None:
    """What a resolver raised; None when the request itself is at fault."""
    cause: Exception | None = error
    while isinstance(cause, GraphQLError):
        cause = cause.original_error
    return cause
