"""Renewal on a played vendor: by one process, after an intent, and lost by no error."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from anyio import CancelScope, Event, create_task_group

from intertie.integrations.errors import (
    AuthExpiredError,
    IntegrationError,
    VendorDownError,
    VendorTimeoutError,
)
from intertie.integrations.grants import GrantDesk
from intertie.integrations.vault import GRANTS, place
from tests.integrations.grant_house import (
    LIFE_S,
    Failing,
    House,
    Killed,
    PlayedIntegration,
    granted,
    house,
    refused,
)
from tests.integrations.stage import answer

pytestmark = pytest.mark.anyio


@pytest.fixture
async def at(tmp_path: Path) -> AsyncIterator[House]:
    """A vendor and a database."""
    async with house(tmp_path) as made:
        yield made


async def test_a_token_is_renewed_before_it_ends(at: House) -> None:
    """By its margin, with the refresh token, and proving who the program is."""
    process = await at.with_grant()
    at.clock.time_s += LIFE_S - 290

    assert (await process.main.me()).id == "access-2"

    assert at.vendor.forms == [{"grant_type": "refresh_token", "refresh_token": "refresh-1"}]
    sent = process.stage.vendor.asked[0]
    assert sent.headers["authorization"] == "Basic YXBwOmh1c2gtaHVzaA=="
    assert (await process.state()).renewed_at == at.clock()


async def test_margins_are_spread(at: House) -> None:
    """A thousand grants of one minute are not renewed in one second."""
    process = await at.process()
    renewed_early = set()
    for number in range(40):
        connection = process.stage.made(PlayedIntegration, "acme", name=f"c{number}")
        await process.desk.store(connection, granted())
        ready = process.desk._ready[connection]
        renewed_early.add(round(at.clock() + LIFE_S - ready.look_at, 3))

    assert len(renewed_early) > 30
    assert all(300 <= each <= 330 for each in renewed_early)


async def test_a_short_life_is_not_all_margin(at: House) -> None:
    """A token of five minutes is used for most of them."""
    process = await at.with_grant(expires_in=300)
    at.clock.time_s += 200

    assert (await process.main.me()).id == "access-1"
    at.clock.time_s += 30
    assert (await process.main.me()).id == "access-2"


async def test_a_vendor_that_refuses_everything_is_not_stormed(at: House) -> None:
    """A renewal that did not help is not tried again for a minute."""
    process = await at.with_grant()
    at.vendor.bad = {f"access-{number}" for number in range(100)}

    for _ in range(4):
        with pytest.raises(AuthExpiredError):
            await process.main.me()

    assert len(at.vendor.forms) == 1
    at.clock.time_s += 61
    with pytest.raises(AuthExpiredError):
        await process.main.me()
    assert len(at.vendor.forms) == 2


async def test_the_old_refresh_token_stays_where_the_answer_has_none(at: House) -> None:
    """Vendors that do not rotate say it once."""
    process = await at.with_grant()
    at.vendor.rotates = False

    for _ in range(3):
        at.clock.time_s += LIFE_S
        await process.main.me()

    assert [each["refresh_token"] for each in at.vendor.forms] == ["refresh-1"] * 3


async def test_a_rotated_refresh_token_is_used_next(at: House) -> None:
    """Each once, also by the next process."""
    process = await at.with_grant()
    at.clock.time_s += LIFE_S
    await process.main.me()
    at.clock.time_s += LIFE_S

    await (await at.process()).connection().me()

    assert [each["refresh_token"] for each in at.vendor.forms] == ["refresh-1", "refresh-2"]


async def test_an_ended_grant_says_what_to_run_and_is_not_tried_again(at: House) -> None:
    """By no process, until a person has given consent again."""
    one = await at.with_grant()
    two = await at.process()
    at.clock.time_s += LIFE_S
    at.vendor.faults = [refused("invalid_grant", error_description="Token has been revoked.")]

    why = r"cannot log in as acme/main: .*Token has been revoked.; run: intertie integrations"
    for connection in (one.main, two.connection(), one.main, two.main):
        with pytest.raises(AuthExpiredError, match=f"{why} connect acme/main"):
            await connection.me()

    assert len(at.vendor.forms) == 1
    assert "revoked" in (await two.state()).dead
    await two.desk.store(two.main, granted(access_token="anew"))
    assert (await one.main.me()).id == "anew"


async def test_an_ended_grant_is_used_while_its_token_lasts(at: House) -> None:
    """There is time for a person to do something, and `state` shows it."""
    process = await at.with_grant()
    at.clock.time_s += LIFE_S - 290
    at.vendor.faults = [refused("invalid_grant")]

    assert (await process.main.me()).id == "access-1"

    assert (await process.state()).dead == "invalid_grant"
    at.clock.time_s += 290
    with pytest.raises(AuthExpiredError, match="run: intertie integrations connect acme/main"):
        await process.main.me()
    assert len(at.vendor.forms) == 1


async def test_who_was_overtaken_looks_before_it_gives_up(at: House) -> None:
    """`invalid_grant` means nothing if another process has renewed meanwhile."""
    slow, quick = await at.with_grant(), await at.process()
    at.clock.time_s += LIFE_S
    at.vendor.gate = gate = Event()
    got: list[str] = []

    async def call() -> None:
        got.append((await slow.main.me()).id)

    async with create_task_group() as group:
        group.start_soon(call)
        await at.vendor.asked.wait()
        at.clock.time_s += 31
        at.vendor.gate = None
        assert (await quick.connection().me()).id == "access-2"
        at.vendor.faults = [refused("invalid_grant")]
        gate.set()

    assert got == ["access-2"]
    assert (await slow.state()).dead == ""


async def test_a_late_answer_revives_what_another_took_for_dead(at: House) -> None:
    """Who had the lease first got the tokens; the other one could not know."""
    slow, quick = await at.with_grant(), await at.process()
    at.clock.time_s += LIFE_S
    at.vendor.gate = gate = Event()
    got: list[str] = []

    async def call() -> None:
        got.append((await slow.main.me()).id)

    async with create_task_group() as group:
        group.start_soon(call)
        await at.vendor.asked.wait()
        at.clock.time_s += 31
        at.vendor.gate, at.vendor.faults = None, [refused("invalid_grant")]
        with pytest.raises(AuthExpiredError, match="cut off before its answer was saved"):
            await quick.connection().me()
        gate.set()

    assert got == ["access-2"]
    assert (await quick.main.me()).id == "access-2"


async def test_a_stale_intent_is_taken_up_with_the_same_refresh_token(at: House) -> None:
    """A process that asked and died is followed by one that asks the same again."""
    dead, heir = await at.with_grant(), await at.process()
    at.clock.time_s += LIFE_S
    at.vendor.faults = [Killed()]
    with pytest.raises(Killed):
        await dead.desk.token(dead.main, dead.main.auth)
    left = await at.document(heir)

    assert (await heir.connection().me()).id == "access-2"

    assert left["intent_of"] == left["edition"]
    assert left["owner"]
    assert left["until"] == left["intent_at"] + 30
    assert [each["refresh_token"] for each in at.vendor.forms] == ["refresh-1", "refresh-1"]
    assert sum(heir.stage.pauses) >= 29
    assert (await at.document(heir))["owner"] == ""


async def test_the_intent_is_on_the_disk_before_the_vendor_is_asked(at: House) -> None:
    """And nobody else asks meanwhile: the others wait, or use what is good for a while."""
    one, two = await at.with_grant(), await at.process()
    at.clock.time_s += LIFE_S - 290
    at.vendor.gate = Event()

    async with create_task_group() as group:
        group.start_soon(one.desk.token, one.main, one.main.auth)
        await at.vendor.asked.wait()
        seen = await at.document(two)
        assert (await two.connection().me()).id == "access-1"
        at.vendor.gate.set()

    assert seen["intent_at"] == at.clock()
    assert len(at.vendor.forms) == 1
    at.clock.time_s += 1
    assert (await two.main.me()).id == "access-2"


@pytest.mark.parametrize(
    "fault",
    [answer({}, 503), answer({}, 429), VendorTimeoutError("no answer"), answer([]), answer()],
)
async def test_while_the_token_endpoint_fails_the_old_token_goes_on(
    at: House, fault: object
) -> None:
    """It is left alone for a while, longer each time, by all processes."""
    one, two = await at.with_grant(), await at.process()
    at.clock.time_s += LIFE_S - 290
    at.vendor.faults = [fault] * 50  # type: ignore[list-item]

    for _ in range(60):
        assert (await one.main.me()).id == "access-1"
        at.clock.time_s += 1
    assert (await two.connection().me()).id == "access-1"

    assert 3 <= len(at.vendor.forms) <= 7
    assert (await two.state()).failures == len(at.vendor.forms)


async def test_once_it_has_ended_the_failure_is_told_and_not_repeated(at: House) -> None:
    """With how long to wait; after that the vendor is asked again, with the same token."""
    process = await at.with_grant()
    at.clock.time_s += LIFE_S
    at.vendor.faults = [answer({}, 503, retry_after="30")]

    with pytest.raises(VendorDownError, match=r"the token endpoint fails \(503\)") as told:
        await process.main.me()
    with pytest.raises(VendorDownError, match=r"the next try is in 30\.0 s"):
        await process.main.me()
    at.clock.time_s += 31

    assert told.value.retry_after_s == 30
    assert (await process.main.me()).id == "access-2"
    assert [each["refresh_token"] for each in at.vendor.forms] == ["refresh-1"] * 2


@pytest.mark.parametrize(
    "fault",
    [
        refused("invalid_client", 401),
        refused("temporarily_unavailable"),
        refused("bad_verification_code", 200),
        answer({"ok": False, "error": "invalid_auth"}),
        answer({"error": "server_error", "access_token": "half", "refresh_token": "made"}),
        answer({"access_token": ""}),
        answer({"access_token": "has\nlines"}),
        answer({"access_token": "a", "token_type": "mac"}),
        answer(None, 302),
    ],
)
async def test_an_error_never_takes_the_place_of_a_grant(at: House, fault: object) -> None:
    """Whatever its status: the same refresh token is used afterwards."""
    process = await at.with_grant()
    at.clock.time_s += LIFE_S
    at.vendor.faults = [fault]  # type: ignore[list-item]

    with pytest.raises(IntegrationError):
        await process.main.me()
    at.clock.time_s += 400

    assert (await process.main.me()).id == "access-2"
    assert [each["refresh_token"] for each in at.vendor.forms] == ["refresh-1"] * 2


async def test_a_refused_program_is_told_where_to_look(at: House) -> None:
    """The grant may be good: the client's secret is not."""
    process = await at.with_grant()
    at.clock.time_s += LIFE_S
    at.vendor.faults = [refused("invalid_client", 401)]

    for _ in range(2):
        with pytest.raises(AuthExpiredError, match="look at `client_id` and `client_secret`"):
            await process.main.me()

    assert len(at.vendor.forms) == 1


async def test_without_a_refresh_token_a_grant_ends_with_its_token(at: House) -> None:
    """And says so; the vendor is not asked."""
    process = await at.with_grant(refresh_token=None)
    at.clock.time_s += LIFE_S - 10
    assert (await process.main.me()).id == "access-1"
    at.clock.time_s += 10

    with pytest.raises(AuthExpiredError, match=r"its token ended, .*; run: intertie"):
        await process.main.me()

    assert at.vendor.forms == []


async def test_a_token_without_an_end_is_used_until_it_is_refused(at: House) -> None:
    """Some vendors give such."""
    process = await at.with_grant(expires_in=None)
    at.clock.time_s += 10 * 365 * 86400

    assert (await process.main.me()).id == "access-1"
    at.vendor.bad = {"access-1"}
    assert (await process.main.me()).id == "access-2"


async def test_a_grant_that_was_given_back_meanwhile_is_not_saved(at: House) -> None:
    """The answer to a renewal that was under way does not bring it back."""
    one, two = await at.with_grant(), await at.process()
    at.clock.time_s += LIFE_S
    at.vendor.gate = Event()

    async def call() -> None:
        with pytest.raises(AuthExpiredError, match="nobody has given consent"):
            await one.main.me()

    async with create_task_group() as group:
        group.start_soon(call)
        await at.vendor.asked.wait()
        await two.desk.revoke(two.connection())
        at.vendor.gate.set()

    assert await two.desk.state(two.main) is None


async def test_a_new_consent_counts_more_than_a_renewal_under_way(at: House) -> None:
    """Its tokens are the ones that stay."""
    one, two = await at.with_grant(), await at.process()
    at.clock.time_s += LIFE_S
    at.vendor.gate = Event()
    got: list[str] = []

    async def call() -> None:
        got.append((await one.main.me()).id)

    async with create_task_group() as group:
        group.start_soon(call)
        await at.vendor.asked.wait()
        await two.desk.store(two.connection(), granted(access_token="anew", refresh_token="r"))
        at.vendor.gate.set()

    assert got == ["anew"]
    at.clock.time_s += LIFE_S
    await one.main.me()
    assert at.vendor.forms[-1]["refresh_token"] == "r"


async def test_a_tenants_key_may_be_rotated_under_a_renewal(at: House) -> None:
    """The record changes between the lease and the answer: nothing is lost."""
    process = await at.with_grant()
    at.clock.time_s += LIFE_S
    at.vendor.gate = Event()

    async with create_task_group() as group:
        group.start_soon(process.desk.token, process.main, process.main.auth)
        await at.vendor.asked.wait()
        await process.vault.rotate("acme")
        assert await process.vault.reseal("acme") == 1
        at.vendor.gate.set()

    assert (await (await at.process()).connection().me()).id == "access-2"
    assert len(at.vendor.forms) == 1


async def test_a_process_that_hangs_is_not_waited_for_without_end(at: House) -> None:
    """Somebody who renews its lease again and again is a fault of the vendor's side."""
    process = await at.with_grant()
    at.clock.time_s += LIFE_S
    record = await process.records.get(GRANTS, place("acme", "main"))
    taken = {**record.document, "owner": "another", "until": at.clock() + 1e6}
    await process.records.put(GRANTS, record.id, taken)

    with pytest.raises(VendorTimeoutError, match="another process is at it for 60 s"):
        await process.main.me()

    assert at.vendor.forms == []
    assert max(process.stage.pauses) <= 0.5


async def test_records_that_fail_once_do_not_lose_the_answer(at: House) -> None:
    """A full or locked disk is tried again before an answer is given up."""
    process = await at.with_grant()
    at.clock.time_s += LIFE_S
    failing = Failing(process.records, fail_on=2)
    process.stage.tools.grants = GrantDesk(failing, process.vault)

    assert (await process.main.me()).id == "access-2"

    assert failing.writes == 3
    assert len(at.vendor.forms) == 1
    at.clock.time_s += LIFE_S
    await (await at.process()).connection().me()
    assert at.vendor.forms[1]["refresh_token"] == "refresh-2"


async def test_a_caller_that_goes_away_loses_no_answer(at: House) -> None:
    """The vendor has rotated: what it said is saved, whoever asked for it."""
    process = await at.with_grant()
    at.clock.time_s += LIFE_S
    at.vendor.gate = Event()
    scope = CancelScope()

    async def call() -> None:
        with scope:
            await process.main.me()

    async with create_task_group() as group:
        group.start_soon(call)
        await at.vendor.asked.wait()
        scope.cancel()
        at.vendor.gate.set()

    assert (await process.state()).renewed_at == at.clock()
    assert (await process.main.me()).id == "access-2"
    assert len(at.vendor.forms) == 1
