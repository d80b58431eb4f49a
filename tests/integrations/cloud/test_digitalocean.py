"""DigitalOcean: its own description judges the calls; errors, pages and pauses are played."""

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl

import pytest

from intertie.integrations.cloud.digitalocean import Create, DigitalOceanIntegration
from intertie.integrations.errors import (
    AbsentError,
    AuthExpiredError,
    ClashError,
    EgressError,
    IntegrationError,
    InvalidError,
    LoopError,
    ScopeMissingError,
    ThrottledError,
    VendorDownError,
    VendorTimeoutError,
)
from intertie.integrations.message import Request, Response
from intertie.integrations.operation import Empty
from tests.integrations.judged import judged
from tests.integrations.stage import Stage, answer
from tests.integrations.vendor import Vendor, started

pytestmark = pytest.mark.anyio
TOKEN = "dop_v1_not-to-be-shown"
CONFIG = {"access_token": TOKEN}
ONCE = {"max_attempts": 1}
DROPLETS = "https://api.digitalocean.com/v2/droplets"
NEW: dict[str, Any] = {
    "names": ["web-1", "web-2"],
    "size": "s-1vcpu-1gb",
    "image": "ubuntu-24-04-x64",
}
CALLS: dict[str, dict[str, Any]] = {
    "account_info": {},
    "droplets": {"tag_name": "web", "per_page": 50},
    "droplet": {"droplet_id": 3164444},
    "create_droplets": {
        **NEW,
        "region": "nyc3",
        "ssh_keys": [289794, "3b:16:e4:bf:8b:00:8b:b8:59:8c:a9:d3:f0:19:fa:45"],
        "tags": ["web"],
        "user_data": "#cloud-config",
        "monitoring": True,
    },
    "delete_droplet": {"droplet_id": 3164444},
}


@pytest.fixture(scope="module")
def judge() -> Iterator[Vendor]:
    """DigitalOcean's own description, served."""
    with started("digitalocean") as vendor:
        yield vendor


def made(stage: Stage, **told: Any) -> DigitalOceanIntegration:
    """A connection with a token."""
    return stage.made(DigitalOceanIntegration, config=CONFIG, **told)


def fails(status: int, word: str = "", **headers: str) -> Stage:
    """DigitalOcean refuses everything."""
    stage = Stage()
    told = {"id": word, "message": "because"} if word else {}
    stage.vendor.answers = lambda request: answer(told, status, **headers)
    return stage


def lost(request: Request) -> Response:
    """It may have arrived, or not."""
    raise VendorTimeoutError("no answer")


def droplet(number: int) -> dict[str, Any]:
    """One machine, with what we look at and more."""
    return {
        "id": number,
        "name": f"web-{number}",
        "status": "active",
        "created_at": "2026-01-02T03:04:05Z",
        "size_slug": "s-1vcpu-1gb",
        "region": {"slug": "nyc3", "name": "New York 3", "sizes": []},
        "networks": {"v4": [{"ip_address": "10.0.0.1", "type": "private"}], "v6": []},
        "memory": 1024,
        "vcpus": 1,
        "disk": 25,
        "tags": [],
        "kernel": None,
    }


def paged(request: Request) -> Response:
    """Three pages of one; the last has no `pages`, as DigitalOcean's have none."""
    page = int(dict(parse_qsl(request.url.partition("?")[2])).get("page", 1))
    links = {"pages": {"next": f"{DROPLETS}?page={page + 1}&per_page=1"}} if page < 3 else {}
    return answer({"droplets": [droplet(page)], "links": links, "meta": {"total": 3}})


@pytest.mark.slow
@pytest.mark.parametrize("name", CALLS)
async def test_the_vendors_description_takes_every_operation(judge: Vendor, name: str) -> None:
    """And what it answers is read as what the operation promises."""
    async with judged(DigitalOceanIntegration, judge, CONFIG) as (ocean, watching):
        told = await getattr(ocean, name)(**CALLS[name])

    assert watching.wrong == []
    assert len(watching.asked) == 1
    assert isinstance(told, DigitalOceanIntegration.operations[name].answer)


def test_every_operation_is_judged() -> None:
    """None is left out of the calls above."""
    assert set(CALLS) == set(DigitalOceanIntegration.operations)


@pytest.mark.slow
async def test_the_judge_sees_what_a_connector_does_wrong(judge: Vendor) -> None:
    """A machine of no size is refused: that nothing else is refused means something."""
    unsized = Create.model_construct(**{name: NEW[name] for name in ("names", "image")})
    async with judged(DigitalOceanIntegration, judge, CONFIG) as (ocean, _):
        with pytest.raises(InvalidError) as told:
            await ocean.create_droplets(unsized)

    assert told.value.status == 422


async def test_machines_are_asked_for_in_json() -> None:
    """Numbers stay numbers, and what is not said is not sent."""
    stage = Stage()
    stage.vendor.answers = lambda request: answer({"droplets": [droplet(1)]}, 202)

    told = await made(stage).create_droplets(**NEW, ssh_keys=[7, "3b:16"])

    (asked,) = stage.vendor.asked
    assert told.droplets[0].networks.v4[0].ip_address == "10.0.0.1"
    assert asked.headers["authorization"] == f"Bearer {TOKEN}"
    assert json.loads(asked.body or b"") == {**NEW, "ssh_keys": [7, "3b:16"]}


async def test_a_machine_is_removed_without_an_answer_to_read() -> None:
    """204 has no body."""
    stage = Stage()
    stage.vendor.answers = lambda request: answer(None, 204)

    told = await made(stage).delete_droplet(droplet_id=7)

    assert told == Empty()
    assert [(each.method, each.url) for each in stage.vendor.asked] == [("DELETE", f"{DROPLETS}/7")]


@pytest.mark.parametrize(
    ("status", "word", "expected"),
    [
        (401, "unauthorized", AuthExpiredError),
        (403, "forbidden", ScopeMissingError),
        (404, "not_found", AbsentError),
        (409, "conflict", ClashError),
        (422, "unprocessable_entity", InvalidError),
        (429, "too_many_requests", ThrottledError),
        (500, "server_error", VendorDownError),
        (503, "", VendorDownError),
    ],
)
async def test_digitaloceans_errors_become_ours(
    status: int, word: str, expected: type[IntegrationError]
) -> None:
    """With its own word for them, and what it says."""
    stage = fails(status, word)

    with pytest.raises(IntegrationError) as told:
        await made(stage, retry_policy=ONCE).droplets()

    assert type(told.value) is expected
    assert told.value.code == word
    assert ("because" in str(told.value)) is bool(word)


async def test_an_id_in_a_good_answer_is_no_error() -> None:
    """Errors have their word where other answers may have an id."""
    stage = Stage()
    stage.vendor.answers = lambda request: answer({"id": "x", "droplet": droplet(1)})

    assert (await made(stage).droplet(droplet_id=1)).droplet.id == 1


@pytest.mark.parametrize(
    ("headers", "pause_s"),
    [
        ({"retry_after": "2", "ratelimit_remaining": "0", "ratelimit_reset": "1800003600"}, 2.0),
        ({"ratelimit_remaining": "0", "ratelimit_reset": "1800000007"}, 7.0),
    ],
    ids=["of the minute", "of the hour"],
)
async def test_a_refusal_is_waited_for_as_long_as_its_window_says(
    headers: dict[str, str], pause_s: float
) -> None:
    """One of the minute says so itself; for one of the hour its end says it."""
    stage = Stage()
    told = [answer({"id": "too_many_requests"}, 429, **headers), answer({"droplets": []})]
    stage.vendor.answers = lambda request: told.pop(0)

    await made(stage).droplets()

    assert stage.pauses == [pause_s]


async def test_an_hour_is_not_waited_for() -> None:
    """The caller is told how long it is, and nothing more is asked until then."""
    stage = fails(429, "too_many_requests", ratelimit_remaining="0", ratelimit_reset="1800003600")
    ocean = made(stage)

    for _ in range(2):
        with pytest.raises(ThrottledError) as told:
            await ocean.droplets()

        assert told.value.retry_after_s == 3600.0

    assert len(stage.vendor.asked) == 1
    assert stage.pauses == []


async def test_what_remains_is_no_reason_to_wait() -> None:
    """The end of an hour that is not used up says nothing about a refusal."""
    stage = fails(
        429, "too_many_requests", ratelimit_remaining="4000", ratelimit_reset="1800003600"
    )

    with pytest.raises(ThrottledError) as told:
        await made(stage).droplets()

    assert told.value.retry_after_s is None
    assert len(stage.vendor.asked) == 3


async def test_no_more_than_250_are_asked_in_a_minute() -> None:
    """Which is what DigitalOcean allows."""
    stage = Stage()
    stage.vendor.answers = lambda request: answer({"droplets": []})
    ocean = made(stage, retry_policy=ONCE)

    for _ in range(250):
        await ocean.droplets()
    with pytest.raises(ThrottledError, match="allowance is used up"):
        await ocean.droplets()

    assert len(stage.vendor.asked) == 250


async def test_pages_are_followed_by_the_addresses_in_the_answers() -> None:
    """Until one has none."""
    stage = Stage()
    stage.vendor.answers = paged

    found = [each.id async for each in made(stage).droplets.every(per_page=1)]

    assert found == [1, 2, 3]
    assert [each.url for each in stage.vendor.asked] == [
        f"{DROPLETS}?per_page=1",
        f"{DROPLETS}?page=2&per_page=1",
        f"{DROPLETS}?page=3&per_page=1",
    ]


async def test_pages_that_go_round_are_noticed() -> None:
    """An address that came before ends it."""
    stage = Stage()
    links = {"pages": {"next": f"{DROPLETS}?page=2"}}
    stage.vendor.answers = lambda request: answer({"droplets": [droplet(1)], "links": links})

    with pytest.raises(LoopError):
        [each async for each in made(stage).droplets.every()]

    assert len(stage.vendor.asked) == 2


async def test_a_page_elsewhere_is_not_asked_for() -> None:
    """The token would go along."""
    stage = Stage()
    links = {"pages": {"next": "https://example.com/v2/droplets?page=2"}}
    stage.vendor.answers = lambda request: answer({"droplets": [], "links": links})

    with pytest.raises(EgressError):
        [each async for each in made(stage).droplets.every()]

    assert len(stage.vendor.asked) == 1


async def test_machines_that_may_have_been_made_are_not_made_again() -> None:
    """Each would be paid for."""
    stage = Stage()
    stage.vendor.answers = lost

    with pytest.raises(VendorTimeoutError):
        await made(stage).create_droplets(**NEW)

    assert len(stage.vendor.asked) == 1


async def test_removing_is_tried_again() -> None:
    """A machine that is gone stays gone."""
    stage = Stage()
    stage.vendor.answers = lost

    with pytest.raises(VendorTimeoutError):
        await made(stage).delete_droplet(droplet_id=7)

    assert len(stage.vendor.asked) == 3


async def test_the_token_is_shown_nowhere() -> None:
    """Not by the connection, its settings, its requests or its errors, nor what machines get."""
    stage = Stage()
    stage.vendor.answers = lambda request: answer({"message": f"no such token {TOKEN}"}, 401)
    ocean = made(stage)

    with pytest.raises(AuthExpiredError, match=r"no such token \*\*\*") as told:
        await ocean.create_droplets(**NEW, user_data="password: not-to-be-shown")

    wanted = Create(**NEW, user_data="password: not-to-be-shown")
    shown = [ocean, ocean.settings, ocean.config, told.value, wanted, *stage.vendor.asked]
    assert all("not-to-be-shown" not in f"{each!r} {each}" for each in shown)


@pytest.mark.parametrize(
    ("status", "cause"), [(401, "auth"), (403, "scope"), (429, "quota"), (500, "vendor")]
)
async def test_the_probe_says_what_is_wrong(status: int, cause: str) -> None:
    """By asking for the account."""
    told = await made(fails(status), retry_policy=ONCE).health_check()

    assert (told["healthy"], told["cause"]) == (False, cause)
