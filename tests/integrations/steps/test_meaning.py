"""What an answer means."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intertie.integrations.data import Errors, Limits
from intertie.integrations.errors import (
    AbsentError,
    AuthExpiredError,
    ClashError,
    IntegrationError,
    InvalidError,
    SchemaDriftError,
    ScopeMissingError,
    ThrottledError,
    VendorDownError,
)
from intertie.integrations.message import Response
from intertie.integrations.steps.meaning import pause_s, wait_s
from tests.integrations.shop import CONFIG, Shop
from tests.integrations.stage import Stage, answer

pytestmark = pytest.mark.anyio
NOW_S = 1_800_000_000.0
ONCE = {"max_attempts": 1}
TREE: list[tuple[int, type[IntegrationError]]] = [
    (301, InvalidError),
    (304, InvalidError),
    (400, InvalidError),
    (401, AuthExpiredError),
    (403, ScopeMissingError),
    (404, AbsentError),
    (409, ClashError),
    (410, AbsentError),
    (412, ClashError),
    (418, InvalidError),
    (429, ThrottledError),
    (500, VendorDownError),
    (503, VendorDownError),
    (599, VendorDownError),
]


async def told(response: Response, kind: type[Shop] = Shop) -> IntegrationError:
    """What comes of an answer that is no good one."""
    stage = Stage()
    stage.vendor.answers = lambda request: response
    with pytest.raises(IntegrationError) as caught:
        await stage.made(kind, config=CONFIG, retry_policy=ONCE).item(id="1")
    return caught.value


@pytest.mark.parametrize(("status", "kind"), TREE)
async def test_each_status_has_its_error(status: int, kind: type[IntegrationError]) -> None:
    """With the status, and the vendor's own reason."""
    exc = await told(answer({"error": {"message": "because"}}, status))

    assert type(exc) is kind
    assert exc.status == status
    assert str(exc).startswith("cannot item with default/main: shop ")
    assert str(exc).endswith(f"({status}): because")


BODIES = [
    b"",
    b"<html>",
    b"\xff\xfe",
    b"[" * 200_000,
    b'{"a":' * 200_000,
    b"1" * 10_000,
    b'{"error": [{"message": 1}], "message": {"a": 1}}',
    b"null",
    b'"text"',
    b"\xef\xbb\xbf{}",
]


@pytest.mark.parametrize("body", BODIES, ids=range(len(BODIES)))
@pytest.mark.parametrize("status", [401, 500])
async def test_whatever_an_error_looks_like_its_status_counts(status: int, body: bytes) -> None:
    """Deep, broken, foreign or empty."""
    exc = await told(Response(status, {}, body))

    assert exc.status == status
    assert len(str(exc)) < 500


@pytest.mark.parametrize(
    "body", [b"<html>", b"\xff\xfe{}", b"[" * 200_000, b'{"id": 1}', b"[]", b'{"id": "a"', b"null"]
)
async def test_a_good_status_with_another_shape_is_drift(body: bytes) -> None:
    """The caller gets an error of ours, not the reader's; it shows nothing of the answer."""
    exc = await told(Response(200, {}, body))

    assert type(exc) is SchemaDriftError
    assert exc.status == 200
    assert "{" not in str(exc)


async def test_of_names_that_come_twice_the_last_counts() -> None:
    """For answers and for errors alike."""
    stage = Stage()
    stage.vendor.answers = lambda request: Response(200, {}, b'{"id": "a", "id": "b"}')

    assert (await stage.made(Shop, config=CONFIG).item(id="1")).id == "b"
    exc = await told(Response(400, {}, b'{"message": "first", "message": "last"}'))
    assert str(exc).endswith(": last")


async def test_a_reason_is_short_and_on_one_line() -> None:
    """It goes to logs and terminals."""
    exc = await told(answer({"message": "a\r\nERROR forged\x1b[31m\u202e" + "x" * 10_000}, 400))

    assert str(exc).isprintable()
    assert len(str(exc)) < 400


class Coded(Shop):
    """Says what went wrong in answers of status 200."""

    kind = "coded"
    errors = Errors(
        code="error", codes={"bad_auth": "auth", "slow": "throttled"}, message=("why", "error")
    )


@pytest.mark.parametrize(
    ("body", "status", "kind"),
    [
        ({"error": "bad_auth"}, 200, AuthExpiredError),
        ({"error": "slow"}, 200, ThrottledError),
        ({"error": "slow"}, 400, ThrottledError),
        ({"error": "unheard"}, 200, InvalidError),
        ({"error": ["unheard", "bad_auth"]}, 200, AuthExpiredError),
        ({"error": {"bad_auth": 1}}, 200, InvalidError),
        ({"error": "unheard"}, 503, VendorDownError),
        ({"error": True}, 200, InvalidError),
    ],
)
async def test_words_in_the_answer_say_more_than_its_status(
    body: dict[str, Any], status: int, kind: type[IntegrationError]
) -> None:
    """Known ones mean what the connector says; unknown ones are the request's fault."""
    assert type(await told(answer(body, status), Coded)) is kind


@pytest.mark.parametrize("error", [None, "", 0, False, [], {}])
async def test_no_word_is_no_error(error: object) -> None:
    """Vendors say in many ways that all is well."""
    stage = Stage()
    stage.vendor.answers = lambda request: answer({"id": "7", "error": error})

    assert (await stage.made(Coded, config=CONFIG).item(id="7")).id == "7"


def waited(text: str) -> float | None:
    """What a header of this text asks for."""
    return wait_s({"retry-after": text}, ("retry-after",), now_s=NOW_S)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("30", 30.0),
        ("0", 0.0),
        (" 1.5 ", 1.5),
        (str(NOW_S + 90), 90.0),
        (str((NOW_S + 90) * 1000), 90.0),
        (str(NOW_S - 90), 0.0),
        (format_datetime(datetime.fromtimestamp(NOW_S + 60, UTC), usegmt=True), 60.0),
        (format_datetime(datetime.fromtimestamp(NOW_S - 60, UTC), usegmt=True), 0.0),
        ("-3", None),
        ("nan", None),
        ("inf", None),
        ("-inf", None),
        ("", None),
        ("soon", None),
        ("Fri, 31 Dec 99999999999999999999 23:59:59 GMT", None),
        ("Wed, 21 Oct 2015 07:28:00 +99999999999", None),
        ("31 Feb 2027", None),
    ],
)
def test_a_pause_is_read_in_all_ways_that_vendors_have(text: str, seconds: float | None) -> None:
    """Seconds, seconds and milliseconds since 1970, dates; nonsense says nothing."""
    assert waited(text) == (None if seconds is None else pytest.approx(seconds))


@given(st.text(max_size=60) | st.from_regex(r"[A-Z][a-z]{2}, \d+ [A-Z][a-z]{2} \d+ \d+:\d+:\d+ .*"))
def test_no_text_breaks_the_reader(text: str) -> None:
    """It is a length of time, or it is nothing."""
    seconds = waited(text)

    assert seconds is None or 0 <= seconds < float("inf")


@given(st.datetimes(datetime(2027, 2, 1), datetime(2030, 1, 1)))  # noqa: DTZ001
def test_dates_are_read_to_the_second(moment: datetime) -> None:
    """As RFC 9110 writes them."""
    at = moment.replace(microsecond=0, tzinfo=UTC)
    wanted = at - datetime.fromtimestamp(NOW_S, UTC)

    assert waited(format_datetime(at, usegmt=True)) == max(wanted, timedelta()).total_seconds()


def test_of_several_headers_the_longest_pause_counts() -> None:
    """Windows of several lengths may all be full."""
    headers = {"retry-after": "2", "x-reset": str(NOW_S + 40), "x-other": "soon"}

    assert wait_s(headers, ("retry-after", "x-reset", "x-other"), now_s=NOW_S) == 40


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"remaining": "0", "reset": "20"}, 20),
        ({"remaining": "3", "reset": "20"}, None),
        ({"reset": "20"}, 20),
        ({"retry-after": "5", "remaining": "0", "reset": "20"}, 5),
        ({}, None),
    ],
)
def test_where_nothing_remains_the_reset_is_waited_for(
    headers: dict[str, str], seconds: float | None
) -> None:
    """Unless the vendor says how long by itself."""
    limits = Limits(remaining="remaining", reset="reset")

    assert pause_s(Response(429, headers), limits, now_s=NOW_S) == seconds
