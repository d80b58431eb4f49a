"""What comes out of a connector when the fault lab is between it and its vendor."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intertie.integrations.errors import (
    AuthExpiredError,
    CircuitOpenError,
    IntegrationError,
    SchemaDriftError,
    ThrottledError,
    VendorDownError,
    VendorTimeoutError,
)
from intertie.integrations.message import Request, Response
from intertie.testing.integration_faults import (
    Burst,
    Expired,
    Fault,
    FaultLab,
    Foreign,
    Reset,
    Skewed,
    Slow,
    Storm,
    Truncated,
    repeated,
)
from tests.integrations.shop import CONFIG, GrantShop, Shop
from tests.integrations.stage import Stage, answer

pytestmark = pytest.mark.anyio


@dataclass
class Lab:
    """A shop whose vendor is behind a lab; what the vendor did is in `done`."""

    stage: Stage
    lab: FaultLab
    shop: Shop
    done: list[str] = field(default_factory=list)


def behind(*faults: Fault, kind: type[Shop] = Shop, seed: int = 0, **told: Any) -> Lab:
    """One with these faults."""
    stage = Stage()
    lab = FaultLab(stage.vendor, *faults, seed=seed, clock=stage.clock, sleep=stage.pause)
    stage.tools.transport = lab
    config = CONFIG if kind is Shop else {}
    made = Lab(stage, lab, stage.made(kind, config=config, **told))

    def do(request: Request) -> Response:
        """As vendors do that know a key: the same key is not done twice."""
        name = f"{request.method} {request.headers.get('idempotency-key', '')}"
        if not (name in made.done and "idempotency-key" in request.headers):
            made.done.append(name)
        return answer({"id": "a" * 40})

    stage.vendor.answers = do
    return made


async def outcome(lab: Lab, name: str, /, **arguments: Any) -> str:
    """`done`, or the name of the error."""
    try:
        await getattr(lab.shop, name)(**arguments)
    except IntegrationError as exc:
        return type(exc).__name__
    return "done"


DONE, DOWN, LATE, DRIFT = "done", "VendorDownError", "VendorTimeoutError", "SchemaDriftError"
CASES: list[tuple[Fault, str, str, str]] = [
    # fault, and what a read, a write without a key and money with one become
    (Storm(times=2, retry_after="2"), DONE, DONE, DONE),
    (Storm(times=9, retry_after="2"), "ThrottledError", "ThrottledError", "ThrottledError"),
    (Storm(retry_after="4000"), "ThrottledError", "ThrottledError", "ThrottledError"),
    (Storm(retry_after="nan"), DONE, DONE, DONE),
    (Burst(times=2), DONE, DOWN, DONE),
    (Burst(times=9), DOWN, DOWN, DOWN),
    (Slow(seconds=5), DONE, DONE, DONE),
    (Slow(seconds=60), DONE, LATE, DONE),
    (Reset(is_done=True), DONE, DOWN, DONE),
    (Reset(is_done=False), DONE, DOWN, DONE),
    (Truncated(), DRIFT, DRIFT, DRIFT),
    (Foreign(), DRIFT, DRIFT, DRIFT),
    (Expired(), "AuthExpiredError", "AuthExpiredError", "AuthExpiredError"),
    (Skewed(by_s=3600), DONE, DONE, DONE),
    (Skewed(by_s=-3600), DONE, DONE, DONE),
]


@pytest.mark.parametrize(
    ("fault", "read", "write", "money"), CASES, ids=lambda each: str(each)[:40]
)
async def test_each_fault_has_its_outcome(fault: Fault, read: str, write: str, money: str) -> None:
    """A retry that helps, or the right error; and nothing is ever done twice."""
    lab = behind(fault)
    assert await outcome(lab, "item", id="1") == read
    for name, told, wanted in (("make", {"name": "a"}, write), ("pay", {"cents": 1}, money)):
        lab = behind(fault)
        assert await outcome(lab, name, **told) == wanted
        assert len(lab.done) <= 1
        assert wanted != DONE or len(lab.done) == 1


async def test_an_expired_token_is_renewed_and_the_call_goes_on() -> None:
    """Where there is another token; the vendor did it once."""
    lab = behind(Expired(), kind=GrantShop)

    assert await outcome(lab, "make", name="a") == DONE

    assert lab.stage.grants.refusals == ["token-1"]
    assert lab.lab.happened == ["Expired", ""]
    assert len(lab.done) == 1


async def test_a_storm_is_waited_out_as_long_as_it_says() -> None:
    """And calls meanwhile do not reach the vendor."""
    lab = behind(Storm(times=1, retry_after="20"), retry_policy={"max_attempts": 1})
    with pytest.raises(ThrottledError):
        await lab.shop.ping()
    with pytest.raises(ThrottledError):
        await lab.shop.ping()
    lab.stage.clock.time_s += 20.1

    await lab.shop.ping()

    assert lab.lab.happened == ["Storm", ""]


async def test_the_budget_holds_in_a_burst() -> None:
    """Retries are counted too: never more than is allowed reach the wire in a minute."""
    lab = behind(
        Burst(times=None),
        rate_limits={"requests_per_minute": 7},
        retry_policy={"max_attempts": 3, "max_delay": 0.001, "initial_delay": 0.001},
        circuit_breaker={"failure_threshold": 1000},
    )
    for _ in range(10):
        with pytest.raises((VendorDownError, ThrottledError)):
            await lab.shop.ping()

    assert len(lab.lab.happened) == 7


async def test_a_vendor_that_stays_down_is_left_alone() -> None:
    """After so many failures nothing goes to the wire, until one call finds it well."""
    lab = behind(Burst(times=5))
    with pytest.raises(VendorDownError):
        await lab.shop.ping()
    with pytest.raises(CircuitOpenError):
        await lab.shop.ping()
    assert len(lab.lab.happened) == 5
    lab.stage.clock.time_s += 60

    await lab.shop.ping()


@given(seed=st.integers(0, 10_000), odds=st.floats(0, 1))
async def test_money_moves_once_for_each_call_whatever_happens(seed: int, odds: float) -> None:
    """Of those that say so; and never twice for one."""
    faults = (Reset(None, odds / 3), Slow(None, odds / 3), Burst(None, odds / 3), Storm(None, odds))
    lab = behind(*faults, seed=seed, circuit_breaker={"failure_threshold": 1000})
    good = 0
    for number in range(10):
        try:
            await lab.shop.pay(cents=1, key=f"order-{number}")
        except IntegrationError as exc:
            assert isinstance(exc, VendorDownError | ThrottledError)  # noqa: PT017
        else:
            good += 1
        lab.stage.clock.time_s += 60

    assert len(lab.done) == len(set(lab.done))
    assert good <= len(lab.done) <= 10


@given(seed=st.integers(0, 10_000))
async def test_a_write_without_a_key_reaches_the_vendor_once(seed: int) -> None:
    """Each call, whatever becomes of its answer."""
    faults = (Reset(None, 0.3), Slow(None, 0.3), Storm(None, 0.3), Burst(None, 0.1))
    lab = behind(*faults, seed=seed, circuit_breaker={"failure_threshold": 1000})
    for _ in range(10):
        before = len(lab.lab.reached)
        await outcome(lab, "wire", cents=1)
        lab.stage.clock.time_s += 60
        assert len(lab.lab.reached) - before <= 1


async def happened(seed: int) -> list[str]:
    """Of 50 requests with faults at random."""
    lab = behind(Reset(None, 0.2), Storm(None, 0.2), Truncated(None, 0.2), seed=seed)
    for _ in range(50):
        await outcome(lab, "item", id="1")
        lab.stage.clock.time_s += 100
    return lab.lab.happened


async def test_the_same_seed_gives_the_same_faults() -> None:
    """And another one gives others."""
    first = await happened(1)

    assert await happened(1) == first
    assert await happened(2) != first
    assert {"", "Reset", "Storm", "Truncated"} == set(first)


async def test_a_lab_without_faults_changes_nothing() -> None:
    """It is a transport like any other, and closes the one behind it."""
    lab = behind()

    assert (await lab.shop.item(id="1")).id == "a" * 40
    await lab.lab.aclose()

    assert lab.stage.vendor.closed == 1


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (Slow(seconds=30), VendorTimeoutError),
        (Truncated(), SchemaDriftError),
        (Expired(), AuthExpiredError),
    ],
)
async def test_errors_in_the_lab_are_those_of_the_wire(
    fault: Fault, kind: type[IntegrationError]
) -> None:
    """Of the class that the real transport raises, after the time that it takes."""
    lab = behind(fault, retry_policy={"max_attempts": 1}, timeout=30)
    with pytest.raises(IntegrationError) as caught:
        await lab.shop.item(id="1")

    assert type(caught.value) is kind
    assert lab.stage.pauses == ([30] if kind is VendorTimeoutError else [])


@given(
    deliveries=st.lists(st.integers(), unique=True, max_size=30),
    times=st.integers(1, 4),
    seed=st.integers(),
)
def test_repeated_deliveries_all_come_so_often(
    deliveries: list[int], times: int, seed: int
) -> None:
    """Each the first time in its order, the rest anywhere; the same seed gives the same."""
    told = repeated(deliveries, times=times, seed=seed)

    assert sorted(told) == sorted(deliveries * times)
    assert list(dict.fromkeys(told)) == deliveries
    assert told == repeated(deliveries, times=times, seed=seed)


def test_repeated_deliveries_are_out_of_order() -> None:
    """Else a receiver that looks at the last one only would pass."""
    orders: Callable[[int], list[int]] = lambda seed: repeated(range(20), seed=seed)  # noqa: E731

    assert orders(1) != orders(2)
    assert orders(1) != [each for number in range(20) for each in (number, number)]
