"""Who may pass, and who may not."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.gateway.authz.asking import Lines, authorizer, question, status
from tests.gateway.authz.documents import checked_by
from tests.gateway.authz.people import People

pytestmark = pytest.mark.anyio

KEY = {"x_api_key": "good-key"}


def _code(answer: bytes | None) -> str:
    assert answer is not None
    found: str = json.loads(answer.partition(b"\r\n\r\n")[2])["code"]
    return found


@pytest.mark.parametrize("name", ["", "none", "orders2", "*"])
def test_a_route_that_is_not_declared_is_closed(name: str) -> None:
    """Also to the best of keys."""
    made = authorizer(routes={"orders": {"auth": []}})

    assert status(made.quick(question(name, **KEY))) == 403
    assert status(made.quick(question("orders"))) == 200


def test_a_bad_key_is_not_made_up_for_by_something_else() -> None:
    """What is shown must be good."""
    made = authorizer(routes={"a": {}, "b": {"optional": True}})
    token = '{"sub":"ada"}'

    for route in ("a", "b"):
        asked = question(route, x_api_key="no", x_forwarded_user=token, cookie="intertie=s1")
        assert _code(made.quick(asked)) == "key_unknown"


def test_what_a_route_does_not_take_is_not_looked_at() -> None:
    """A good key is no token."""
    made = authorizer(routes={"a": {"auth": ["token"]}})

    assert _code(made.quick(question("a", **KEY))) == "no_credentials"


def test_nobody_may_come_in_where_showing_something_is_optional() -> None:
    """And is nobody there."""
    made = authorizer(routes={"a": {"optional": True}})
    answer = made.quick(question("a"))

    assert status(answer) == 200
    assert answer is not None
    assert b"x-forwarded-user" not in answer
    assert status(made.quick(question("a", **KEY))) == 200


async def test_a_session_is_asked_for_without_holding_others_up() -> None:
    """`quick` says that it must wait; `check` waits."""
    made = authorizer(routes={"a": {}})
    good, bad = (question("a", cookie=f"intertie={each}") for each in ("s1", "s2"))

    assert made.quick(good) is None
    assert status(await made.check(good)) == 200
    assert _code(await made.check(bad)) == "no_credentials"


@pytest.mark.parametrize(
    ("route", "code"),
    [
        ({"roles": ["user", "admin"]}, ""),
        ({"roles": ["admin"]}, "role_missing"),
        ({"scopes": ["orders:read"]}, ""),
        ({"scopes": ["orders:read", "orders:write"]}, "scope_missing"),
        ({"roles": ["admin"], "optional": True}, "role_missing"),
    ],
)
def test_roles_and_scopes_decide(route: dict[str, Any], code: str) -> None:
    """One of the roles; all of the scopes."""
    answer = authorizer(routes={"a": route}).quick(question("a", **KEY))

    assert (status(answer), _code(answer) if code else "") == (403 if code else 200, code)


def test_what_was_taken_back_does_not_let_in() -> None:
    """From the very next request on."""
    people = People()
    made = authorizer(people, routes={"a": {}})
    before = made.quick(question("a", **KEY))
    people.revoked.add("key:3f9a")

    assert (status(before), _code(made.quick(question("a", **KEY)))) == (200, "revoked")


def test_limits_hold_over_all_routes_of_a_client() -> None:
    """Refusals take nothing, and other clients are not touched."""
    routes = {"a": {}, "b": {}, "free": {"limited": False}}
    limits = {"default_rate": "3/hour", "burst_rate": None, "throttling_response": 503}
    made = authorizer(routes=routes, limits=limits)

    found = [status(made.quick(question(name, **KEY))) for name in "ababa"]

    assert found == [200, 200, 200, 503, 503]
    assert status(made.quick(question("free", **KEY))) == 200
    assert status(made.quick(question("a", x_forwarded_user='{"sub":"ada"}'))) == 200


def test_who_is_refused_for_another_reason_uses_nothing_up() -> None:
    """A missing role costs no quota."""
    limits = {"default_rate": "2/hour", "burst_rate": None}
    made = authorizer(routes={"a": {}, "admin": {"roles": ["admin"]}}, limits=limits)
    for _ in range(5):
        assert status(made.quick(question("admin", **KEY))) == 403

    assert [status(made.quick(question("a", **KEY))) for _ in range(3)] == [200, 200, 429]


def test_a_client_cannot_choose_its_bucket() -> None:
    """Nothing that it says about its address counts; the gateway's word does."""
    limits = {"default_rate": "2/hour", "burst_rate": None}
    made = authorizer(routes={"a": {"auth": []}}, limits=limits)
    found = [
        status(made.quick(question("a", x_forwarded_for=f"198.51.100.{n}", x_client_id=f"u{n}")))
        for n in range(3)
    ]

    assert found == [200, 200, 429]
    assert status(made.quick(question("a", address="192.0.2.9"))) == 200


def test_a_shadow_refuses_nobody_and_tells_whom_it_would() -> None:
    """The journal has the policy that would have refused."""
    lines: Lines = []
    limits = {"default_rate": "1/hour", "burst_rate": None, "shadow": True}
    made = authorizer(lines=lines, routes={"a": {}}, limits=limits, log_sample=0)

    assert [status(made.quick(question("a", **KEY))) for _ in range(2)] == [200, 200]
    assert [(line["decision"], line["policy"]) for line in lines] == [("shadow", "default")]


def test_preflights_pass_where_something_behind_answers_them() -> None:
    """Counted by themselves; elsewhere they are requests like any other."""
    routes = {"a": {"preflight": True}, "b": {}}
    made = authorizer(routes=routes, limits={"preflight_rate": "2/minute"})
    asks = {"origin": "https://a.example", "access_control_request_method": "PUT"}

    found = [status(made.quick(question("a", method="OPTIONS", **asks))) for _ in range(3)]

    assert found == [200, 200, 429]
    assert status(made.quick(question("b", method="OPTIONS", **asks))) == 401
    assert status(made.quick(question("a", method="OPTIONS"))) == 401


def test_only_a_browser_is_sent_to_log_in() -> None:
    """A program is told 401; so is who shows something wrong."""
    made = authorizer(routes={"a": {}, "k": {"auth": ["key"]}}, login_url="/auth/login")
    page = {"accept": "text/html"}

    assert status(made.quick(question("a", "/a b?c=d&e", **page))) == 302
    assert status(made.quick(question("a"))) == 401
    assert status(made.quick(question("a", method="POST", **page))) == 401
    assert status(made.quick(question("k", **page))) == 401
    assert status(made.quick(question("a", x_api_key="no", **page))) == 401


async def test_a_request_is_held_against_the_document_of_its_route(tmp_path: Path) -> None:
    """With all that is wrong; whoever may not come in at all learns nothing of it."""
    checks, documents = await checked_by(tmp_path)
    routes = {"a": {"document": "items"}, "b": {}, "c": {"document": "other"}}
    made = authorizer(checks=checks, routes=routes, documents=documents)
    asked = question("a", "/items", method="POST", content_type="application/json", **KEY)
    good, bad = (asked._replace(body=body) for body in (b'{"count": 1}', b'{"count": "x"}'))

    refused = made.quick(bad)
    assert (status(refused), _code(refused)) == (422, "request_invalid")
    assert b'"pointer": "/count"' in (refused or b"")
    assert status(made.quick(good)) == 200
    assert status(made.quick(question("a", "/items", method="POST"))) == 401
    assert status(made.quick(question("b", method="POST", **KEY))) == 200
    assert (status(made.quick(question("c", **KEY))), _code(made.quick(question("c", **KEY)))) == (
        503, "no_document",
    )  # fmt: skip


def test_new_settings_keep_what_was_counted() -> None:
    """A change of the file is no fresh start."""
    given: dict[str, Any] = {"routes": {"a": {}}, "limits": {"default_rate": "2/hour"}}
    made = authorizer(**given)
    made.quick(question("a", **KEY))
    made.use(authorizer(**{**given, "log_sample": 0.5}).settings)

    assert [status(made.quick(question("a", **KEY))) for _ in range(2)] == [200, 429]


@pytest.mark.parametrize(
    ("origin", "code"),
    [
        ("https://shop.example", ""),
        ("https://partner.example", ""),
        ("https://evil.example", "foreign_origin"),
        ("null", "foreign_origin"),
        (None, ""),
    ],
)
async def test_a_socket_by_a_session_is_for_pages_of_our_own(origin: str | None, code: str) -> None:
    """A browser sends the cookie along for any page; a program sends no origin."""
    made = authorizer(routes={"a": {"pages": ["partner.example"]}, "b": {}})
    sent = {"cookie": "intertie=s1", "host": "shop.example"}
    answer = await made.check(question("a", **sent, **({"origin": origin} if origin else {})))

    if code:
        assert _code(answer) == code
    else:
        assert status(answer) == 200
