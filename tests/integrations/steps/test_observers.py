"""Who looks on."""

from dataclasses import dataclass, field

import pytest
from anyio import Event, create_task_group

from intertie.integrations.call import Call
from intertie.integrations.errors import AbsentError
from intertie.integrations.message import Request, Response
from tests.integrations.shop import CONFIG, Shop
from tests.integrations.stage import Stage, answer

pytestmark = pytest.mark.anyio


@dataclass
class Seen:
    """Keeps what it was told."""

    ends: list[tuple[object, float, Exception | None]] = field(default_factory=list)

    def began(self, call: Call) -> object:
        """See Observer."""
        return f"mark {call.operation.name}"

    def ended(self, call: Call, mark: object, took_s: float, fault: Exception | None) -> None:
        """See Observer."""
        self.ends.append((mark, took_s, fault))


@dataclass
class Broken:
    """Fails at the places named."""

    at: frozenset[str]

    def began(self, call: Call) -> object:
        """See Observer."""
        if "began" in self.at:
            raise RuntimeError("broken")
        return None

    def ended(self, call: Call, mark: object, took_s: float, fault: Exception | None) -> None:
        """See Observer."""
        if "ended" in self.at:
            raise RuntimeError("broken")


def watched(*observers: Broken | Seen) -> Stage:
    """A stage that these look at."""
    stage = Stage()
    stage.tools.observers = (*observers, stage.metrics)
    return stage


@pytest.mark.parametrize("at", [{"began"}, {"ended"}, {"began", "ended"}])
async def test_a_broken_observer_spoils_no_call(at: set[str]) -> None:
    """The call is answered, and the others hear of it."""
    seen = Seen()
    stage = watched(Broken(frozenset(at)), seen)

    await stage.made(Shop, config=CONFIG).ping()

    assert seen.ends == [("mark ping", 0.0, None)]
    assert stage.metrics.of("default", "main").calls == 1


async def test_a_broken_observer_hides_no_fault() -> None:
    """The caller gets the vendor's error, not the observer's."""
    stage = watched(Broken(frozenset({"ended"})))
    stage.vendor.answers = lambda request: answer({}, 404)

    with pytest.raises(AbsentError):
        await stage.made(Shop, config=CONFIG).item(id="1")


async def test_several_attempts_are_one_call_as_long_as_its_pauses() -> None:
    """By the registry's own clock."""
    seen = Seen()
    stage = watched(seen)
    left = [503, 503, 200]
    stage.vendor.answers = lambda request: answer({}, left.pop(0))

    await stage.made(Shop, config=CONFIG).ping()

    assert len(seen.ends) == 1
    assert seen.ends[0][1] == pytest.approx(sum(stage.pauses))
    assert stage.metrics.of("default", "main").attempts == 3


async def test_a_caller_that_gives_up_is_no_fault_of_the_vendor() -> None:
    """It is counted, under a cause of its own."""
    seen, asked = Seen(), Event()
    stage = watched(seen)

    async def hang(request: Request) -> Response:
        asked.set()
        await Event().wait()
        raise AssertionError

    stage.vendor.answers = hang
    shop = stage.made(Shop, config=CONFIG)
    async with create_task_group() as group:
        group.start_soon(shop.ping)
        await asked.wait()
        group.cancel_scope.cancel()

    assert [type(fault) for _, _, fault in seen.ends] == [InterruptedError]
    assert stage.metrics.of("default", "main").causes == {"caller": 1}


async def test_a_fault_of_our_own_is_told_as_what_it_is() -> None:
    """Nobody gave up there."""
    seen = Seen()
    stage = watched(seen)

    def burst(request: Request) -> Response:
        raise ZeroDivisionError

    stage.vendor.answers = burst
    with pytest.raises(ZeroDivisionError):
        await stage.made(Shop, config=CONFIG).ping()

    assert [type(fault) for _, _, fault in seen.ends] == [ZeroDivisionError]


async def test_what_an_observer_may_print_shows_no_secret() -> None:
    """Neither the token nor the address of a next page."""
    told: list[str] = []

    class Printing(Seen):
        def ended(self, call: Call, mark: object, took_s: float, fault: Exception | None) -> None:
            call.token, call.url = "token-of-somebody", "https://x.example/?key=of-somebody"
            told.append(repr(call))

    await watched(Printing()).made(Shop, config=CONFIG).ping()

    assert "of-somebody" not in told[0]
    assert CONFIG["token"] not in told[0]
