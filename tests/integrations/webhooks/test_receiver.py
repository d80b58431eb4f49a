"""Deliveries from the call to the ledger."""

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlencode

import pytest

from intertie.errors import StoreError
from intertie.integrations.config import IntegrationStatus
from intertie.integrations.message import Response
from intertie.integrations.webhooks.receiver import MAX_BODY_BYTES, Receiver
from intertie.integrations.webhooks.webhook import Arrival
from tests.integrations.webhooks.cases import (
    CASES,
    NOW,
    RAW,
    TOPIC,
    Case,
    other,
    pem,
    post,
    signature_of,
    sns,
    with_signature,
)
from tests.integrations.webhooks.hooked import Desk, desk

pytestmark = pytest.mark.anyio
BY_NAME = {case.name: case for case in CASES}
every = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)


async def statuses(opened: Desk, case: Case, *secrets: str) -> list[int]:
    """What deliveries to acme's connection are answered that are signed with these."""
    made = [case.sign(each, NOW, "right") for each in secrets]
    return [(await opened.receiver.receive("acme", "main", each)).status for each in made]


@every
async def test_a_good_delivery_is_kept_once(case: Case, tmp_path: Path) -> None:
    """However often it comes, also at another time within the tolerance."""
    async with desk(tmp_path) as opened:
        opened.stage.vendor.answers = lambda request: Response(200, {}, pem())
        opened.connect(case)
        again = [case.made(), case.made(), case.made(NOW - timedelta(seconds=60))]

        replies = [await opened.receiver.receive("acme", "main", each) for each in again]

        assert [reply.status for reply in replies] == [202] * 3
        (kept,) = await opened.kept()
        assert (kept.event.tenant, kept.event.name) == ("acme", "main")
        assert kept.event.received_at == NOW
        tally = opened.receiver.tallies["acme", "main"]
        assert (tally.events, tally.repeats, tally.refused) == (1, 2, 0)


@every
async def test_a_forged_delivery_hears_what_nobody_hears(case: Case, tmp_path: Path) -> None:
    """Whose connection it is, whether there is one and what was wrong makes no difference."""
    async with desk(tmp_path) as opened:
        opened.stage.vendor.answers = lambda request: Response(200, {}, pem())
        opened.connect(case)
        opened.connect(case, "other", webhook_secret=case.other_secret)
        good = case.made()
        bad = with_signature(case, good, other(case, signature_of(case, good)))

        replies = [
            await opened.receiver.receive("acme", "main", bad),
            await opened.receiver.receive("other", "main", good),
            await opened.receiver.receive("acme", "absent", good),
            await opened.receiver.receive("nobody", "main", good),
        ]

        assert all(reply == replies[0] for reply in replies)
        assert (replies[0].status, dict(replies[0].headers), replies[0].body) == (401, {}, b"")
        assert await opened.kept() == []
        assert opened.receiver.unknown == 2
        assert [told[:2] for told in opened.refusals] == [("acme", "main"), ("other", "main")]


async def test_a_connection_that_is_off_takes_nothing(tmp_path: Path) -> None:
    """Like one that does not exist."""
    case = BY_NAME["stripe"]
    async with desk(tmp_path) as opened:
        opened.connect(case)
        for each in opened.stage.registry:
            each.status = IntegrationStatus.DISABLED

        assert await statuses(opened, case, case.theirs) == [401]


async def test_without_a_secret_nothing_is_believed(tmp_path: Path) -> None:
    """Unless its owner says that nothing is signed; a secret counts even then."""
    case = BY_NAME["stripe"]
    async with desk(tmp_path) as opened:
        opened.connect(case, unsigned=False)
        assert await statuses(opened, case, "x") == [401]
        assert "unsigned: true" in opened.refusals[0][2]

    async with desk(tmp_path / "2") as opened:
        opened.connect(case, unsigned=True)
        assert await statuses(opened, case, "x") == [202]
        assert opened.receiver.tallies["acme", "main"].by_secret == {-1: 1}

    async with desk(tmp_path / "3") as opened:
        opened.connect(case, unsigned=True, webhook_secret="y")
        assert await statuses(opened, case, "x", "y") == [401, 202]


async def test_a_meter_says_who_still_signs_with_the_old_secret(tmp_path: Path) -> None:
    """While both are active."""
    case = BY_NAME["stripe"]
    async with desk(tmp_path) as opened:
        opened.connect(case, webhook_secret="new", webhook_secret_previous="old")

        assert await statuses(opened, case, "old", "new", "new", "older") == [202] * 3 + [401]
        assert opened.receiver.tallies["acme", "main"].by_secret == {0: 2, 1: 1}


@pytest.mark.parametrize("method", ["PUT", "DELETE", "HEAD", "post", ""])
async def test_other_methods_are_refused(method: str, tmp_path: Path) -> None:
    """For connections that there are and that there are not alike."""
    case = BY_NAME["stripe"]
    async with desk(tmp_path) as opened:
        opened.connect(case)
        delivery = replace(case.made(), method=method)

        for name in ("main", "absent"):
            reply = await opened.receiver.receive("acme", name, delivery)
            assert (reply.status, reply.headers["allow"]) == (405, "GET, POST")


async def test_a_get_is_no_delivery(tmp_path: Path) -> None:
    """Except for a vendor that delivers so: Twilio may."""
    case = BY_NAME["twilio form"]
    webhook = replace(case.webhook, body="form", methods=("POST", "GET"))
    by_get = replace(case, webhook=webhook)
    async with desk(tmp_path) as opened:
        opened.connect(case)
        opened.connect(by_get, "other")
        delivery = replace(
            case.made(), method="GET", body=b"", headers={"x-twilio-signature": [SIGNED_URL]}
        )

        assert (await opened.receiver.receive("acme", "main", delivery)).status == 401
        assert (await opened.receiver.receive("other", "main", delivery)).status == 202
        (kept,) = await opened.kept()
        assert json.loads(kept.event.payload) == {"a": "1"}


# Of URL alone under `s3cret`, by `openssl dgst -sha1 -hmac s3cret -binary | base64`.
SIGNED_URL = "MUZEiLu6ik3yZIi7QssC17dXIFU="


async def test_a_large_body_is_refused_before_anything_else(tmp_path: Path) -> None:
    """One that just fits is looked at."""
    async with desk(tmp_path) as opened:
        opened.connect(BY_NAME["github"])
        for size, status in ((MAX_BODY_BYTES, 401), (MAX_BODY_BYTES + 1, 413)):
            for name in ("main", "absent"):
                reply = await opened.receiver.receive("acme", name, post(b"x" * size, {}))
                assert reply.status == status


async def test_what_is_signed_and_makes_no_sense_is_told_so(tmp_path: Path) -> None:
    """Trying again would not help its vendor."""
    case = BY_NAME["braintree"]
    async with desk(tmp_path) as opened:
        opened.connect(case)
        digits = "20f9f8ed05f77439fe955c977e4c8a53"
        question = replace(post(b"", {}, f"https://h.example/?bt_challenge={digits}"), method="GET")
        config = {"webhook_secret": case.secret, "public_key": "public"}
        opened.connect(case, "other", **config)

        answer = (await opened.receiver.receive("other", "main", question)).body.decode()
        body = urlencode({"bt_signature": answer, "bt_payload": digits}).encode()
        reply = await opened.receiver.receive("other", "main", post(body, {}))

        # The answer to a question of anybody's is a good signature, and it is of no event.
        assert reply.status == 400
        assert await opened.kept() == []


async def test_slacks_question_is_answered_and_kept_nowhere(tmp_path: Path) -> None:
    """But only when it is signed."""
    case = BY_NAME["slack"]
    slack = BY_NAME["slack"].made()
    body = json.dumps({"type": "url_verification", "challenge": "abc"}).encode()
    async with desk(tmp_path) as opened:
        opened.connect(case)
        opened.connect(case, "trusting", unsigned=True)

        assert (
            await opened.receiver.receive("acme", "main", replace(slack, body=body))
        ).status == 401
        reply = await opened.receiver.receive("trusting", "main", replace(slack, body=body))
        assert (reply.status, reply.body) == (200, b"abc")
        assert await opened.kept() == []


CONFIRM = (
    f"https://sns.us-east-1.amazonaws.com/?Action=ConfirmSubscription&TopicArn={TOPIC}&Token=t"
)
HANDSHAKE = {"Type": "SubscriptionConfirmation", "Token": "t", "SubscribeURL": CONFIRM}


async def test_sns_is_confirmed_by_a_call(tmp_path: Path) -> None:
    """Once its signature is good; the certificate is fetched once."""
    case = BY_NAME["sns 2"]
    async with desk(tmp_path) as opened:
        opened.stage.vendor.answers = lambda request: Response(200, {}, pem())
        opened.connect(case)

        reply = await opened.receiver.receive("acme", "main", sns(TOPIC, NOW, **HANDSHAKE))
        again = await opened.receiver.receive("acme", "main", sns(TOPIC, NOW, **HANDSHAKE))

        assert (reply.status, again.status) == (200, 200)
        urls = [each.url for each in opened.stage.vendor.asked]
        assert urls[1:] == [CONFIRM, CONFIRM]
        assert urls[0].endswith(".pem")
        assert await opened.kept() == []


async def test_sns_has_us_call_nobody_else(tmp_path: Path) -> None:
    """Signed or not: the address has to be Amazon's, and the topic ours."""
    case = BY_NAME["sns 2"]
    inside = {**HANDSHAKE, "SubscribeURL": CONFIRM.replace("sns.us-east-1", "169.254.169.254/x")}
    async with desk(tmp_path) as opened:
        opened.stage.vendor.answers = lambda request: Response(200, {}, pem())
        opened.connect(case)

        for bad in (sns(TOPIC, NOW, **inside), sns("arn:of:others", NOW, **HANDSHAKE)):
            assert (await opened.receiver.receive("acme", "main", bad)).status == 401
        assert all(each.url.endswith(".pem") for each in opened.stage.vendor.asked)


@pytest.mark.parametrize("fails_at", [0, 1])
async def test_sns_tries_again_while_amazon_is_away(fails_at: int, tmp_path: Path) -> None:
    """The certificate or the confirmation could not be had: that is not the vendor's fault."""
    case = BY_NAME["sns 2"]
    answers = [Response(200, {}, pem()), Response(200, {}, b"")]
    answers[fails_at] = Response(500, {}, b"")
    async with desk(tmp_path) as opened:
        opened.stage.vendor.answers = lambda request: answers.pop(0)
        opened.connect(case)

        reply = await opened.receiver.receive("acme", "main", sns(TOPIC, NOW, **HANDSHAKE))

        assert (reply.status, reply.headers["retry-after"]) == (503, "5")


class Broken:
    """A ledger on a full disk."""

    async def add(self, arrivals: Sequence[Arrival]) -> Sequence[bool]:
        """See Ledger."""
        raise StoreError("cannot use the ledger: disk is full")

    waiting = published = faulty = purge = counts = news = add


async def test_what_could_not_be_kept_is_not_taken(tmp_path: Path) -> None:
    """The vendor hears so, and comes again."""
    case = BY_NAME["stripe"]
    async with desk(tmp_path) as opened:
        opened.connect(case)
        receiver = Receiver(opened.stage.registry, Broken())  # type: ignore[arg-type] # it only adds

        reply = await receiver.receive("acme", "main", case.made())

        assert reply.status == 503
        assert receiver.tallies["acme", "main"].events == 0


async def test_a_batch_is_kept_as_a_whole(tmp_path: Path) -> None:
    """What comes again of it, and what is new beside it, is told apart."""
    case = BY_NAME["hubspot"]
    first = [{"eventId": n, "subscriptionType": "a.b", "objectId": 1} for n in (1, 2)]
    second = [{"eventId": n, "subscriptionType": "a.b", "objectId": 1} for n in (2, 3)]
    async with desk(tmp_path) as opened:
        opened.connect(case, unsigned=True)

        for told in (first, second):
            body = json.dumps(told).encode()
            assert (await opened.receiver.receive("acme", "main", post(body, {}))).status == 202

        ids = [entry.event.id for entry in await opened.kept()]
        assert ids == ["1:a.b:1", "2:a.b:1", "3:a.b:1"]
        tally = opened.receiver.tallies["acme", "main"]
        assert (tally.events, tally.repeats) == (3, 1)


async def test_tenants_share_no_ids(tmp_path: Path) -> None:
    """The same event of two tenants is two events."""
    case = BY_NAME["stripe"]
    async with desk(tmp_path) as opened:
        for tenant in ("acme", "other"):
            opened.connect(case, tenant)
            reply = await opened.receiver.receive(tenant, "main", case.made())
            assert reply.status == 202

        kept = await opened.kept()
        assert [(each.event.tenant, each.event.id) for each in kept] == [
            ("acme", "evt_1"),
            ("other", "evt_1"),
        ]


async def test_another_unsigned_id_makes_no_other_event(tmp_path: Path) -> None:
    """GitHub does not sign its header of the delivery: a replay may name a new one."""
    case = BY_NAME["github"]
    again = replace(case.made(), headers={**case.made().headers, "x-github-delivery": ["new"]})
    async with desk(tmp_path) as opened:
        opened.connect(case)
        for delivery in (case.made(), again):
            assert (await opened.receiver.receive("acme", "main", delivery)).status == 202

        assert len(await opened.kept()) == 1
        assert json.loads((await opened.kept())[0].event.payload) == json.loads(RAW)
