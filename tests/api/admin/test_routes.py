"""The admin page as routes of the management API."""

import httpx
import pytest

from tests.api.admin.guests import guest
from tests.identity.manor import Manor

pytestmark = [pytest.mark.anyio, pytest.mark.slow]
PAGES = ("", "/routes", "/people", "/audit")


async def test_who_shows_nothing_good_stays_out(manor: Manor) -> None:
    """403, and no cookie; of those who are known, only managers come in."""
    await manor.add("ann", groups=("users",))
    reader = await manor.token("ann")
    async with manor.api(None) as client:
        shown = ["", "wrong", "x" * 20_000, reader]
        answers = [await client.post("/admin", data={"key": key}) for key in shown]

    assert [each.status_code for each in answers] == [403, 403, 422, 403]
    assert not any("set-cookie" in each.headers for each in answers)
    assert reader not in answers[3].text


async def test_the_cookie_is_bound_to_its_path(manor: Manor) -> None:
    """No script reads it, no other site sends it, and it never holds the key."""
    async with manor.api(None) as client:
        answer = await client.post("/admin", data={"key": manor.key})

    door, cookie = answer.headers["location"], answer.headers["set-cookie"]
    assert f"Path={door};" in cookie
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert manor.key not in cookie
    assert manor.key not in door


@pytest.mark.parametrize("page", PAGES)
async def test_a_page_wants_path_and_cookie(manor: Manor, page: str) -> None:
    """Without the cookie, or at another path, one signs in first."""
    async with guest(manor) as found, manor.api(None) as stranger:
        answers = [
            await found.get(page),
            await stranger.get(f"{found.door}{page}"),
            await found.client.get(f"/admin/else{page}"),
        ]

    assert [each.status_code for each in answers] == [200, 303, 303]
    assert answers[1].headers["location"] == "/admin"


@pytest.mark.parametrize("page", PAGES)
async def test_every_answer_has_the_headers(manor: Manor, page: str) -> None:
    """Nothing is kept, framed, sniffed, told on or loaded from elsewhere."""
    async with guest(manor) as found:
        answers = [await found.get(page), await found.client.get("/admin")]

    for answer in answers:
        policy = answer.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'")
        assert "frame-ancestors 'none'" in policy
        assert "script-src" not in policy
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["referrer-policy"] == "same-origin"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "<script" not in answer.text


@pytest.mark.parametrize(
    ("mark", "headers"),
    [
        ("", {}),
        ("wrong", {}),
        ("é", {}),
        (None, {"origin": "http://evil.test"}),
        (None, {"origin": "null"}),
        (None, {"sec-fetch-site": "cross-site"}),
        (None, {"sec-fetch-site": "same-site"}),
        (None, {"content-type": "text/plain"}),
    ],
)
async def test_forms_of_others_are_refused(
    manor: Manor, mark: str | None, headers: dict[str, str]
) -> None:
    """403, and the service runs on as it did."""
    async with guest(manor) as found:
        good = await found.mark()
        before = [each.replicas for each in manor.control.services.list()]
        answer = await found.client.post(
            f"{found.door}/services/echo/restart",
            data={"mark": good if mark is None else mark},
            headers=headers,
        )

    assert answer.status_code == 403
    assert [each.replicas for each in manor.control.services.list()] == before
    assert (await manor.control.changes.list(1, 10)).total == 1


async def test_one_signs_in_from_our_page_only(manor: Manor) -> None:
    """A page of another origin signs nobody in."""
    async with manor.api(None) as client:
        answer = await client.post(
            "/admin", data={"key": manor.key}, headers={"origin": "http://localhost:1"}
        )

    assert answer.status_code == 403


async def test_what_is_revoked_opens_nothing_more(manor: Manor) -> None:
    """From the next request on."""
    text = await manor.robot("admin")
    async with guest(manor, text) as found:
        before = await found.get()
        async with manor.root() as api:
            await api.post(f"/api/keys/{text.split('_')[1]}/revoke")
        after = await found.get()

    assert (before.status_code, after.status_code) == (200, 303)


async def test_who_signs_out_is_out(manor: Manor) -> None:
    """Also with the path and the cookie of before."""
    async with guest(manor) as found:
        out = await found.post("/out")
        after = await found.get()

    assert (out.headers["location"], after.status_code) == ("/admin", 303)


async def test_a_form_that_is_too_long_is_refused(manor: Manor) -> None:
    """It is not read to its end."""
    async with guest(manor) as found:
        answer: httpx.Response = await found.client.post(
            f"{found.door}/services/echo/stop", data={"mark": "x" * 20_000}
        )

    assert answer.status_code == 422
