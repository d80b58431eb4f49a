"""Several gateways that count together, on a real Valkey."""

from asyncio import Future
from collections.abc import AsyncIterator
from functools import partial
from itertools import accumulate
from pathlib import Path
from time import monotonic

import pytest
from anyio import create_task_group
from hypothesis import given, settings
from hypothesis import strategies as st

from intertie.bus.redis_wire import Reply, Wire
from intertie.errors import BusError
from intertie.limits.counters import Account
from intertie.limits.decide import MICROSECONDS, Algorithm, Policy, decide, fresh
from intertie.limits.script import GIVE_BACK, SCRIPT, TAKE, words
from intertie.limits.shared import SharedCounters
from tests.bus.peers.server import Broker
from tests.bus.peers.valkey import valkey
from tests.limits.engine import account, gateways, until
from tests.waiting import eventually

pytestmark = [pytest.mark.anyio, pytest.mark.slow]


@pytest.fixture
async def broker(tmp_path: Path) -> AsyncIterator[Broker]:
    """A Valkey that keeps what it has confirmed."""
    async with valkey(tmp_path) as made:
        yield made


async def _ask(counters: SharedCounters, who: Account, times: int) -> int:
    """How many were let in."""
    allowed = 0
    for _ in range(times):
        allowed += (await counters.take(who)).allowed
    return allowed


@pytest.mark.parametrize("kind", ["sliding", "bucket", "fixed"])
async def test_the_script_decides_as_the_pure_function_does(
    broker: Broker, kind: Algorithm
) -> None:
    """The same requests at the same times, in the engine and here: the same answers."""
    wire = await Wire.open(broker.config, patience_s=10)
    cases = st.lists(st.tuples(st.integers(0, 40_000_000), st.integers(1, 4)), max_size=40)
    found: list[list[tuple[int, int]]] = []

    @settings(max_examples=25, deadline=None, database=None)
    @given(cases)
    def collect(steps: list[tuple[int, int]]) -> None:
        found.append(steps)

    collect()
    who = account((5, 60), (12, 3600), kind=kind)
    for number, steps in enumerate(found):
        states = [fresh(meter.policy) for meter in who.meters]
        keys = [f"{{t}}:{number}:{meter.key}" for meter in who.meters]
        told = [word for meter in who.meters for word in words(meter.policy)]
        for at_us, (_, want) in zip(
            accumulate((step for step, _ in steps), initial=10**15), steps, strict=False
        ):
            granted, standings = decide(states, at_us, want)
            reply = await wire.call("EVAL", SCRIPT, len(keys), *keys, TAKE, want, at_us, 0, *told)
            assert reply[0] == granted
            assert reply[2::2] == [each.remaining for each in standings]
            assert reply[3::2] == [each.reset_us for each in standings]
    await wire.aclose()


async def test_three_gateways_together_are_never_over_and_waste_little(broker: Broker) -> None:
    """1000 an hour and 100 a minute: 100 pass, whichever gateway they come to."""
    who = account((100, 60), (1000, 3600))
    allowed = [0, 0, 0]
    async with gateways(broker.config, 3) as made, create_task_group() as group:

        async def load(number: int) -> None:
            allowed[number] = await _ask(made[number], who, 400)

        for number in range(3):
            group.start_soon(load, number)

    assert 97 <= sum(allowed) <= 100
    assert min(allowed) > 0


async def test_leases_save_most_questions_and_stay_exact(broker: Broker) -> None:
    """A large limit is handed out in parts."""
    who = account((20_000, 60))
    async with gateways(broker.config, 2) as made, create_task_group() as group:
        allowed = [0, 0]

        async def load(number: int) -> None:
            allowed[number] = await _ask(made[number], who, 15_000)

        for number in range(2):
            group.start_soon(load, number)

    assert 0.97 * 20_000 <= sum(allowed) <= 20_000
    assert sum(each.rounds for each in made) < 2000


async def test_what_was_leased_and_not_used_comes_back(broker: Broker) -> None:
    """A gateway that had many leaves them to the others."""
    who = account((200, 60))
    async with gateways(broker.config, 2) as (first, second):
        used = await _ask(first, who, 60)
        await eventually(lambda: not first._lent)
        standing = (await second.usage(who))[0]
        rest = await _ask(second, who, 400)

    assert standing.remaining == 200 - used
    assert used + rest == 200


async def test_requests_of_one_moment_share_one_question(broker: Broker) -> None:
    """A hundred that come together cost no hundred round trips."""
    who = account((50, 30))
    async with gateways(broker.config) as (only,):
        before, allowed = only.rounds, list[bool]()

        async def one() -> None:
            allowed.append((await only.take(who)).allowed)

        async with create_task_group() as group:
            for _ in range(100):
                group.start_soon(one)

    assert sum(allowed) == 50
    assert only.rounds - before <= 3


async def test_a_refusal_takes_nothing(broker: Broker) -> None:
    """The hour is as it was when the minute refuses."""
    who = account((3, 60), (10, 3600))
    async with gateways(broker.config) as (only,):
        allowed = await _ask(only, who, 50)
        minute, hour = await only.usage(who)

    assert allowed == 3
    assert (minute.remaining, hour.remaining) == (0, 7)


async def test_a_closed_outage_refuses_and_ends_by_itself(broker: Broker) -> None:
    """Never over across a kill and a restart, and nearly all is granted in the end."""
    who = account((300, 60), (1000, 3600))
    async with gateways(broker.config, 3, outage="closed") as made:
        before = sum([await _ask(each, who, 40) for each in made])
        await broker.kill()
        await eventually(lambda: all(map(_is_away, made)), within_s=60)
        during = await made[0].take(account((5, 60), name="new"))
        await broker.start()
        await eventually(lambda: not any(map(_is_away, made)), within_s=60)
        after = sum([await _ask(each, who, 200) for each in made])

    assert (during.allowed, during.away) == (False, True)
    assert 0.97 * 300 <= before + after <= 300


async def test_an_open_outage_grants_each_gateway_its_share_and_counts_it_later(
    broker: Broker,
) -> None:
    """Of 30 three gateways may each grant 10 by themselves; the engine learns of them."""
    who = account((30, 60))
    async with gateways(broker.config, 3, outage="open", gateways=3) as made:
        await broker.kill()
        await eventually(lambda: all(map(_is_away, made)), within_s=60)
        during = [await _ask(each, who, 30) for each in made]
        await broker.start()
        await eventually(lambda: not any(map(_is_away, made)), within_s=60)

        async def is_known() -> bool:
            return (await made[0].usage(who))[0].remaining == 0

        await until(is_known)

    assert during == [10, 10, 10]


async def test_an_engine_that_does_not_answer_costs_no_more_than_the_timeout(
    broker: Broker,
) -> None:
    """Then the outage's behaviour holds, and nobody waits any more."""
    who, pause_s = account((1000, 1)), 5
    async with gateways(broker.config, outage="closed", timeout_s=0.05) as (only,):
        await until(partial(_lets_in, only, who))
        wire = await Wire.open(broker.config, patience_s=10)
        await wire.call("CLIENT", "PAUSE", str(pause_s * 1000), "ALL")
        began = monotonic()
        first = await only.take(who)
        second = only.quick(who)
        took_s = monotonic() - began
        await eventually(lambda: not _is_away(only), within_s=60)
        await wire.aclose()

    assert first.away
    assert second is not None
    assert second.away
    assert took_s < pause_s


async def test_without_an_engine_from_the_start_it_serves_as_declared(tmp_path: Path) -> None:
    """And usage says that it cannot be known."""
    async with valkey(tmp_path) as gone:
        config = gone.config
    async with gateways(config, outage="open", gateways=2) as (only,):
        allowed = await _ask(only, account((10, 60)), 20)
        with pytest.raises(BusError):
            await only.usage(account((10, 60)))

    assert allowed == 5


async def test_a_flushed_script_is_loaded_again(broker: Broker) -> None:
    """As after a failover to a server that never saw it."""
    who = account((1000, 1))
    async with gateways(broker.config, outage="closed") as (only,):
        wire = await Wire.open(broker.config, patience_s=10)
        await wire.call("SCRIPT", "FLUSH")
        await only.take(who)
        await eventually(lambda: not _is_away(only))

        await until(partial(_lets_in, only, who))
        await wire.aclose()


def _is_away(counters: SharedCounters) -> bool:
    return counters.is_away


async def _lets_in(counters: SharedCounters, who: Account) -> bool:
    return (await counters.take(who)).allowed


def test_the_unit_of_time_is_a_microsecond() -> None:
    """As the script's."""
    assert MICROSECONDS == 1_000_000


async def test_the_script_knows_the_calendar(broker: Broker) -> None:
    """Each month of 280 years ends in the engine when it ends here."""
    wire = await Wire.open(broker.config, patience_s=10)
    policy = Policy("quota", 9, 30 * 86_400 * MICROSECONDS, "fixed", by_month=True)
    at_us = 0
    for year in range(280):
        # Asked together: the engine waits for its disk before it answers.
        asked: list[tuple[int, Future[Reply]]] = []
        for month in range(12):
            key, at_us = f"{{t}}:{year}-{month}", policy.end_us(at_us)
            for now_us in (at_us - 1, at_us):
                told = (TAKE, 1, now_us, 0, *words(policy))
                reply = wire.send("EVAL", SCRIPT, 1, key, *told)
                asked.append((policy.end_us(now_us) - now_us, reply))
        for reset_us, reply in asked:
            assert (await reply)[3] == reset_us
    await wire.aclose()


async def test_nothing_is_leased_over_the_end_of_a_fixed_window(broker: Broker) -> None:
    """What nobody waits for is not granted shortly before it; what was is given back in time."""
    wire = await Wire.open(broker.config, patience_s=10)
    policy = Policy("p", 100, 60 * MICROSECONDS, "fixed", 500_000)
    end_us = policy.end_us(10**15)

    async def ask(op: str, want: int, now_us: int, fourth: int) -> tuple[int, int]:
        told = (op, want, now_us, fourth, *words(policy))
        reply = await wire.call("EVAL", SCRIPT, 1, "{t}:p", *told)
        return int(reply[0]), int(reply[2])

    assert await ask(TAKE, 10, end_us - 600_000, 8) == (10, 90)
    assert await ask(TAKE, 10, end_us - 400_000, 8) == (2, 88)
    assert await ask(GIVE_BACK, 5, end_us - 300_000, end_us - 600_000) == (5, 93)
    assert await ask(TAKE, 1, end_us, 0) == (1, 99)
    assert await ask(GIVE_BACK, 3, end_us + 1, end_us - 600_000) == (3, 99)
    await wire.aclose()
