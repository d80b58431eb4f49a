"""Forms and answers as RFC 6749 has them."""

from pathlib import Path

import httpx
import pytest

from intertie.api.oauth.wire import MAX_BODY, OAuthError, fields
from tests.api.oauth.stage import Stage, basic, stage

pytestmark = pytest.mark.anyio
ITSELF = {"grant_type": "client_credentials"}


async def post(on: Stage, authorization: str | None = None, **told: str) -> httpx.Response:
    """To the token endpoint."""
    headers = {"authorization": authorization} if authorization else {}
    return await on.http.post("/token", data={**ITSELF, **told}, headers=headers)


async def test_a_client_shows_its_secret_in_either_way(tmp_path: Path) -> None:
    """In the header or in the form."""
    async with stage(tmp_path) as on:
        got = [
            await post(on, basic("web", on.secret)),
            await post(on, basic("web", on.secret).replace("Basic", "basic")),
            await post(on, basic("web", on.secret), client_id="web"),
            await post(on, client_id="web", client_secret=on.secret),
        ]

    assert [each.status_code for each in got] == [200] * 4


async def test_who_does_not_prove_it_is_refused(tmp_path: Path) -> None:
    """With one answer, whether the name exists or not."""
    async with stage(tmp_path) as on:
        got = [
            await post(on),
            await post(on, client_id="web"),
            await post(on, client_id="web", client_secret="wrong"),
            await post(on, client_id="nobody", client_secret="wrong"),
            await post(on, client_id="spa", client_secret="x"),
            await post(on, basic("web", "wrong")),
            await post(on, basic("nobody", "wrong")),
            await post(on, "Basic ???"),
            await post(on, "Basic d2Vi"),
            await post(on, "Bearer x"),
        ]

    assert {each.status_code for each in got} == {401}
    assert len({each.text for each in got}) == 1
    assert all(each.headers["www-authenticate"].startswith("Basic ") for each in got)


async def test_two_ways_at_once_are_refused(tmp_path: Path) -> None:
    """And so are two names."""
    async with stage(tmp_path) as on:
        right = basic("web", on.secret)
        got = [
            await post(on, right, client_secret=on.secret),
            await post(on, right, client_id="spa"),
        ]

    assert [each.json()["error"] for each in got] == ["invalid_request"] * 2


@pytest.mark.parametrize(
    ("kind", "body", "status"),
    [
        ("application/json", b"{}", 400),
        ("", b"a=b", 400),
        ("application/x-www-form-urlencoded", b"a=1&a=2", 400),
        ("application/x-www-form-urlencoded", b"a=" + b"x" * MAX_BODY, 413),
        ("application/x-www-form-urlencoded", b"a=\xff", 400),
        ("application/x-www-form-urlencoded", b"a=%ff", 400),
        ("application/x-www-form-urlencoded", b"&".join(b"%d=1" % n for n in range(60)), 400),
    ],
)
async def test_odd_bodies_are_refused(tmp_path: Path, kind: str, body: bytes, status: int) -> None:
    """Other types, large ones, a parameter twice, too many of them, no UTF-8."""
    async with stage(tmp_path) as on:
        got = await on.http.post("/token", content=body, headers={"content-type": kind})

    assert (got.status_code, got.json()["error"]) == (status, "invalid_request")
    assert got.headers["cache-control"] == "no-store"


async def test_a_type_may_name_its_characters(tmp_path: Path) -> None:
    """As many libraries do."""
    async with stage(tmp_path) as on:
        headers = {
            "authorization": basic("web", on.secret),
            "content-type": "application/x-www-form-urlencoded; charset=UTF-8",
        }
        got = await on.http.post(
            "/token", content=b"grant_type=client_credentials", headers=headers
        )

    assert got.status_code == 200


def test_an_empty_parameter_is_none() -> None:
    """RFC 6749 section 3.1."""
    assert fields("a=&b=1") == {"b": "1"}
    with pytest.raises(OAuthError, match="twice"):
        fields("a=&a=1")
