import json

import pytest
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from intertie.errors import AccessDeniedError, ConflictError, NotFoundError, StoreError
from intertie_media.documents import Model, UserId
from intertie_media.errors import Refused
from intertie_media.web import MAX_JSON_BYTES, Identity, application, identity, read_json, reply
from services.media.tests.kit import ANN, client

pytestmark = pytest.mark.anyio

FAULTS = {
    "denied": AccessDeniedError("cannot: denied"),
    "absent": NotFoundError("cannot: absent"),
    "conflict": ConflictError("cannot: conflict"),
    "store": StoreError("cannot: store"),
    "refused": Refused("cannot: refused", status=460, code="odd", hint="this"),
    "bug": RuntimeError("secret detail"),
}


class Body(Model):
    size_bytes: int


async def whoami(request: Request) -> Response:
    """Who asks."""
    who = identity(request)
    return reply({"user": who.user, "isAdmin": who.is_admin})


async def echo(request: Request) -> Response:
    """What was sent."""
    return reply(await read_json(request, Body))


async def fail(request: Request) -> Response:
    """Fail as told."""
    raise FAULTS[request.path_params["how"]]


APP = application(
    [
        Route("/whoami", whoami),
        Route("/echo", echo, methods=["POST"]),
        Route("/fail/{how}", fail),
    ]
)


@pytest.mark.parametrize(
    ("claims", "expected"),
    [
        ({"sub": "ann", "exp": 1.5}, {"user": "ann", "isAdmin": False}),
        ({"sub": "root", "roles": ["admin", 7]}, {"user": "root", "isAdmin": True}),
        ({"sub": "ann", "roles": "admin"}, {"user": "ann", "isAdmin": False}),
        ({"sub": "Änne"}, {"user": "Änne", "isAdmin": False}),
    ],
)
async def test_the_gateway_says_who_asks(
    claims: dict[str, object], expected: dict[str, object]
) -> None:
    """The claims in the header are the identity; odd roles give no rights."""
    header = json.dumps(claims, ensure_ascii=False).encode()

    async with client(APP) as http:
        answer = await http.get("/whoami", headers={b"x-forwarded-user": header})

    assert answer.json() == expected


@pytest.mark.parametrize(
    "header", [None, "", "ann", "[]", "{}", '{"sub": 7}', '{"sub": ""}', "\xff"]
)
async def test_without_an_identity_the_answer_is_401(header: str | None) -> None:
    """Whoever did not come through the gateway with a token is nobody."""
    headers = {} if header is None else {b"x-forwarded-user": header.encode("latin-1")}

    async with client(APP) as http:
        answer = await http.get("/whoami", headers=headers)

    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("how", "status"),
    [("denied", 403), ("absent", 404), ("conflict", 409), ("store", 503), ("refused", 460)],
)
async def test_every_error_is_a_problem_document(how: str, status: int) -> None:
    """Status, title and the sentence are in the body (RFC 9457)."""
    async with client(APP, ANN) as http:
        answer = await http.get(f"/fail/{how}")

    problem = answer.json()
    assert answer.status_code == problem["status"] == status
    assert problem["detail"] == f"cannot: {how}"
    assert problem["title"]
    assert problem["type"] == "about:blank"


async def test_refused_adds_its_members() -> None:
    """Programs find the code and what else there is to know."""
    async with client(APP, ANN) as http:
        problem = (await http.get("/fail/refused")).json()

    assert (problem["code"], problem["hint"], problem["title"]) == (
        "odd",
        "this",
        "Checksum Mismatch",
    )


async def test_a_bug_tells_nothing_of_the_inside() -> None:
    """No traceback and no message of ours reaches a client."""
    async with client(APP, ANN) as http:
        answer = await http.get("/fail/bug")

    assert answer.status_code == 500
    assert "secret" not in answer.text


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/no", 404), ("PUT", "/echo", 405)])
async def test_unknown_routes_are_problems_too(method: str, path: str, status: int) -> None:
    """Also what no handler answers has the one shape."""
    async with client(APP, ANN) as http:
        answer = await http.request(method, path)

    assert answer.json()["status"] == status


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b'{"sizeBytes": 3}', 200),
        (b"{", 422),
        (b"", 422),
        (b'{"sizeBytes": "many"}', 422),
        (b" " * (MAX_JSON_BYTES + 1), 413),
    ],
)
async def test_bodies_are_checked_and_bounded(body: bytes, status: int) -> None:
    """At most 64 KiB of JSON that fits the model."""
    async with client(APP, ANN) as http:
        answer = await http.post("/echo", content=body)

    assert answer.status_code == status


async def test_an_invalid_body_names_the_field() -> None:
    """The client learns which key is wrong."""
    async with client(APP, ANN) as http:
        problem = (await http.post("/echo", json={"sizeBytes": "many"})).json()

    assert problem["faults"][0]["place"] == "sizeBytes"


def test_an_owner_and_an_admin_pass_others_do_not() -> None:
    """Others' things are refused with 403, as the contract of the suite says."""
    ann = UserId("ann")
    Identity(ann).must_own(ann, "asset")
    Identity(UserId("root"), frozenset({"admin"})).must_own(ann, "asset")

    with pytest.raises(AccessDeniedError, match="access denied"):
        Identity(UserId("bob")).must_own(ann, "asset")
