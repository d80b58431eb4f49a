import pytest
from anyio import Event as Flag
from anyio import create_task_group, current_time, fail_after, sleep_forever

from intertie.runtime.health import Monitor, Verdict
from intertie.suite.health import Healthcheck
from tests.runtime.stage import chance


@pytest.mark.parametrize(
    ("results", "changes"),
    [
        ("+", {0: True}),
        ("--+", {2: True}),
        ("+--+", {0: True}),
        ("+---", {0: True, 3: False}),
        ("+--+---", {0: True, 6: False}),
        ("+---+", {0: True, 3: False, 4: True}),
        ("-----", {}),
    ],
)
def test_failures_in_a_row_turn_it_down(results: str, changes: dict[int, bool]) -> None:
    """UP at the first success, DOWN after three failures in a row, not after fewer."""
    verdict = Verdict(failure_threshold=3, success_threshold=1)

    seen = {at: verdict.up for at, r in enumerate(results) if verdict.feed(ok=r == "+")}

    assert seen == changes


def test_successes_in_a_row_turn_it_up() -> None:
    """With `success_threshold: 2`, one success between failures is not enough."""
    verdict = Verdict(failure_threshold=1, success_threshold=2)

    seen = [verdict.feed(ok=ok) for ok in (True, False, True, True, False, True, True)]

    assert seen == [False, False, False, True, True, False, True]


def spec(**keys: object) -> Healthcheck:
    """A check; what it checks is given to the monitor."""
    return Healthcheck.model_validate({"tcp": True, **keys})


@pytest.mark.anyio
async def test_a_starting_service_is_seen_as_soon_as_it_is_ready() -> None:
    """Checks begin 5 ms apart, so an interval of an hour does not delay the start."""
    answers = iter(["no"] * 5)

    async def check() -> str | None:
        return next(answers, None)

    turned = Flag()
    monitor = Monitor(spec(interval="1h"), check, rng=chance(1))
    async with create_task_group() as group:
        began = current_time()
        group.start_soon(monitor.run, lambda up, reason: turned.set())

        with fail_after(30):
            await turned.wait()

        # 5 ms growing by half, five times: 66 ms; the limit is for a busy machine.
        assert current_time() - began < 5
        group.cancel_scope.cancel()


@pytest.mark.anyio
async def test_a_check_that_hangs_is_a_failure() -> None:
    """After `timeout`, with the reason told."""
    hangs = False

    async def check() -> str | None:
        if hangs:
            await sleep_forever()
        return None

    told: list[tuple[bool, str]] = []
    down = Flag()

    def turn(up: bool, reason: str) -> None:
        nonlocal hangs
        hangs = True
        told.append((up, reason))
        if not up:
            down.set()

    declared = spec(interval="1ms", timeout="20ms", failure_threshold=2)
    monitor = Monitor(declared, check, rng=chance(1))
    async with create_task_group() as group:
        group.start_soon(monitor.run, turn)
        with fail_after(30):
            await down.wait()
        group.cancel_scope.cancel()

    assert told == [(True, "healthy"), (False, "no answer within 0.02 s")]
    assert monitor.last_reason == "no answer within 0.02 s"
