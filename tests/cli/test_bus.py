"""The bus of a running suite: command line, REST, and what services are told."""

import contextlib
import itertools
import json
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import anyio
import pytest
from anyio import create_task_group

from intertie.bus import Message, open_bus, parse_url
from intertie.bus.redis import RedisBus
from intertie.bus.redis_keys import pack
from tests.harness import Bench
from tests.harness import bench as open_bench

pytestmark = pytest.mark.slow

SUITE = """
suite: shop
api: {port: auto}
bus:
  exchange: shop-events
  max_tries: 2
  topics:
    stock.counted:
      description: Somebody <b>counted</b>.
      schema: {type: object, properties: {pieces: {type: integer}}, required: [pieces]}
      publishers: [worker]
services:
  worker: {command: sleep 1000}
  other: {command: sleep 1000}
"""
# Fails at each event it gets, as a group of its own.
FAILING = """
import asyncio, os
from intertie.bus import connect, parse_url, Reject, Subscription

async def handle(event):
    raise Reject("out of stock")

async def main():
    async with connect(parse_url(os.environ["INTERTIE_BUS_URL"]), source="test") as client:
        await client.consume(Subscription("orders.*", "stock", from_start=True), handle)

asyncio.run(main())
"""


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """A suite with an embedded bus."""
    with open_bench(tmp_path_factory.mktemp("shop")) as made:
        made.write(SUITE)
        made.ok("up", "--detach")
        yield made


def variable(shop: Bench, name: str) -> str:
    """Of a running service's environment."""
    pid = shop.service("worker")["replicas"][0]["pid"]
    with open(f"/proc/{pid}/environ", encoding="utf-8") as stream:
        found = dict(each.partition("=")[::2] for each in stream.read().split("\0"))
    return found[name]


def wait_for(shop: Bench, topic: str, publish: Callable[[int], Sequence[str]]) -> dict[str, object]:
    """The first event of the topic while `publish` is done again and again.

    With other words each time where the answer is one event: the first may be told before the tail
    listens.
    """
    argv = [sys.executable, "-m", "intertie", "bus", "tail", topic, "-n", "1", "--json"]
    with subprocess.Popen(argv, cwd=shop.folder, stdout=subprocess.PIPE, text=True) as tail:
        assert tail.stdout is not None
        number = itertools.count()
        try:
            while tail.poll() is None:
                shop.ok("bus", "publish", *publish(next(number)))
                with contextlib.suppress(subprocess.TimeoutExpired):
                    tail.wait(timeout=0.5)
            found: dict[str, object] = json.loads(tail.stdout.read())
            return found
        finally:
            tail.kill()


def test_info_says_what_the_bus_can_do(shop: Bench) -> None:
    """And nothing that would let one use it."""
    told = shop.ok("bus", "info")
    found = shop.ok("bus", "info", "--json").json()

    assert found["status"] == "UP"
    assert found["exchange"] == "shop-events"
    assert found["capabilities"]["durable"] is True
    assert "yes  durable" in told.out
    assert (shop.state / "bus" / "password").read_text() not in told.out + json.dumps(found)


def test_what_is_published_can_be_watched(shop: Bench) -> None:
    """A pattern chooses; the event is a whole one."""
    found = wait_for(shop, "orders.#", lambda _: ("orders.new", '{"n": 1}', "--subject", "o-1"))

    assert (found["type"], found["subject"], found["data"]) == ("orders.new", "o-1", {"n": 1})
    assert found["source"] == "intertie/shop"


def test_dead_letters_are_listed_shown_replayed_and_dropped(shop: Bench) -> None:
    """What a group refused waits for somebody to decide."""
    environment = {**os.environ, "INTERTIE_BUS_URL": variable(shop, "INTERTIE_BUS_URL")}
    failing = subprocess.Popen([sys.executable, "-c", FAILING], env=environment)
    try:
        shop.ok("bus", "publish", "orders.paid", '{"n": 7}')
        while not (letters := shop.ok("bus", "dead", "list", "stock", "--json").json()):
            pass
        id = letters[-1]["id"]
        shown = shop.ok("bus", "dead", "show", "stock", id).json()
        shop.ok("bus", "dead", "replay", "stock", id)
        while id in (now := shop.ok("bus", "dead", "list", "--json").out) or "stock" not in now:
            pass
        listed = shop.ok("bus", "dead", "list").out
        groups = shop.ok("bus", "groups").out
    finally:
        failing.send_signal(signal.SIGTERM)
        failing.wait()

    assert shown["reason"] == "out of stock"
    assert shown["message"]["data"]["n"] in {1, 7}
    assert "out of stock" in listed
    assert "stock" in groups
    assert "dropped" in shop.ok("bus", "dead", "drop", "stock", "--all").out
    assert shop.ok("bus", "dead", "list", "stock", "--json").json() == []
    gone = shop("bus", "dead", "replay", "stock", id)
    assert gone.code == 1
    assert "group 'stock' has no such dead letter" in gone.err


def test_a_command_over_the_bus_is_obeyed_and_answered(shop: Bench) -> None:
    """`events` shows the answer among all others."""
    before = shop.service("other")["replicas"][0]["pid"]

    def restart(number: int) -> Sequence[str]:
        data = {"services": ["other"], "idempotency_key": f"once-{number}"}
        return "suite.control.restart", json.dumps(data)

    answer = wait_for(shop, "suite.control.answer", restart)

    assert answer["data"]["status"] == "done"  # type: ignore[index]
    assert shop.service("other")["replicas"][0]["pid"] != before
    assert "idempotency_key=once-0" in shop.ok("events").out


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("publish", "a b", "{}"), "cannot use topic 'a b'"),
        (("publish", "a", "{"), "DATA is not JSON"),
        (("publish", "a", "[]"), "DATA must be a JSON object"),
        (("tail", "a**"), "cannot subscribe to 'a**'"),
        (("dead", "show", "stock", "nosuch"), "has no such dead letter"),
        (("dead", "drop", "stock"), "or all of them with --all"),
    ],
)
def test_wrong_words_are_told(shop: Bench, arguments: tuple[str, ...], told: str) -> None:
    """In one line."""
    result = shop("bus", *arguments)

    assert result.code != 0
    assert told in result.err
    assert "Traceback" not in result.err


def test_the_api_needs_the_key_for_what_changes_things(shop: Bench) -> None:
    """Reading is open on the loopback interface, as everywhere."""
    with shop.api(key=False) as api:
        assert api.get("/api/bus").status_code == 200
        assert api.post("/api/bus/messages", json={"topic": "a"}).status_code == 401
        assert api.delete("/api/bus/dead-letters/g/1").status_code == 401
        assert api.post("/api/bus/dead-letters/g/1/replay").status_code == 401
    with shop.api() as api:
        assert api.post("/api/bus/messages", json={"topic": "a", "x": 1}).status_code == 422
        assert api.get("/api/bus/dead-letters", params={"group": "a b"}).status_code == 422
        assert api.delete("/api/bus/dead-letters/g/nosuch").status_code == 404


def test_services_and_bus_survive_a_killed_daemon(shop: Bench) -> None:
    """Their address stays, and no event is lost or told twice over the gap."""
    url = variable(shop, "INTERTIE_BUS_URL")
    pid = shop.service("bus")["replicas"][0]["pid"]
    os.kill(shop.daemon()["pid"], signal.SIGKILL)
    shop.ok("up", "--detach")

    assert shop.service("bus")["replicas"][0]["pid"] == pid
    assert variable(shop, "INTERTIE_BUS_URL") == url
    restart = ("suite.control.restart", '{"services": ["other"]}')
    answer = wait_for(shop, "suite.control.answer", lambda _: restart)
    assert answer["data"]["status"] == "done"  # type: ignore[index]


def test_a_suite_without_a_bus_says_so(bench: Bench) -> None:
    """With what to write."""
    bench.write(SUITE.partition("bus:")[0] + "services" + SUITE.partition("services")[2])
    bench.ok("up", "--detach")
    told = bench("bus", "info")

    assert told.code == 1
    assert "this suite has none; add `bus: {}` to its file" in told.err


def test_a_running_suite_keeps_its_bus(bench: Bench) -> None:
    """Another one is refused with what to do instead."""
    bench.write(SUITE)
    bench.ok("up", "--detach")
    bench.write(SUITE.replace("shop-events", "other-events"))
    told = bench("apply")

    assert told.code == 1
    assert "cannot change the bus of a running suite: run `intertie down`, then `up`" in told.err


def test_data_must_be_as_the_suite_says(shop: Bench) -> None:
    """Here, and in each service: they are given the same schemas."""
    told = shop("bus", "publish", "stock.counted", '{"pieces": "many"}')
    shop.ok("bus", "publish", "stock.counted", '{"pieces": 3}')
    schemas = json.loads(Path(variable(shop, "INTERTIE_BUS_SCHEMAS")).read_text())

    assert told.code == 1
    assert 'pieces: "many" is not of type "integer"' in told.err
    assert schemas["stock.counted"]["required"] == ["pieces"]


def test_what_is_said_on_the_bus_is_documented(shop: Bench) -> None:
    """As an AsyncAPI document, and as a page that runs nothing of what it shows."""
    with shop.api(key=False) as api:
        document = api.get("/asyncapi.json").json()
        page = api.get("/asyncapi")

    assert document["asyncapi"] == "3.0.0"
    assert {"suite.service_started", "suite.control.start", "stock.counted"} <= set(
        document["channels"]
    )
    assert "&lt;b&gt;counted&lt;/b&gt;" in page.text
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert (shop.state / "bus" / "password").read_text() not in page.text + json.dumps(document)


def test_the_end_of_a_suite_is_told_on_its_bus(bench: Bench) -> None:
    """The bus stops last: nothing is left to be told when the suite is up again."""
    bench.write(SUITE)
    bench.ok("up", "--detach")
    bench.ok("down")

    with contextlib.closing(sqlite3.connect(bench.state / "events.db")) as journal:
        (last,) = journal.execute(
            "SELECT max(seq) FROM events WHERE body LIKE '%suite.service_stopped%worker%'"
        ).fetchone()
        (told,) = journal.execute("SELECT seq FROM passed_on").fetchone()
    assert told >= last


def _fill_with_letters(url: str, bodies: list[bytes]) -> None:
    """As if a group had buried them."""

    async def fill() -> None:
        async with open_bus(parse_url(url)) as bus:
            assert isinstance(bus, RedisBus)
            async with create_task_group() as group:
                for n, body in enumerate(bodies):
                    packed = pack(Message("odd.topic", body, str(n)), 1)
                    words = ("m", packed, "reason", "\x07 no", "lane", bus.keys.lane("odd|odd.#"))
                    group.start_soon(bus.call, "XADD", bus.keys.dead("odd"), "*", *words)
            await bus.call("SADD", bus.keys.groups, "odd|odd.#")

    anyio.run(fill)


def test_all_dead_letters_are_all(shop: Bench) -> None:
    """However many there are, and whatever is in them."""
    odd = [b"NaN", b'{"a": "\\ud800"}', b"[" * 50_000 + b"]" * 50_000, b"\xff", b'{"a": 1e999}']
    _fill_with_letters(variable(shop, "INTERTIE_BUS_URL"), odd + [b"{}"] * 1_100)
    listed = shop.ok("bus", "dead", "list", "odd", "--limit", "5").out

    assert listed.count("odd.topic") == 5
    assert "\x07" not in listed
    assert "dropped 1105" in shop.ok("bus", "dead", "drop", "odd", "--all").out
    assert shop.ok("bus", "dead", "list", "odd", "--json").json() == []


def test_an_event_cannot_steer_the_terminal(shop: Bench) -> None:
    """Whoever may publish is not whoever reads."""
    watching = [sys.executable, "-m", "intertie", "bus", "tail", "odd.*", "--count", "1"]
    with subprocess.Popen(watching, cwd=shop.folder, stdout=subprocess.PIPE, text=True) as tail:
        while tail.poll() is None:
            shop.ok("bus", "publish", "odd.new", '{"bell\\u0007": "\\u0007"}', "--subject", "\x07")
        assert tail.stdout is not None
        out = tail.stdout.read()

    assert "\x07" not in out
    assert "bell\\x07=\\x07" in out
