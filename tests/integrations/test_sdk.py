"""Connectors carried by a library that blocks: the same pipeline, in threads."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from anyio import CapacityLimiter, create_task_group, fail_after, move_on_after
from pydantic import SecretStr

from intertie.integrations import connector, rest
from intertie.integrations.data import Cursor, Errors, Key, Probe
from intertie.integrations.errors import (
    AbsentError,
    CircuitOpenError,
    InvalidError,
    LoopError,
    ThrottledError,
    VendorDownError,
    VendorTimeoutError,
)
from intertie.integrations.message import Response
from intertie.integrations.operation import Answer, Arguments, Nothing, Operation, post
from intertie.integrations.sdk import SdkIntegration, Told, asks
from tests.integrations.stage import Stage, answer
from tests.waiting import eventually

pytestmark = pytest.mark.anyio


@dataclass
class Warehouse:
    """A library that blocks until it has an answer."""

    answers: Callable[[str, Told], Response]
    asked: list[tuple[str, Told]] = field(default_factory=list)

    def ask(self, name: str, told: Told) -> Response:
        """In whichever thread calls."""
        self.asked.append((name, told))
        return self.answers(name, told)


def well(name: str, told: Told) -> Response:
    """All is well."""
    return Response(200, {}, told={})


@pytest.fixture
def warehouse(monkeypatch: pytest.MonkeyPatch) -> Warehouse:
    """Of those connections that are made now."""
    made = Warehouse(well)
    monkeypatch.setattr(WarehouseIntegration, "newest", made)
    return made


class Settings(connector.Settings):
    """A password."""

    password: SecretStr = SecretStr("")


class Item(Arguments):
    """What is put where."""

    name: str = ""
    body: bytes = b""
    token: str | None = None


class Page(Answer):
    """Some names."""

    names: tuple[str, ...] = ()
    next: str | None = None


class After(Arguments):
    """Where a page begins."""

    after: str | None = None


class WarehouseIntegration(SdkIntegration):
    """A warehouse."""

    kind = "warehouse"
    newest = Warehouse(well)
    settings_type = Settings
    errors = Errors(code="code", code_from=400, codes={"GONE": "absent"}, message=("why",))
    probe = Probe("count")

    count = asks("shelf.count", Nothing, Answer)
    store = asks("shelf.store", Item, Answer, effect="write")
    replace = asks("shelf.replace", Item, Answer, effect="write", method="PUT")
    tell = asks("shelf.tell", Item, Answer, effect="message")
    order = asks("shelf.order", Item, Answer, effect="money", key=Key(argument="token"))
    listed = asks("shelf.list", After, Page, pages=Cursor("names", "next", "after"))

    def __init__(self, *told: Any, **more: Any) -> None:
        super().__init__(*told, **more)
        self.warehouse = self.newest  # a thread that was left asks no later test's

    async def check(self, operation: Operation[Any, Any], told: Told) -> None:
        """See SdkIntegration."""
        if told.get("name") == "bad":
            raise InvalidError(f"cannot {operation.name}: no such name")

    def perform(self, operation: Operation[Any, Any], told: Told, timeout_s: float) -> Response:
        """See SdkIntegration."""
        return self.warehouse.ask(operation.path, told)


def refusal(status: int, **told: str) -> Response:
    """What the library says of a refusal."""
    return Response(status, {}, told=told)


async def test_a_library_is_asked_with_its_own_values(warehouse: Warehouse) -> None:
    """Bytes stay bytes; what is not given is not told; the answer is a model."""
    warehouse.answers = lambda name, told: Response(200, {}, told={"names": ["a"]})
    made = Stage().made(WarehouseIntegration)

    await made.store(name="n", body=b"\xff")
    page = await made.listed()

    assert warehouse.asked == [("shelf.store", {"name": "n", "body": b"\xff"}), ("shelf.list", {})]
    assert page.names == ("a",)


@pytest.mark.parametrize(
    ("name", "times"), [("count", 3), ("replace", 3), ("order", 3), ("store", 1), ("tell", 1)]
)
async def test_what_fails_is_tried_again_where_twice_is_as_once(
    warehouse: Warehouse, name: str, times: int
) -> None:
    """As with connectors of addresses."""
    warehouse.answers = lambda name, told: refusal(503)
    stage = Stage()
    made = stage.made(WarehouseIntegration)

    with pytest.raises(VendorDownError):
        await made.invoke(made.operations[name], None, {})

    assert len(warehouse.asked) == times
    assert len(stage.pauses) == times - 1
    tally = stage.metrics.of("default", "main")
    assert (tally.calls, tally.failed, tally.attempts) == (1, 1, times)


async def test_a_key_is_an_argument_the_same_at_each_attempt(warehouse: Warehouse) -> None:
    """Made by us, given as `key`, or given as the argument itself."""
    answers = [refusal(503), Response(200, {}, told={})] * 3
    warehouse.answers = lambda name, told: answers.pop(0)
    made = Stage().made(WarehouseIntegration)

    await made.order(name="n")
    await made.order(name="n", key="mine")
    await made.order(name="n", token="the vendor's word")

    tokens = [told["token"] for _, told in warehouse.asked]
    assert tokens[0] == tokens[1]
    assert len(tokens[0]) == 36
    assert tokens[2:] == ["mine"] * 2 + ["the vendor's word"] * 2


async def test_an_argument_takes_the_key_of_a_request_too() -> None:
    """Of a connector with addresses: in the body, and in no header."""

    class Shop(rest.RestIntegration):
        """A shop."""

        kind = "shop"
        base = "https://shop.example"
        pay = post("/pay", Item, Answer, effect="money", key=Key(argument="token"))

    stage = Stage()
    answers = [answer(status=503), answer({})]
    stage.vendor.answers = lambda request: answers.pop(0)

    await stage.made(Shop).pay(name="n", key="once")

    assert [b'"token": "once"' in (each.body or b"") for each in stage.vendor.asked] == [True] * 2
    assert all("idempotency-key" not in each.headers for each in stage.vendor.asked)


@pytest.mark.parametrize(
    ("response", "kind"),
    [
        (refusal(400, code="GONE", why="sold"), AbsentError),
        (refusal(429, why="sold"), ThrottledError),
        (refusal(418, why="sold"), InvalidError),
    ],
)
async def test_what_the_vendor_refuses_is_read_by_errors(
    warehouse: Warehouse, response: Response, kind: type[Exception]
) -> None:
    """Words first, then the status."""
    warehouse.answers = lambda name, told: response

    with pytest.raises(kind, match="sold"):
        await Stage().made(WarehouseIntegration).store()


async def test_what_the_library_knows_to_be_wrong_is_not_asked(warehouse: Warehouse) -> None:
    """Nor counted."""
    stage = Stage()

    with pytest.raises(InvalidError, match="no such name"):
        await stage.made(WarehouseIntegration).store(name="bad")

    assert warehouse.asked == []
    assert stage.metrics.of("default", "main").calls == 0


async def test_who_fails_is_left_alone(warehouse: Warehouse) -> None:
    """The breaker is the same."""
    warehouse.answers = lambda name, told: refusal(500)
    made = Stage().made(WarehouseIntegration, circuit_breaker={"failure_threshold": 2})

    for _ in range(2):
        with pytest.raises(VendorDownError):
            await made.store()
    with pytest.raises(CircuitOpenError):
        await made.store()

    assert len(warehouse.asked) == 2


async def test_pages_are_turned_and_circles_noticed(warehouse: Warehouse) -> None:
    """By arguments."""
    pages = {None: ("a", "1"), "1": ("b", "2"), "2": ("c", None)}

    def page(name: str, told: Told) -> Response:
        found, after = pages[told.get("after")]
        return Response(200, {}, told={"names": [found], "next": after})

    warehouse.answers = page
    made = Stage().made(WarehouseIntegration)

    assert [each async for each in made.listed.every()] == ["a", "b", "c"]
    pages["2"] = ("c", "1")
    with pytest.raises(LoopError):
        [each async for each in made.listed.every()]


async def test_the_loop_goes_on_while_a_library_waits(warehouse: Warehouse) -> None:
    """The call ends by what another task does."""
    begun, done = threading.Event(), threading.Event()

    def wait(name: str, told: Told) -> Response:
        begun.set()
        assert done.wait(60)
        return Response(200, {}, told={})

    warehouse.answers = wait
    made = Stage().made(WarehouseIntegration)

    async def other() -> None:
        await eventually(begun.is_set)
        done.set()

    with fail_after(60):
        async with create_task_group() as group:
            group.start_soon(other)
            await made.count()


async def test_no_more_threads_than_there_are(warehouse: Warehouse) -> None:
    """The others wait for their turn, and get it."""
    release = threading.Event()

    def busy(name: str, told: Told) -> Response:
        assert release.wait(60)
        return Response(200, {}, told={})

    warehouse.answers = busy
    stage = Stage()
    stage.tools.threads = threads = CapacityLimiter(2)
    made = stage.made(WarehouseIntegration)

    async with create_task_group() as group:
        for _ in range(6):
            group.start_soon(made.count)
        try:
            await eventually(lambda: threads.statistics().tasks_waiting == 4)
            await eventually(lambda: len(warehouse.asked) == 2)
        finally:
            release.set()

    assert len(warehouse.asked) == 6


async def test_an_answer_that_does_not_come_in_time_is_a_timeout(warehouse: Warehouse) -> None:
    """Also for a library that would wait for ever."""
    release = threading.Event()
    warehouse.answers = lambda name, told: Response(200 if release.wait(60) else 500, {})
    made = Stage().made(WarehouseIntegration, timeout=0.01, retry_policy={"max_attempts": 1})

    try:
        with pytest.raises(VendorTimeoutError, match=r"within 0\.01 s"):
            await made.count()
    finally:
        release.set()


async def test_who_gives_up_does_not_wait_for_the_library(warehouse: Warehouse) -> None:
    """Its thread is left to end by itself, and others are served."""
    begun, release = threading.Event(), threading.Event()

    def stuck(name: str, told: Told) -> Response:
        begun.set()
        assert release.wait(60)
        return Response(200, {}, told={})

    warehouse.answers = stuck
    made = Stage().made(WarehouseIntegration)

    try:
        with fail_after(30), move_on_after(0.01) as scope:
            await made.count()
        assert scope.cancelled_caught
    finally:
        release.set()
    warehouse.answers = well
    await made.count()


async def test_a_registry_closes_what_libraries_have_open() -> None:
    """Once, at its end."""

    class Pool:
        """Of connections."""

        closed = 0

        async def aclose(self) -> None:
            """See Shared."""
            self.closed += 1

    stage, pool = Stage(), Pool()
    stage.tools.shared["pool"] = pool

    await stage.registry.aclose()

    assert pool.closed == 1


async def test_no_secret_is_shown(warehouse: Warehouse) -> None:
    """Although the vendor says it back."""
    warehouse.answers = lambda name, told: refusal(400, why="open-sesame is wrong")
    made = Stage().made(WarehouseIntegration, config={"password": "open-sesame"})

    with pytest.raises(InvalidError) as caught:
        await made.count()

    assert "open-sesame" not in f"{made!r} {made.settings!r} {caught.value!r}"
