"""Errors as problem documents."""

from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from intertie.api import problem
from intertie.errors import (
    AccessDeniedError,
    ChangeError,
    ConflictError,
    DaemonError,
    Fault,
    GatewayError,
    IntertieError,
    NotFoundError,
    RequestError,
    SuiteError,
)
from intertie.integrations.errors import (
    AbsentError,
    ClashError,
    InvalidError,
    VendorDownError,
)

pytestmark = pytest.mark.anyio


async def ask(raising: Callable[[], Exception]) -> httpx.Response:
    """The answer of an application whose only route raises."""
    app = FastAPI()
    problem.install(app)

    @app.get("/it")
    async def it() -> None:
        raise raising()

    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        return await client.get("/it")


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        (AccessDeniedError, 401),
        (NotFoundError, 404),
        (ConflictError, 409),
        (ChangeError, 409),
        (GatewayError, 502),
        (RequestError, 422),
        (InvalidError, 422),
        (AbsentError, 404),
        (ClashError, 409),
        (VendorDownError, 502),
        (IntertieError, 422),
        (DaemonError, 500),
    ],
)
async def test_each_error_has_its_status(kind: type[IntertieError], status: int) -> None:
    """The text of the error is the detail, for a person."""
    answer = await ask(lambda: kind("cannot do it: because"))

    assert answer.status_code == status
    assert answer.headers["content-type"] == problem.MEDIA_TYPE
    assert answer.json()["detail"] == "cannot do it: because"


async def test_every_fault_of_a_suite_file_is_listed() -> None:
    """With its place, so that an editor can jump there."""
    faults = [Fault(Path("s.yaml"), 3, 5, "services.a", "wrong", "do right")]

    answer = await ask(lambda: SuiteError(faults))

    assert answer.status_code == 422
    assert answer.json()["faults"] == [
        {"place": "s.yaml:3:5", "message": "services.a: wrong", "hint": "do right"}
    ]


async def test_a_fault_of_ours_tells_nothing_of_the_inside() -> None:
    """No exception text, no traceback: those are in the daemon's log."""
    answer = await ask(lambda: RuntimeError("password is hunter2"))

    assert answer.status_code == 500
    assert "hunter2" not in answer.text
    assert answer.headers["content-type"] == problem.MEDIA_TYPE
