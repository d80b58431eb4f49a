"""Slack: its own description judges the calls; its error words, pages and pauses are played."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from intertie.integrations.communication.slack import SlackIntegration
from intertie.integrations.errors import (
    AbsentError,
    AuthExpiredError,
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
from intertie.integrations.operation import Empty, Nothing, get
from tests.integrations.judged import judged
from tests.integrations.stage import Stage, answer
from tests.integrations.vendor import Vendor, started

pytestmark = pytest.mark.anyio
TOKEN = "xoxb-not-to-be-shown"
CONFIG = {"bot_token": TOKEN}
ONCE = {"max_attempts": 1}
CALLS: dict[str, dict[str, Any]] = {
    "auth_test": {},
    "post_message": {"channel": "C1", "text": "hello", "blocks": [{"type": "divider"}]},
    "update_message": {"channel": "C1", "ts": "1.2", "text": "bye"},
    "channels": {"types": ["public_channel", "private_channel"], "limit": 10, "cursor": "c"},
    "history": {"channel": "C1", "oldest": "1405894322.002768", "limit": 5},
    "user": {"user": "U1"},
}


@pytest.fixture(scope="module")
def judge() -> Iterator[Vendor]:
    """Slack's own description, served."""
    with started("slack") as vendor:
        yield vendor


def made(stage: Stage, **told: Any) -> SlackIntegration:
    """A connection with a bot token."""
    return stage.made(SlackIntegration, config=CONFIG, **told)


def fails(status: int = 200, code: str = "", **headers: str) -> Stage:
    """Slack refuses everything."""
    stage = Stage()
    told = {"ok": False, "error": code} if code else {}
    stage.vendor.answers = lambda request: answer(told, status, **headers)
    return stage


def paged(request: Request) -> Response:
    """Three pages; the last has an empty cursor, as Slack's have."""
    after = request.url.partition("cursor=")[2]
    page = int(after.removeprefix("page") or 1)
    channels = [{"id": f"C{page}{each}", "name": "general"} for each in "ab"]
    further = f"page{page + 1}" if page < 3 else ""
    told = {"ok": True, "channels": channels, "response_metadata": {"next_cursor": further}}
    return answer(told)


@pytest.mark.slow
@pytest.mark.parametrize("name", CALLS)
async def test_the_vendors_description_takes_every_operation(judge: Vendor, name: str) -> None:
    """And what it answers is read as what the operation promises."""
    async with judged(SlackIntegration, judge, CONFIG) as (slack, watching):
        told = await getattr(slack, name)(**CALLS[name])

    assert watching.wrong == []
    assert len(watching.asked) == 1
    assert isinstance(told, SlackIntegration.operations[name].answer)


def test_every_operation_is_judged() -> None:
    """None is left out of the calls above."""
    assert set(CALLS) == set(SlackIntegration.operations)


@pytest.mark.slow
async def test_the_judge_sees_what_a_connector_does_wrong(judge: Vendor) -> None:
    """A call against the description is reported: an empty report means something."""
    async with judged(SlackIntegration, judge, CONFIG) as (slack, watching):
        with pytest.raises(IntegrationError):
            await slack.history(channel="C1", oldest="not a number")

    assert any("oldest" in each for each in watching.wrong)


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("invalid_auth", AuthExpiredError),
        ("not_authed", AuthExpiredError),
        ("token_revoked", AuthExpiredError),
        ("token_expired", AuthExpiredError),
        ("account_inactive", AuthExpiredError),
        ("missing_scope", ScopeMissingError),
        ("restricted_action", ScopeMissingError),
        ("channel_not_found", AbsentError),
        ("message_not_found", AbsentError),
        ("ratelimited", ThrottledError),
        ("internal_error", VendorDownError),
        ("fatal_error", VendorDownError),
        ("msg_too_long", InvalidError),
        ("not_in_channel", InvalidError),
        ("a_word_of_next_year", InvalidError),
    ],
)
async def test_an_answer_of_200_with_an_error_word_is_an_error(
    code: str, expected: type[IntegrationError]
) -> None:
    """Slack says almost everything with status 200."""
    slack = made(fails(code=code), retry_policy=ONCE)

    with pytest.raises(IntegrationError, match=code) as caught:
        await slack.auth_test()

    assert type(caught.value) is expected


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (401, AuthExpiredError),
        (403, ScopeMissingError),
        (404, AbsentError),
        (400, InvalidError),
        (429, ThrottledError),
        (500, VendorDownError),
        (503, VendorDownError),
    ],
)
async def test_a_status_without_a_word_is_understood(
    status: int, expected: type[IntegrationError]
) -> None:
    """What proxies in front of Slack answer."""
    slack = made(fails(status), retry_policy=ONCE)

    with pytest.raises(IntegrationError) as caught:
        await slack.auth_test()

    assert type(caught.value) is expected
    assert caught.value.status == status


async def test_a_missing_scope_is_named() -> None:
    """So that just this one can be asked for."""
    stage = Stage()
    told = {"ok": False, "error": "missing_scope", "needed": "groups:read,im:read", "provided": "x"}
    stage.vendor.answers = lambda request: answer(told)

    with pytest.raises(ScopeMissingError, match="it needs groups:read, im:read") as caught:
        await made(stage).channels(types=["private_channel"])

    assert caught.value.scopes == ("groups:read", "im:read")


async def test_a_message_is_said_in_json_and_once() -> None:
    """What it says goes into the body as it is."""
    stage = Stage()
    stage.vendor.answers = lambda request: answer({"ok": True, "channel": "C1", "ts": "1.2"})

    posted = await made(stage).post_message(channel="C1", text="grüß & <tschüß>")

    (asked,) = stage.vendor.asked
    assert asked.headers["content-type"] == "application/json"
    assert asked.headers["authorization"] == f"Bearer {TOKEN}"
    assert json.loads(asked.body or b"") == {"channel": "C1", "text": "grüß & <tschüß>"}
    assert posted.ts == "1.2"


@pytest.mark.parametrize("lost", ["timeout", "500", "internal_error"])
async def test_a_message_that_may_have_been_posted_is_not_posted_again(lost: str) -> None:
    """Slack has no key against it; a reading call is made again after the same."""
    stage = Stage()

    def lose(request: Request) -> Response:
        if lost == "timeout":
            raise VendorTimeoutError("cannot reach slack.com: no answer within 30 s")
        word = {"ok": False, "error": lost} if lost == "internal_error" else {}
        return answer(word, 500 if lost == "500" else 200)

    stage.vendor.answers = lose
    slack = made(stage)

    with pytest.raises(VendorDownError):
        await slack.post_message(channel="C1", text="hello")
    posts = len(stage.vendor.asked)
    with pytest.raises(VendorDownError):
        await slack.auth_test()

    assert posts == 1
    assert len(stage.vendor.asked) == 1 + 3


async def test_a_key_for_a_message_is_refused() -> None:
    """It would promise what Slack does not keep."""
    stage = Stage()

    with pytest.raises(InvalidError, match="the vendor has no such way"):
        await made(stage).post_message(channel="C1", text="hello", key="k")

    assert stage.vendor.asked == []


async def test_a_refused_message_is_posted_when_slack_says_so() -> None:
    """One that was refused for its number was not posted."""
    stage = Stage()
    answers = iter(
        [
            answer({"ok": False, "error": "ratelimited"}, 429, retry_after="7"),
            answer({"ok": True, "channel": "C1", "ts": "1.2"}),
        ]
    )
    stage.vendor.answers = lambda request: next(answers)

    posted = await made(stage).post_message(channel="C1", text="hello")

    assert posted.ts == "1.2"
    assert stage.pauses == [7.0]


async def test_a_pause_is_for_the_method_that_was_refused() -> None:
    """Slack counts by method: others are still called, the same one is not."""
    stage = Stage()

    def refuse(request: Request) -> Response:
        if "conversations.list" in request.url:
            return answer({"ok": False, "error": "ratelimited"}, 429, retry_after="60")
        return answer({"ok": True, "channel": "C1", "ts": "1.2"})

    stage.vendor.answers = refuse
    slack = made(stage)
    with pytest.raises(ThrottledError) as caught:
        await slack.channels()

    await slack.post_message(channel="C1", text="hello")
    with pytest.raises(ThrottledError, match="the vendor wants a pause of 60"):
        await slack.channels()

    assert caught.value.retry_after_s == 60.0
    assert len(stage.vendor.asked) == 2


async def test_no_more_is_asked_than_the_tier_of_a_method_allows() -> None:
    """Tier 2 is 20 a minute; another method has its own tier."""
    stage = Stage()
    stage.vendor.answers = lambda request: answer(
        {"ok": True, "channels": [], "team_id": "T", "user_id": "U"}
    )
    slack = made(stage, retry_policy=ONCE)
    for _ in range(20):
        await slack.channels()

    with pytest.raises(ThrottledError, match="the allowance is used up"):
        await slack.channels()
    await slack.auth_test()

    assert len(stage.vendor.asked) == 21


async def test_channels_come_over_several_pages() -> None:
    """Until the cursor is empty."""
    stage = Stage()
    stage.vendor.answers = paged

    found = [each.id async for each in made(stage).channels.every(limit=2)]

    assert found == ["C1a", "C1b", "C2a", "C2b", "C3a", "C3b"]
    assert len(stage.vendor.asked) == 3


async def test_a_cursor_that_comes_again_ends_the_reading() -> None:
    """Instead of reading the same page for ever."""
    stage = Stage()
    told = {"ok": True, "messages": [{"ts": "1"}], "response_metadata": {"next_cursor": "x"}}
    stage.vendor.answers = lambda request: answer(told)

    with pytest.raises(LoopError, match="come again and again"):
        [each async for each in made(stage).history.every(channel="C1")]

    assert len(stage.vendor.asked) == 2


async def test_an_app_without_a_bot_token_asks_for_grants() -> None:
    """The token that was granted is shown; Slack's scopes are divided by commas."""
    stage = Stage()
    stage.vendor.answers = lambda request: answer({"ok": True, "team_id": "T", "user_id": "U"})
    config = {"client_id": "c", "client_secret": "s"}
    slack = stage.made(SlackIntegration, config=config)

    await slack.auth_test()

    assert stage.vendor.asked[0].headers["authorization"] == "Bearer token-1"
    assert slack.auth is SlackIntegration.ways[1]
    with pytest.raises(InvalidError, match="`bot_token` or `client_id`"):
        stage.made(SlackIntegration, name="none")


async def test_no_secret_is_shown() -> None:
    """Neither by the connection, its settings, its requests, nor by an error."""
    stage = fails(code="invalid_auth")
    slack = made(stage)

    with pytest.raises(AuthExpiredError) as caught:
        await slack.auth_test()

    shown = [slack, slack.settings, slack.config, stage.vendor.asked[0], caught.value]
    assert TOKEN not in "".join(f"{each!r}{each!s}" for each in shown)


async def test_nothing_but_slack_is_called() -> None:
    """Not even by an operation that names another host."""
    stage = Stage()
    slack = made(stage)
    away = get("https://slack.example/api/auth.test", Nothing, Empty, name="away")

    with pytest.raises(EgressError, match="none of this connector's addresses"):
        await slack.invoke(away, None, {})

    assert stage.vendor.asked == []
