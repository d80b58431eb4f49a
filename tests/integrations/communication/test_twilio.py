"""Twilio: its own description judges the calls; its error codes and pages are played."""

from base64 import b64encode
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl

import pytest

from intertie.integrations.communication.twilio import Send, TwilioIntegration
from intertie.integrations.errors import (
    AbsentError,
    AuthExpiredError,
    EgressError,
    IntegrationError,
    InvalidError,
    LoopError,
    QuotaSpentError,
    ScopeMissingError,
    ThrottledError,
    VendorDownError,
    VendorTimeoutError,
)
from intertie.integrations.message import Request, Response
from tests.integrations.judged import judged
from tests.integrations.stage import Stage, answer
from tests.integrations.vendor import Vendor, started

pytestmark = pytest.mark.anyio
ACCOUNT = f"AC{'a' * 32}"
TOKEN = "token-not-to-be-shown"
CONFIG = {"account_sid": ACCOUNT, "auth_token": TOKEN}
ROOT = f"/2010-04-01/Accounts/{ACCOUNT}"
ONCE = {"max_attempts": 1}
TEXT = {"to": "+15551230001", "sender": "+15551230002", "body": "hello"}
SENT = {"sid": f"SM{'0' * 32}", "status": "queued", "to": "+15551230001", "from": "+15551230002"}
CALLS: dict[str, dict[str, Any]] = {
    "account_info": {},
    "send_sms": {
        **TEXT,
        "media_url": ["https://example.com/a.png", "https://example.com/b.png"],
        "status_callback": "https://example.com/told",
    },
    "message": {"sid": f"MM{'0' * 32}"},
    "messages": {
        "to": "+15551230001",
        "sent_after": datetime(2026, 1, 2, tzinfo=UTC),
        "sent_before": datetime(2026, 1, 3, tzinfo=UTC),
        "page_size": 2,
    },
}


@pytest.fixture(scope="module")
def judge() -> Iterator[Vendor]:
    """Twilio's own description, served."""
    with started("twilio") as vendor:
        yield vendor


def made(stage: Stage, **told: Any) -> TwilioIntegration:
    """A connection with the account's own token."""
    return stage.made(TwilioIntegration, **{"config": CONFIG, **told})


def fails(status: int, code: int = 0, **headers: str) -> Stage:
    """Twilio refuses everything."""
    stage = Stage()
    told = {"code": code, "message": "because", "status": status} if code else {}
    stage.vendor.answers = lambda request: answer(told, status, **headers)
    return stage


def lost(request: Request) -> Response:
    """It may have arrived, or not."""
    raise VendorTimeoutError("no answer")


def paged(request: Request) -> Response:
    """Three pages of two, each naming the next as Twilio does: without a host."""
    page = int(dict(parse_qsl(request.url.partition("?")[2])).get("Page", 0))
    messages = [{**SENT, "sid": f"SM{page}{each}"} for each in "ab"]
    further = f"{ROOT}/Messages.json?PageSize=2&Page={page + 1}&PageToken=PA1"
    return answer({"messages": messages, "next_page_uri": further if page < 2 else None})


@pytest.mark.slow
@pytest.mark.parametrize("name", CALLS)
async def test_the_vendors_description_takes_every_operation(judge: Vendor, name: str) -> None:
    """And what it answers is read as what the operation promises."""
    async with judged(TwilioIntegration, judge, CONFIG) as (twilio, watching):
        told = await getattr(twilio, name)(**CALLS[name])

    assert watching.wrong == []
    assert len(watching.asked) == 1
    assert isinstance(told, TwilioIntegration.operations[name].answer)


def test_every_operation_is_judged() -> None:
    """None is left out of the calls above."""
    assert set(CALLS) == set(TwilioIntegration.operations)


@pytest.mark.slow
async def test_the_judge_sees_what_a_connector_does_wrong(judge: Vendor) -> None:
    """A message to nobody is refused: that nothing else is refused means something."""
    unaddressed: dict[str, Any] = {"sender": "+15551230002", "body": "hello"}
    nobody = Send.model_construct(**unaddressed)
    async with judged(TwilioIntegration, judge, CONFIG) as (twilio, _):
        with pytest.raises(InvalidError) as told:
            await twilio.send_sms(nobody)

    assert told.value.status == 422


async def test_a_text_goes_as_a_form_to_the_accounts_own_address() -> None:
    """With Twilio's names for the fields, and who asks in `authorization`."""
    stage = Stage()
    stage.vendor.answers = lambda request: answer(SENT, 201)

    sent = await made(stage).send_sms(**TEXT, media_url=["https://a.b/1", "https://a.b/2"])

    (asked,) = stage.vendor.asked
    assert sent.sid == SENT["sid"]
    assert sent.sender == "+15551230002"
    assert asked.url == f"https://api.twilio.com{ROOT}/Messages.json"
    assert (
        asked.headers["authorization"].split()[1]
        == b64encode(f"{ACCOUNT}:{TOKEN}".encode()).decode()
    )
    assert parse_qsl((asked.body or b"").decode()) == [
        ("To", "+15551230001"),
        ("From", "+15551230002"),
        ("Body", "hello"),
        ("MediaUrl", "https://a.b/1"),
        ("MediaUrl", "https://a.b/2"),
    ]


async def test_an_api_key_is_preferred_to_the_accounts_token() -> None:
    """It can be taken back without touching anything else."""
    stage = Stage()
    stage.vendor.answers = lambda request: answer({"sid": ACCOUNT, "status": "active"})
    config = {**CONFIG, "api_key": "SK1", "api_secret": "key-not-to-be-shown"}

    await made(stage, config=config).account_info()

    (asked,) = stage.vendor.asked
    expected = b64encode(b"SK1:key-not-to-be-shown").decode()
    assert asked.headers["authorization"] == f"Basic {expected}"


async def test_another_region_is_an_address_with_the_account_in_it() -> None:
    """`base_url` may name settings as the vendor's own does."""
    stage = Stage()
    stage.vendor.answers = lambda request: answer({"sid": ACCOUNT, "status": "active"})
    base = "https://api.dublin.ie1.twilio.com/2010-04-01/Accounts/{account_sid}"

    await made(stage, config={**CONFIG, "base_url": base}).account_info()

    assert stage.vendor.asked[0].url == f"https://api.dublin.ie1.twilio.com{ROOT}.json"


@pytest.mark.parametrize(
    ("told", "why"),
    [
        ({"to": "+15551230001", "body": "hello"}, "say `sender` or `messaging_service_sid`"),
        ({"to": "+15551230001", "sender": "+15551230002"}, "say `body` or `media_url`"),
        ({"sender": "+15551230002", "body": "hello"}, "To: Field required"),
        ({**TEXT, "body": "x" * 1601}, "at most 1600"),
    ],
)
async def test_a_text_that_is_not_whole_is_not_sent(told: dict[str, Any], why: str) -> None:
    """Twilio would refuse it; nobody has to ask."""
    stage = Stage()

    with pytest.raises(InvalidError, match=why):
        await made(stage).send_sms(**told)

    assert stage.vendor.asked == []


@pytest.mark.parametrize(
    "config",
    [
        {"account_sid": ACCOUNT},
        {"account_sid": "AC1", "auth_token": TOKEN},
        {"account_sid": f"{ACCOUNT[:-2]}/..", "auth_token": TOKEN},
        {"auth_token": TOKEN},
    ],
)
def test_settings_that_lead_nowhere_are_refused(config: dict[str, str]) -> None:
    """At once, and without showing what was told."""
    with pytest.raises(InvalidError) as told:
        made(Stage(), config=config)

    assert TOKEN not in str(told.value)


@pytest.mark.parametrize(
    ("status", "code", "expected"),
    [
        (401, 20003, AuthExpiredError),
        (403, 20003, AuthExpiredError),
        (401, 20005, AuthExpiredError),
        (403, 20008, ScopeMissingError),
        (400, 21408, ScopeMissingError),
        (404, 20404, AbsentError),
        (400, 21211, InvalidError),
        (400, 21610, InvalidError),
        (429, 20429, ThrottledError),
        (429, 63038, QuotaSpentError),
        (500, 20500, VendorDownError),
        (503, 0, VendorDownError),
    ],
)
async def test_twilios_codes_become_our_errors(
    status: int, code: int, expected: type[IntegrationError]
) -> None:
    """The code where it has one, else the status."""
    stage = fails(status, code)

    with pytest.raises(IntegrationError) as told:
        await made(stage, retry_policy=ONCE).send_sms(**TEXT)

    assert type(told.value) is expected
    assert told.value.status == status
    assert told.value.code == (str(code) if code else "")
    assert ("because" in str(told.value)) is bool(code)


async def test_pages_are_followed_by_the_addresses_in_the_answers() -> None:
    """They have no host; it is that of the page before."""
    stage = Stage()
    stage.vendor.answers = paged

    found = [each.sid async for each in made(stage).messages.every(page_size=2)]

    assert found == ["SM0a", "SM0b", "SM1a", "SM1b", "SM2a", "SM2b"]
    assert [each.url.partition("Page=")[2] for each in stage.vendor.asked] == [
        "",
        "1&PageToken=PA1",
        "2&PageToken=PA1",
    ]


async def test_pages_that_go_round_are_noticed() -> None:
    """An address that came before ends it."""
    stage = Stage()
    further = f"{ROOT}/Messages.json?Page=1"
    stage.vendor.answers = lambda request: answer({"messages": [SENT], "next_page_uri": further})

    with pytest.raises(LoopError):
        [each async for each in made(stage).messages.every()]

    assert len(stage.vendor.asked) == 2


async def test_a_page_elsewhere_is_not_asked_for() -> None:
    """The account's token would go along."""
    stage = Stage()
    stage.vendor.answers = lambda request: answer(
        {"messages": [SENT], "next_page_uri": "//example.com/steal"}
    )

    with pytest.raises(EgressError):
        [each async for each in made(stage).messages.every()]

    assert len(stage.vendor.asked) == 1


async def test_a_text_that_may_have_been_sent_is_not_sent_again() -> None:
    """Twilio has no key against sending twice, and somebody would get it twice."""
    assert TwilioIntegration.send_sms.effect == "message"
    stage = Stage()
    stage.vendor.answers = lost

    with pytest.raises(VendorTimeoutError):
        await made(stage).send_sms(**TEXT)

    assert len(stage.vendor.asked) == 1


async def test_a_text_is_not_sent_again_when_twilio_fails() -> None:
    """It may have failed after it was sent."""
    stage = fails(500, 20500)

    with pytest.raises(VendorDownError):
        await made(stage).send_sms(**TEXT)

    assert len(stage.vendor.asked) == 1


async def test_a_text_that_was_one_too_many_is_sent_later() -> None:
    """What is refused for its number is not processed (docs/api/errors/20429)."""
    stage = Stage()
    told = [answer({"code": 20429}, 429, retry_after="2"), answer(SENT, 201)]
    stage.vendor.answers = lambda request: told.pop(0)

    sent = await made(stage).send_sms(**TEXT)

    assert sent.status == "queued"
    assert stage.pauses == [2.0]


async def test_reading_is_tried_again() -> None:
    """It does nothing twice."""
    stage = Stage()
    stage.vendor.answers = lost

    with pytest.raises(VendorTimeoutError):
        await made(stage).messages()

    assert len(stage.vendor.asked) == 3


async def test_a_key_is_refused_where_it_would_keep_nothing_from_being_sent_twice() -> None:
    """Who gives one relies on it."""
    stage = Stage()

    with pytest.raises(InvalidError, match="no such way"):
        await made(stage).send_sms(**TEXT, key="order-7")

    assert stage.vendor.asked == []


async def test_the_token_is_shown_nowhere() -> None:
    """Not by the connection, its settings, its requests, its answers or its errors."""
    stage = fails(401, 20003)
    stage.vendor.answers = lambda request: answer({"code": 20003, "message": f"bad {TOKEN}"}, 401)
    twilio = made(stage)

    with pytest.raises(AuthExpiredError, match=r"bad \*\*\*") as told:
        await twilio.send_sms(**TEXT)

    shown = [twilio, twilio.settings, twilio.config, told.value, *stage.vendor.asked]
    assert all(TOKEN not in f"{each!r} {each}" for each in shown)


async def test_the_probe_says_how_the_account_does() -> None:
    """Its own token is in the answer, and is not kept."""
    stage = Stage()
    stage.vendor.answers = lambda request: answer(
        {"sid": ACCOUNT, "status": "active", "auth_token": TOKEN}
    )
    twilio = made(stage)

    assert await twilio.initialize()
    assert TOKEN not in repr(await twilio.account_info())
