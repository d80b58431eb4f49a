"""Errors of GraphQL answers."""

import logging
from pathlib import Path

import pytest
from graphql import GraphQLError
from strawberry.types import ExecutionResult
from strawberry.types.execution import PreExecutionError

from intertie.api.graphql_errors import as_message, formatted
from intertie.api.problem import OUR_FAULT
from intertie.errors import BusUnavailableError, ConflictError, Fault, NotFoundError, SuiteError


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (NotFoundError("cannot find it"), "NOT_FOUND"),
        (ConflictError("cannot do it"), "CONFLICT"),
        (BusUnavailableError("cannot reach it"), "SERVICE_UNAVAILABLE"),
    ],
)
def test_an_error_of_ours_is_shown_with_its_code(error: Exception, code: str) -> None:
    """As REST has it, wrapped however often."""
    wrapped = GraphQLError("x", original_error=GraphQLError("y", original_error=error))

    assert formatted([wrapped]) == [{"message": str(error), "extensions": {"code": code}}]


def test_a_fault_of_ours_is_logged_and_not_shown(caplog: pytest.LogCaptureFixture) -> None:
    """Not even its text."""
    with caplog.at_level(logging.ERROR):
        found = formatted([GraphQLError("hunter2", original_error=KeyError("hunter2"))])

    assert found == [{"message": OUR_FAULT, "extensions": {"code": "INTERNAL_SERVER_ERROR"}}]
    assert len(caplog.records) == 1


def test_each_fault_of_a_file_is_there() -> None:
    """With its place."""
    error = SuiteError([Fault(Path("s.yaml"), 4, 7, "a.b", "is unknown", "did you mean c?")])
    (found,) = formatted([GraphQLError("x", original_error=error)])

    assert isinstance(found, dict)
    assert found["extensions"] == {
        "code": "UNPROCESSABLE_ENTITY",
        "faults": [
            {"place": "s.yaml:4:7", "message": "a.b: is unknown", "hint": "did you mean c?"}
        ],
    }


def test_what_was_not_begun_has_no_data() -> None:
    """By that a client tells it from what failed on the way."""
    errors = [GraphQLError("no")]

    assert "data" not in as_message(PreExecutionError(data=None, errors=errors))
    assert as_message(ExecutionResult(data=None, errors=errors))["data"] is None
    assert as_message(ExecutionResult(data={"a": 1}, errors=None)) == {"data": {"a": 1}}
