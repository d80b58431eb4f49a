"""HubSpot: a description after its documentation judges the calls; the rest is played."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from intertie.integrations.credentials import Bearer, OAuth2
from intertie.integrations.errors import (
    AbsentError,
    AuthExpiredError,
    ClashError,
    IntegrationError,
    InvalidError,
    LoopError,
    QuotaSpentError,
    ScopeMissingError,
    ThrottledError,
    VendorDownError,
    VendorTimeoutError,
)
from intertie.integrations.external_apis.hubspot import HubSpotIntegration, Search
from intertie.integrations.message import Request, Response
from tests.integrations.judged import judged
from tests.integrations.stage import Stage, answer
from tests.integrations.vendor import Vendor, started

pytestmark = pytest.mark.anyio
TOKEN = "pat-eu1-not-to-be-shown"
CONFIG = {"access_token": TOKEN}
APP = {"client_id": "app-1", "client_secret": "app-secret-not-to-be-shown"}
ONCE = {"max_attempts": 1}
CONTACTS = "https://api.hubapi.com/crm/v3/objects/contacts"
ADA = {"email": "ada@example.com", "firstname": "Ada"}
BY_EMAIL = {"filters": [{"property_name": "email", "value": "ada@example.com"}]}
CALLS: dict[str, dict[str, Any]] = {
    "contacts": {"limit": 2, "after": "513", "properties": ["email", "lastname"]},
    "contact": {"contact_id": "ada@example.com", "id_property": "email", "properties": ["email"]},
    "create_contact": {"properties": ADA},
    "update_contact": {"contact_id": "512", "properties": {"firstname": "Augusta"}},
    "search_contacts": {
        "query": "ada",
        "filter_groups": [
            BY_EMAIL,
            {
                "filters": [
                    {"property_name": "lifecyclestage", "operator": "IN", "values": ["lead"]},
                    {
                        "property_name": "createdate",
                        "operator": "BETWEEN",
                        "value": "1700000000000",
                        "high_value": "1800000000000",
                    },
                    {"property_name": "phone", "operator": "NOT_HAS_PROPERTY"},
                ]
            },
        ],
        "sorts": ["-createdate"],
        "properties": ["email"],
        "limit": 200,
        "after": "200",
    },
}


@pytest.fixture(scope="module")
def judge() -> Iterator[Vendor]:
    """What we read of HubSpot, served."""
    with started("hubspot") as vendor:
        yield vendor


def made(stage: Stage, **told: Any) -> HubSpotIntegration:
    """A connection with a private app's token."""
    return stage.made(HubSpotIntegration, **{"config": CONFIG, **told})


def fails(status: int, category: str = "", policy: str = "") -> Stage:
    """HubSpot refuses everything."""
    stage = Stage()
    told = {"status": "error", "category": category, "message": "because"} if category else {}
    more = {"policyName": policy} if policy else {}
    stage.vendor.answers = lambda request: answer({**told, **more}, status)
    return stage


def lost(request: Request) -> Response:
    """It may have arrived, or not."""
    raise VendorTimeoutError("no answer")


def contact(number: int) -> dict[str, Any]:
    """One person, with what we look at and more."""
    return {
        "id": str(number),
        "properties": {"email": f"{number}@example.com", "lastname": None},
        "createdAt": "2026-01-02T03:04:05.678Z",
        "updatedAt": "2026-01-02T03:04:05.678Z",
        "archived": False,
        "url": "https://app.hubspot.com/contacts/1",
    }


def page(after: str | None, **more: Any) -> Response:
    """Two of six; the last page has no `paging`, as HubSpot's has none."""
    first = int(after or 1)
    results = [contact(first), contact(first + 1)]
    paging = {"paging": {"next": {"after": str(first + 2)}}} if first < 5 else {}
    return answer({"results": results, **paging, **more})


@pytest.mark.slow
@pytest.mark.parametrize("name", CALLS)
async def test_the_description_takes_every_operation(judge: Vendor, name: str) -> None:
    """And what it answers is read as what the operation promises."""
    async with judged(HubSpotIntegration, judge, CONFIG) as (hubspot, watching):
        told = await getattr(hubspot, name)(**CALLS[name])

    assert watching.wrong == []
    assert len(watching.asked) == 1
    assert isinstance(told, HubSpotIntegration.operations[name].answer)


def test_every_operation_is_judged() -> None:
    """None is left out of the calls above."""
    assert set(CALLS) == set(HubSpotIntegration.operations)


@pytest.mark.slow
async def test_the_judge_sees_what_a_connector_does_wrong(judge: Vendor) -> None:
    """A page of too many is refused: that nothing else is refused means something."""
    async with judged(HubSpotIntegration, judge, CONFIG) as (hubspot, watching):
        with pytest.raises(InvalidError):
            await hubspot.search_contacts(Search.model_construct(limit=1000))

    assert any("limit" in each for each in watching.wrong)


def test_a_private_app_has_a_token_and_a_public_app_consent() -> None:
    """The token where there is one; else OAuth at the address that stays after February 2027."""
    private = made(Stage())
    public = made(Stage(), config=APP)

    assert isinstance(private.auth, Bearer)
    assert isinstance(public.auth, OAuth2)
    assert public.auth.token == "https://api.hubapi.com/oauth/2026-03/token"


async def test_a_public_app_gets_another_token_when_one_is_refused() -> None:
    """Once, and without the caller's noticing."""
    stage = Stage()
    told = [answer({"category": "EXPIRED_AUTHENTICATION"}, 401), answer(contact(512))]
    stage.vendor.answers = lambda request: told.pop(0)

    found = await made(stage, config=APP).contact(contact_id="512")

    assert found.id == "512"
    assert [each.headers["authorization"] for each in stage.vendor.asked] == [
        "Bearer token-1",
        "Bearer token-2",
    ]


async def test_a_missing_consent_is_told_before_anything_is_sent() -> None:
    """With what to do about it."""
    stage = Stage()
    stage.grants.granted = frozenset({"crm.objects.contacts.read"})

    with pytest.raises(ScopeMissingError, match=r"lacks crm\.objects\.contacts\.write"):
        await made(stage, config=APP).create_contact(properties=ADA)

    assert stage.vendor.asked == []


async def test_a_search_is_sent_with_hubspots_words() -> None:
    """And nothing of what was not said."""
    stage = Stage()
    stage.vendor.answers = lambda request: page(None, total=6)

    found = await made(stage).search_contacts(filter_groups=[BY_EMAIL], limit=2)

    (asked,) = stage.vendor.asked
    assert found.total == 6
    assert (asked.method, asked.url) == ("POST", f"{CONTACTS}/search")
    assert json.loads(asked.body or b"") == {
        "filterGroups": [
            {"filters": [{"propertyName": "email", "operator": "EQ", "value": "ada@example.com"}]}
        ],
        "limit": 2,
    }


async def test_a_contact_is_found_by_another_property_than_its_id() -> None:
    """Which one is said in HubSpot's words, and lists have commas."""
    stage = Stage()
    stage.vendor.answers = lambda request: answer(contact(512))

    await made(stage).contact(**{**CALLS["contact"], "properties": ["email", "lastname"]})

    assert stage.vendor.asked[0].url == (
        f"{CONTACTS}/ada%40example.com?idProperty=email&properties=email%2Clastname"
    )


async def test_a_change_says_only_what_changes() -> None:
    """Who it is about stands in the address, out of which nothing breaks."""
    stage = Stage()
    stage.vendor.answers = lambda request: answer(contact(512))

    await made(stage).update_contact(contact_id="5/../12", properties={"firstname": "Augusta"})

    (asked,) = stage.vendor.asked
    assert (asked.method, asked.url) == ("PATCH", f"{CONTACTS}/5%2F..%2F12")
    assert json.loads(asked.body or b"") == {"properties": {"firstname": "Augusta"}}


@pytest.mark.parametrize(
    ("operation", "told"),
    [
        ("contacts", {"limit": 101}),
        ("search_contacts", {"limit": 201}),
        ("search_contacts", {"filter_groups": [{"filters": []}]}),
        (
            "search_contacts",
            {"filter_groups": [{"filters": [{"property_name": "email", "operator": "LIKE"}]}]},
        ),
        ("create_contact", {"properties": {}}),
        ("update_contact", {"properties": ADA}),
    ],
)
async def test_what_makes_no_sense_is_not_sent(operation: str, told: dict[str, Any]) -> None:
    """HubSpot would refuse it, and count it."""
    stage = Stage()

    with pytest.raises(InvalidError):
        await getattr(made(stage), operation)(**told)

    assert stage.vendor.asked == []


@pytest.mark.parametrize(
    ("status", "category", "policy", "expected"),
    [
        (401, "EXPIRED_AUTHENTICATION", "", AuthExpiredError),
        (403, "MISSING_SCOPES", "", ScopeMissingError),
        (404, "OBJECT_NOT_FOUND", "", AbsentError),
        (409, "CONFLICT", "", ClashError),
        (400, "VALIDATION_ERROR", "", InvalidError),
        (429, "RATE_LIMITS", "TEN_SECONDLY_ROLLING", ThrottledError),
        (429, "RATE_LIMITS", "DAILY", QuotaSpentError),
        (500, "INTERNAL_ERROR", "", VendorDownError),
        (502, "", "", VendorDownError),
    ],
)
async def test_hubspots_errors_become_ours(
    status: int, category: str, policy: str, expected: type[IntegrationError]
) -> None:
    """With its own word for them, and what it says."""
    stage = fails(status, category, policy)

    with pytest.raises(IntegrationError) as told:
        await made(stage, retry_policy=ONCE).create_contact(properties=ADA)

    assert type(told.value) is expected
    assert told.value.code == category
    assert ("because" in str(told.value)) is bool(category)


async def test_a_day_that_is_used_up_is_not_asked_about_again() -> None:
    """A pause of seconds would not help."""
    stage = fails(429, "RATE_LIMITS", "DAILY")

    with pytest.raises(QuotaSpentError):
        await made(stage).contacts()

    assert len(stage.vendor.asked) == 1
    assert stage.pauses == []


async def test_pages_follow_the_cursor() -> None:
    """Until a page has none."""
    stage = Stage()
    stage.vendor.answers = lambda request: page(request.url.partition("after=")[2][:1])

    found = [each.id async for each in made(stage).contacts.every(limit=2)]

    assert found == ["1", "2", "3", "4", "5", "6"]
    assert len(stage.vendor.asked) == 3


async def test_pages_of_a_search_follow_the_cursor_too() -> None:
    """It goes into the body; what is looked for stays."""
    stage = Stage()
    stage.vendor.answers = lambda request: page(
        json.loads(request.body or b"").get("after"), total=6
    )

    found = [each.id async for each in made(stage).search_contacts.every(query="ada", limit=2)]

    assert found == ["1", "2", "3", "4", "5", "6"]
    assert [json.loads(each.body or b"") for each in stage.vendor.asked] == [
        {"query": "ada", "limit": 2},
        {"query": "ada", "limit": 2, "after": "3"},
        {"query": "ada", "limit": 2, "after": "5"},
    ]


async def test_pages_that_go_round_are_noticed() -> None:
    """A cursor that came before ends it."""
    stage = Stage()
    stage.vendor.answers = lambda request: page("1")

    with pytest.raises(LoopError):
        [each async for each in made(stage).contacts.every()]

    assert len(stage.vendor.asked) == 2


async def test_no_more_than_ten_are_asked_in_a_second() -> None:
    """A hundred in ten seconds is the least that HubSpot allows."""
    stage = Stage()
    stage.vendor.answers = lambda request: page("5")
    hubspot = made(stage, retry_policy=ONCE)

    for _ in range(10):
        await hubspot.contacts()
    with pytest.raises(ThrottledError, match="allowance is used up"):
        await hubspot.contacts()

    assert len(stage.vendor.asked) == 10


async def test_no_more_than_five_are_searched_in_a_second() -> None:
    """Other calls are free to be made then, and a second later so is the next search."""
    stage = Stage()
    stage.vendor.answers = lambda request: page("5", total=2)
    hubspot = made(stage, retry_policy=ONCE)

    for _ in range(5):
        await hubspot.search_contacts(query="ada")
    with pytest.raises(ThrottledError, match=r"allowance is used up \(own\)"):
        await hubspot.search_contacts(query="ada")
    await hubspot.contacts()
    stage.clock.time_s += 1.01
    await hubspot.search_contacts(query="ada")

    assert len(stage.vendor.asked) == 7


@pytest.mark.parametrize(
    ("operation", "attempts"),
    [("search_contacts", 3), ("contacts", 3), ("create_contact", 1), ("update_contact", 1)],
)
async def test_only_what_reads_is_tried_again(operation: str, attempts: int) -> None:
    """A search is sent like a write, and reads all the same."""
    stage = Stage()
    stage.vendor.answers = lost

    with pytest.raises(VendorTimeoutError):
        await getattr(made(stage), operation)(**CALLS[operation])

    assert len(stage.vendor.asked) == attempts


@pytest.mark.parametrize("config", [CONFIG, APP], ids=["private", "public"])
async def test_the_secrets_are_shown_nowhere(config: dict[str, str]) -> None:
    """Not by the connection, its settings, its requests or its errors."""
    stage = Stage()
    stage.vendor.answers = lambda request: answer(
        {"message": f"no such token {request.headers['authorization'].split()[1]}"}, 401
    )
    if config is APP:
        stage.grants.number = 12_345
    hubspot = made(stage, config=config)

    with pytest.raises(AuthExpiredError, match=r"no such token \*\*\*") as told:
        await hubspot.contacts()

    shown = [hubspot, hubspot.settings, hubspot.config, told.value, *stage.vendor.asked]
    assert all("not-to-be-shown" not in f"{each!r} {each}" for each in shown)
    assert all("token-123" not in f"{each!r} {each}" for each in shown)


@pytest.mark.parametrize(
    ("status", "cause"), [(401, "auth"), (403, "scope"), (429, "quota"), (500, "vendor")]
)
async def test_the_probe_says_what_is_wrong(status: int, cause: str) -> None:
    """By asking for one contact."""
    told = await made(fails(status), retry_policy=ONCE).health_check()

    assert (told["healthy"], told["cause"]) == (False, cause)
