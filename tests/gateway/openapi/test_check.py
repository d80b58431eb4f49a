"""Checking requests against documents: small ones and those of vendors."""

import string
import time
from collections.abc import Callable
from statistics import median
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from intertie.gateway.openapi.check import RequestCheck
from intertie.gateway.openapi.load import load
from intertie.gateway.openapi.problem import Violation, problem
from tests.gateway.openapi.documents import (
    FORM,
    JSON,
    Asker,
    described,
    loaded,
    operation,
    parameter,
    vendor,
)
from tests.gateway.openapi.generated import asked, operations, requests_of

INTEGER = {"type": "integer"}
PAGE = {"type": "object", "properties": {"at": INTEGER}, "additionalProperties": False}
SHOP = described(
    {
        "/orders/{id}": {
            "get": operation(
                parameter("path", "id", INTEGER),
                parameter("query", "limit", {"type": "integer", "minimum": 1, "maximum": 50}),
                parameter("query", "kinds", {"type": "array", "items": {"enum": ["a", "b"]}}),
                parameter("query", "page", PAGE, style="deepObject"),
                parameter("header", "X-Trace", {"type": "string", "format": "uuid"}),
            ),
            "put": operation(
                parameter("path", "id", INTEGER),
                body={
                    "type": "object",
                    "properties": {
                        "name": {"type": "string", "minLength": 1, "maxLength": 20},
                        "count": {"type": "integer", "minimum": 0},
                        "tags": {"type": "array", "items": {"type": "string"}, "maxItems": 3},
                        "note": {"type": "string", "nullable": True},
                    },
                    "required": ["name", "count"],
                    "additionalProperties": False,
                },
            ),
        }
    }
)
VENDORS = ("spotify.yml", "twilio.json", "slack.json", "apple-music.yaml")


def statuses(asker: Asker, method: str, path: str, body: bytes = b"") -> list[int]:
    """Of all that is wrong with a request."""
    found = asker.check.check(method, path, "", headers=JSON, body=body)
    return [each.status for each in found]


def test_a_request_that_nothing_describes_is_refused() -> None:
    """Another path, another method, with the right ones told."""
    asker = Asker(SHOP)

    assert statuses(asker, "GET", "/gone") == [404]
    [wrong] = asker.check.check("POST", "/orders/1", "", headers={}, body=b"")
    assert (wrong.status, wrong.allow) == (405, ("GET", "PUT"))
    assert problem([wrong]).headers == {"allow": "GET, PUT"}


def test_what_has_get_has_head() -> None:
    """RFC 9110, section 9.3.2."""
    assert statuses(Asker(SHOP), "HEAD", "/orders/1") == []
    assert statuses(Asker(SHOP), "HEAD", "/orders/x") == [400]


def test_a_body_that_is_too_large_is_not_looked_into() -> None:
    """It is answered 413."""
    check = RequestCheck.compile(loaded(SHOP), max_body=10)

    found = check.check("PUT", "/orders/1", "", headers=JSON, body=b"{" * 11)

    assert [each.status for each in found] == [413]


def test_everything_that_is_wrong_is_told_at_once() -> None:
    """Parameters and body."""
    found = statuses(Asker(SHOP), "PUT", "/orders/x", b'{"name": "", "count": -1, "more": 1}')

    assert sorted(found) == [400, 422, 422, 422]


def test_a_prefix_stands_before_every_path() -> None:
    """And before the path of the server."""
    document = loaded({**SHOP, "servers": [{"url": "/v1"}]})
    check = RequestCheck.compile(document, prefix="/shop")

    assert check.check("GET", "/shop/v1/orders/1", "", headers={}, body=b"") == []
    assert check.check("GET", "/orders/1", "", headers={}, body=b"") != []


def test_a_query_with_too_many_parameters_is_refused() -> None:
    """Before any is looked at."""
    found = Asker(SHOP).get("/orders/1", "a=1&" * 5_000)

    assert [each.place for each in found] == ["query"]


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(["GET", "PUT", "POST", "", "get", "\u0130"]),
    st.text(alphabet="/orders{}1%2F.;", max_size=30) | st.just("/orders/1"),
    st.text(alphabet=string.printable, max_size=60),
    st.dictionaries(
        st.sampled_from(["content-type", "cookie", "x-trace"]),
        st.sampled_from(
            ["application/json", "multipart/form-data; boundary=x", "text/plain", "é", ""]
        ),
    ),
    st.binary(max_size=80) | st.text(alphabet='{}[]",:nametrue1', max_size=60).map(str.encode),
)
def test_any_request_has_an_answer(
    method: str, path: str, query: str, headers: dict[str, str], body: bytes
) -> None:
    """Nothing is raised, and a problem can be made of what is wrong."""
    found = _SHOP.check.check(method, path, query, headers=headers, body=body)

    assert not found or problem(found).status >= 400


_SHOP = Asker(SHOP, unknown_query="refuse")


def judged(document: dict[str, Any], check: RequestCheck, *, valid: bool, examples: int) -> int:
    """How many generated requests were judged as their generator says; others fail the test."""
    count = 0
    for each in operations(document):

        @settings(
            max_examples=examples,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
            phases=[Phase.generate],
        )
        @given(requests_of(each, valid=valid))
        def judge(case: Any) -> None:
            nonlocal count
            sent = asked(case)
            # A parameter without a value is one that is not given, and a list of none is nothing.
            told = case.query if isinstance(case.query, dict) else {}
            is_empty = sent is not None and ("=&" in f"{sent.query}&" or [] in told.values())
            if sent is None or (not valid and (is_empty or not _is_ours(case))):
                return
            found = check.check(
                sent.method, sent.path, sent.query, headers=sent.headers, body=sent.body
            )
            assert bool(found) != valid, (sent, found)
            count += 1

        judge()
    return count


def _is_ours(case: Any) -> bool:
    """Whether what is wrong is a parameter or a body, not the way to say who is asking."""
    parts = case.meta.components.items()
    wrong = {str(name.value) for name, part in parts if part.mode.is_negative}
    return bool(wrong) and not {"header", "cookie"} & wrong


@pytest.mark.slow
def test_requests_made_from_a_description_are_right() -> None:
    """Hundreds of them, made by another program that reads the same description."""
    assert judged(SHOP, Asker(SHOP).check, valid=True, examples=150) > 250


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_requests_made_to_be_wrong_are_wrong() -> None:
    """Each breaks the description in one way."""
    assert judged(SHOP, _SHOP.check, valid=False, examples=100) > 50


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", VENDORS)
def test_requests_made_from_descriptions_of_vendors_are_right(name: str) -> None:
    """Every operation of four large ones."""
    document = load(vendor(name))
    raw: Any = dict(document.refs.root.value)  # type: ignore[call-overload]
    raw.pop("servers", None)
    raw.pop("basePath", None)
    raw["paths"] = {
        path: {key: value for key, value in item.items() if key != "servers"}
        for path, item in raw["paths"].items()
    }
    check = RequestCheck.compile(loaded(raw))

    assert judged(raw, check, valid=True, examples=4) > len(document.operations)


@pytest.mark.slow
def test_a_check_takes_microseconds() -> None:
    """So that it can stand before every request; the bound is ten times what is measured."""
    spotify = RequestCheck.compile(load(vendor("spotify.yml")))
    twilio = RequestCheck.compile(load(vendor("twilio.json")))
    account = "/2010-04-01/Accounts/AC" + "0" * 32
    form = b"To=%2B15558675310&From=%2B15017122661&Body=Hi"
    playlist = b'{"name": "x", "public": true}'
    calls: list[Callable[[], list[Violation]]] = [
        lambda: spotify.check("GET", "/v1/albums/a", "market=ES", headers={}, body=b""),
        lambda: spotify.check("POST", "/v1/users/me/playlists", "", headers=JSON, body=playlist),
        lambda: twilio.check("POST", f"{account}/Messages.json", "", headers=FORM, body=form),
    ]

    for call in calls:
        assert call() == []
        took: list[float] = []
        for _ in range(1_000):
            began = time.perf_counter()
            call()
            took.append(time.perf_counter() - began)
        assert median(took) < 500e-6
