import logging
from collections.abc import Sequence
from random import Random

import pytest
from anyio import Event, fail_after, get_cancelled_exc_class, sleep_forever
from anyio.lowlevel import checkpoint

from intertie.monitor.channels import Channel, ChannelError, channel_of
from intertie.monitor.sender import Count, Outcome, Sender, wait_s
from intertie.suite.monitoring import WebhookChannel
from tests.monitor.channels.stage import AT, message, recording, vault

pytestmark = pytest.mark.anyio

LATER = ChannelError("cannot tell: later", retry=True)
NEVER = ChannelError("cannot tell: never", retry=False)


class Scripted:
    """Answers as told, the last answer again and again."""

    def __init__(self, name: str, *answers: str | Exception) -> None:
        self.name = name
        self.keys: list[str] = []
        self._answers = list(answers)

    async def send(self, message: object) -> str:
        """As `Channel`."""
        self.keys.append(getattr(message, "key", ""))
        await checkpoint()
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


class Stage:
    """A sender whose waits are kept and not waited for."""

    def __init__(
        self, *channels: Channel, fallback: Sequence[str] = (), try_timeout_s: float = 15.0
    ) -> None:
        self.waits: list[float] = []
        self.sender = Sender(
            {channel.name: channel for channel in channels},
            fallback=fallback,
            sleep=self._sleep,
            now=lambda: AT,
            rng=Random(1),  # noqa: S311 - only spreads waits
            try_timeout_s=try_timeout_s,
        )

    async def _sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        await checkpoint()

    async def send(self, *channels: str) -> Sequence[Outcome]:
        """A plain notice."""
        return await self.sender.send(message(), channels)


async def test_each_channel_is_told_once() -> None:
    """In the order asked, also when one is named twice."""
    mail, slack = Scripted("mail", "250 OK"), Scripted("slack", "ok")
    stage = Stage(mail, slack)

    outcomes = await stage.send("slack", "mail", "slack")

    assert outcomes == [
        Outcome("slack", ok=True, told="ok", tries=1),
        Outcome("mail", ok=True, told="250 OK", tries=1),
    ]
    assert (mail.keys, slack.keys, stage.waits) == (["notice-1"], ["notice-1"], [])


async def test_what_may_pass_is_tried_four_times() -> None:
    """With the same key each time; then the channel has given up."""
    mail = Scripted("mail", LATER)
    stage = Stage(mail)

    (outcome,) = await stage.send("mail")

    assert outcome == Outcome("mail", ok=False, told="cannot tell: later", tries=4)
    assert mail.keys == ["notice-1"] * 4
    assert len(stage.waits) == 3


async def test_it_stops_when_it_is_taken() -> None:
    """And that is a success."""
    stage = Stage(Scripted("mail", LATER, LATER, "250 OK"))

    assert await stage.send("mail") == [Outcome("mail", ok=True, told="250 OK", tries=3)]
    assert len(stage.waits) == 2


async def test_what_stays_wrong_is_not_tried_again() -> None:
    """It would be as wrong."""
    stage = Stage(Scripted("mail", NEVER, "250 OK"))

    assert await stage.send("mail") == [
        Outcome("mail", ok=False, told="cannot tell: never", tries=1)
    ]
    assert stage.waits == []


async def test_a_wait_asked_for_is_kept() -> None:
    """Up to a minute."""
    asks = [ChannelError("x", retry=True, retry_after_s=s) for s in (30.0, 999.0, 0.0)]
    stage = Stage(Scripted("slack", *asks, "ok"))

    await stage.send("slack")

    assert stage.waits[:2] == [30.0, 60.0]
    assert 2.0 <= stage.waits[2] <= 6.0


@pytest.mark.parametrize(("tried", "base"), [(1, 1.0), (2, 2.0), (3, 4.0), (4, 8.0)])
def test_each_wait_is_about_twice_the_last(tried: int, base: float) -> None:
    """But not exactly, so that many senders do not come back together."""
    waits = {wait_s(tried, None, rng=Random(seed)) for seed in range(200)}  # noqa: S311

    assert base * 0.5 <= min(waits) < base < max(waits) <= base * 1.5
    assert len(waits) == 200


async def test_a_slow_channel_does_not_delay_another() -> None:
    """One that waits for the other one has to see it come."""
    told = Event()

    class Slow(Scripted):
        async def send(self, message: object) -> str:
            await told.wait()
            return "at last"

    class Quick(Scripted):
        async def send(self, message: object) -> str:
            told.set()
            return "at once"

    stage = Stage(Slow("slow", ""), Quick("quick", ""))
    with fail_after(10):
        outcomes = await stage.send("slow", "quick")

    assert [outcome.told for outcome in outcomes] == ["at last", "at once"]


async def test_a_channel_that_hangs_is_cut_off_and_tried_again() -> None:
    """Each try has its own time."""
    cut = 0

    class Hangs(Scripted):
        async def send(self, message: object) -> str:
            nonlocal cut
            try:
                await sleep_forever()
            except get_cancelled_exc_class():
                cut += 1
                raise
            return ""

    stage = Stage(Hangs("pager", ""), try_timeout_s=0.01)

    (outcome,) = await stage.send("pager")

    assert (outcome.ok, outcome.tries, cut) == (False, 4, 4)
    assert outcome.told == "cannot tell by 'pager': no answer within 0.01s"


async def test_fallbacks_are_told_once_when_channels_give_up() -> None:
    """However many gave up; those already asked are not told twice."""
    sms, mail = Scripted("sms", "sent"), Scripted("mail", "250 OK")
    stage = Stage(
        Scripted("pager", NEVER), Scripted("slack", LATER), sms, mail, fallback=["sms", "mail"]
    )

    outcomes = await stage.send("pager", "slack", "mail")

    assert [(outcome.channel, outcome.ok, outcome.fallback) for outcome in outcomes] == [
        ("pager", False, False),
        ("slack", False, False),
        ("mail", True, False),
        ("sms", True, True),
    ]
    assert (len(sms.keys), len(mail.keys)) == (1, 1)


async def test_no_fallback_is_told_when_all_is_well() -> None:
    """It is for emergencies."""
    sms = Scripted("sms", "sent")
    await Stage(Scripted("mail", LATER, "ok"), sms, fallback=["sms"]).send("mail")

    assert sms.keys == []


async def test_a_fallback_does_not_wait_for_slow_channels() -> None:
    """It is told as soon as the first one gave up."""
    told = Event()

    class Slow(Scripted):
        async def send(self, message: object) -> str:
            await told.wait()
            return "at last"

    class Sms(Scripted):
        async def send(self, message: object) -> str:
            told.set()
            return "sent"

    stage = Stage(Scripted("pager", NEVER), Slow("slow", ""), Sms("sms", ""), fallback=["sms"])
    with fail_after(10):
        outcomes = await stage.send("pager", "slow")

    assert [outcome.ok for outcome in outcomes] == [False, True, True]


async def test_a_fallback_that_fails_ends_it() -> None:
    """It is tried as often as any other; there is nobody behind it."""
    sms = Scripted("sms", LATER)
    outcomes = await Stage(Scripted("mail", NEVER), sms, fallback=["sms"]).send("mail")

    assert outcomes[1] == Outcome("sms", ok=False, told=str(LATER), tries=4, fallback=True)


async def test_a_channel_that_is_gone_counts_as_given_up() -> None:
    """So that whoever is behind it is told."""
    stage = Stage(Scripted("sms", "sent"), fallback=["sms"])

    gone, instead = await stage.send("pager")

    assert gone == Outcome(
        "pager", ok=False, told="cannot tell by 'pager': no such channel", tries=0
    )
    assert (instead.channel, instead.ok) == ("sms", True)


async def test_a_fault_in_one_channel_spares_the_others(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """It is logged by its kind and place; its text may hold a secret."""
    broken = Scripted("broken", ValueError("s3cret"))
    with caplog.at_level(logging.ERROR):
        bad, good = await Stage(broken, Scripted("mail", "ok")).send("broken", "mail")

    assert (bad.ok, bad.tries, good.ok) == (False, 1, True)
    assert bad.told.startswith("cannot tell by 'broken': unexpected ValueError at test_sender.py:")
    assert "s3cret" not in caplog.text + bad.told
    assert [(record.__dict__["channel"], record.exc_info) for record in caplog.records] == [
        ("broken", None)
    ]


async def test_it_counts_what_each_channel_did() -> None:
    """A message once, however often it was tried; the last error stays."""
    stage = Stage(Scripted("mail", LATER, "ok", NEVER, "ok"), Scripted("idle", "ok"))
    for _ in range(3):
        await stage.send("mail")

    assert stage.sender.counts() == {
        "mail": Count(sent=2, failed=1, last_error=str(NEVER), last_error_at=AT, last_sent_at=AT),
        "idle": Count(),
    }


async def test_with_nobody_to_tell_there_is_no_outcome() -> None:
    """And no fallback."""
    assert await Stage(Scripted("sms", "ok"), fallback=["sms"]).send() == []


async def test_a_real_server_that_recovers_has_it_once() -> None:
    """All that it was sent bears the same key."""
    with recording() as recorder:
        recorder.before = [503, 429]
        hook = channel_of(
            WebhookChannel(kind="webhook", url=recorder.url),
            name="hook",
            resolve=vault(),
            now=lambda: AT,
        )
        (outcome,) = await Stage(hook).send("hook")

    assert outcome == Outcome("hook", ok=True, told="200 ok", tries=3)
    assert [got.headers["Idempotency-Key"] for got in recorder.requests] == ["notice-1"] * 3
