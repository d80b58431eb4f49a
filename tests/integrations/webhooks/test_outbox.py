"""From the ledger to the bus."""

import hmac
import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from anyio import Event, create_task_group, fail_after

from intertie.bus.topics import check_topic
from intertie.errors import BusError, BusUnavailableError
from intertie.integrations.webhooks import Delivery
from intertie.integrations.webhooks import outbox as outbox_module
from intertie.integrations.webhooks.ledger import Counts, SqliteLedger
from intertie.integrations.webhooks.outbox import Outbox, data_of, pause_s, topic_of
from intertie.integrations.webhooks.webhook import Arrival
from tests.integrations.webhooks.cases import NOW, post
from tests.waiting import eventually

pytestmark = pytest.mark.anyio
EVENT = Arrival("acme", "main", "stripe", "evt", "invoice.paid", NOW, b'{"a":1}')


@dataclass
class PlayedBus:
    """A bus that is away when a test wants it."""

    away: bool = False
    refuses: frozenset[str] = frozenset()
    breaks_at: int = -1
    """Away from this one on."""
    got: list[tuple[str, str, str]] = field(default_factory=list)

    async def publish(self, topic: str, data: Mapping[str, Any], key: str) -> None:
        """See Publish."""
        if self.away or len(self.got) == self.breaks_at:
            raise BusUnavailableError("cannot publish: nobody is there")
        if data["id"] in self.refuses:
            raise BusError("cannot publish: too large")
        self.got.append((topic, data["id"], key))


def events(count: int, name: str = "main") -> list[Arrival]:
    """Of one connection."""
    return [replace(EVENT, name=name, id=f"{name}-{number}") for number in range(count)]


def test_an_event_goes_out_with_all_that_is_known() -> None:
    """Its body as the vendor wrote it."""
    assert data_of(EVENT) == {
        "id": "evt",
        "tenant": "acme",
        "integration": "main",
        "kind": "stripe",
        "type": "invoice.paid",
        "received_at": "2027-01-15T08:00:00+00:00",
        "body": {"a": 1},
    }


@pytest.mark.parametrize(
    ("kind", "type", "topic"),
    [
        ("stripe", "invoice.paid", "integrations.stripe.invoice.paid"),
        ("slack", "/deploy now", "integrations.slack._deploy_now"),
        ("x", "a..b.", "integrations.x.a.b"),
        ("x", "*.#", "integrations.x._._"),
        ("x", "...", "integrations.x.event"),
        ("ä.b", "", "integrations._b.event"),
        ("x", "w" * 200, f"integrations.x.{'w' * 64}"),
        ("x", ".".join("abcdefghijklmnopqrst"), "integrations.x.a.b.c.d.e.f.g.h.i.j.k.l.m.n"),
    ],
)
def test_a_topic_is_one_whatever_the_vendor_says(kind: str, type: str, topic: str) -> None:
    """Nothing of the vendor's is a pattern, and every engine takes it."""
    assert check_topic(topic_of(replace(EVENT, kind=kind, type=type))) == topic


async def test_everything_goes_out_in_order(tmp_path: Path) -> None:
    """Once, with its connection as the key, and nothing of it waits any more."""
    bus = PlayedBus()
    async with SqliteLedger.open(tmp_path / "ledger.db") as ledger:
        await ledger.add([*events(300), *events(300, "other")])
        outbox = Outbox(ledger, bus.publish)

        assert await outbox.drain()

        for name in ("main", "other"):
            ids = [id for _, id, key in bus.got if key == f"acme/{name}"]
            assert ids == [each.id for each in events(300, name)]
        assert {topic for topic, _, _ in bus.got} == {"integrations.stripe.invoice.paid"}
        assert await ledger.counts() == Counts(waiting=0, published=600, faulty=0)
        assert outbox.sent == 600
        assert await outbox.drain()
        assert len(bus.got) == 600


async def test_a_bus_that_goes_away_gets_the_rest_later(tmp_path: Path) -> None:
    """From where it left, in order."""
    bus = PlayedBus(breaks_at=7)
    async with SqliteLedger.open(tmp_path / "ledger.db") as ledger:
        await ledger.add(events(20))
        outbox = Outbox(ledger, bus.publish)

        assert not await outbox.drain()
        assert await ledger.counts() == Counts(waiting=13, published=7, faulty=0)
        bus.breaks_at = -1
        assert await outbox.drain()

    assert [id for _, id, _ in bus.got] == [each.id for each in events(20)]


async def test_one_that_the_bus_refuses_holds_up_nobody(tmp_path: Path) -> None:
    """It stays in the ledger, where somebody can look at it."""
    bus = PlayedBus(refuses=frozenset({"main-3"}))
    async with SqliteLedger.open(tmp_path / "ledger.db") as ledger:
        await ledger.add(events(6))

        assert await Outbox(ledger, bus.publish).drain()

        assert [id for _, id, _ in bus.got] == [f"main-{n}" for n in (0, 1, 2, 4, 5)]
        assert await ledger.counts() == Counts(waiting=0, published=5, faulty=1)


async def test_it_waits_longer_each_time(tmp_path: Path) -> None:
    """While the bus is away; it begins anew once it was there."""
    bus = PlayedBus(away=True)
    pauses: list[float] = []

    async def pause(seconds: float) -> None:
        pauses.append(seconds)
        bus.away = len(pauses) not in {4, 6}

    async with SqliteLedger.open(tmp_path / "ledger.db") as ledger:
        await ledger.add(events(2))
        outbox = Outbox(ledger, bus.publish, pause=pause)
        async with create_task_group() as group:
            group.start_soon(outbox.run)
            await eventually(lambda: outbox.sent == 2)
            bus.away = True
            await ledger.add(events(1, "later"))
            await eventually(lambda: outbox.sent == 3)
            group.cancel_scope.cancel()

    assert pauses == [0.5, 1.0, 2.0, 4.0, 0.5, 1.0]
    assert [pause_s(tries) for tries in (8, 9, 10_000)] == [60.0, 60.0, 60.0]


async def test_what_comes_in_goes_out_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without waiting for the next look, however far off it is."""
    monkeypatch.setattr(outbox_module, "_LOOK_EVERY_S", 3600.0)
    bus = PlayedBus()
    async with SqliteLedger.open(tmp_path / "ledger.db") as ledger:
        outbox = Outbox(ledger, bus.publish)
        with fail_after(60):
            async with create_task_group() as group:
                group.start_soon(outbox.run)
                for count in (1, 2, 3):
                    await ledger.add(events(count))
                    await eventually(partial(holds, outbox, count))
                group.cancel_scope.cancel()


def holds(outbox: Outbox, count: int) -> bool:
    """Whether so many are out."""
    return outbox.sent == count


async def test_what_is_old_is_forgotten_on_the_way(tmp_path: Path) -> None:
    """Once an hour; the third event shows that the round of the second is over."""
    bus = PlayedBus()
    now: list[datetime] = [NOW]
    async with SqliteLedger.open(tmp_path / "ledger.db") as ledger:
        outbox = Outbox(ledger, bus.publish, clock=lambda: now[0], keep=timedelta(minutes=90))
        async with create_task_group() as group:
            group.start_soon(outbox.run)
            for count, hours in ((1, 0), (2, 2), (3, 0)):
                now[0] += timedelta(hours=hours)
                await ledger.add(events(count)[-1:])
                await eventually(partial(holds, outbox, count))
            group.cancel_scope.cancel()

        assert await ledger.counts() == Counts(waiting=0, published=2, faulty=0)
        assert await ledger.add(events(3)) == [True, False, False]


async def test_it_can_be_stopped_at_any_time(tmp_path: Path) -> None:
    """What was not confirmed goes out again."""
    started = Event()
    seen: list[str] = []

    async def stuck(topic: str, data: Mapping[str, Any], key: str) -> None:
        seen.append(data["id"])
        started.set()
        await Event().wait()

    bus = PlayedBus()
    async with SqliteLedger.open(tmp_path / "ledger.db") as ledger:
        await ledger.add(events(2))
        async with create_task_group() as group:
            group.start_soon(Outbox(ledger, stuck).run)
            await started.wait()
            group.cancel_scope.cancel()

        assert await Outbox(ledger, bus.publish).drain()

    assert seen == ["main-0"]
    assert [id for _, id, _ in bus.got] == ["main-0", "main-1"]


CHILD = """
import sys
from pathlib import Path
import anyio
from tests.integrations.webhooks.cases import CASES
from tests.integrations.webhooks.hooked import desk
from tests.integrations.webhooks.test_outbox import delivery
from intertie.integrations.webhooks.outbox import Outbox

STRIPE = next(case for case in CASES if case.name == "stripe")

async def main():
    count = 0

    async def publish(topic, data, key):
        nonlocal count
        if count == 7:
            print("stuck", flush=True)
            await anyio.sleep_forever()
        count += 1
        print("published", data["id"], flush=True)

    async with desk(Path(sys.argv[1])) as opened:
        opened.connect(STRIPE)
        for number in range(20):
            reply = await opened.receiver.receive("acme", "main", delivery(number))
            print("answered", reply.status, flush=True)
        await Outbox(opened.ledger, publish).run()

anyio.run(main)
"""


def delivery(number: int) -> Delivery:
    """A good one of Stripe's, of an event with this number."""
    body = json.dumps({"id": f"evt_{number}", "type": "invoice.paid"}).encode()
    stamp = int(NOW.timestamp())
    made = hmac.new(b"s3cret", f"{stamp}.".encode() + body, "sha256").hexdigest()
    return post(body, {"stripe-signature": f"t={stamp},v1={made}"})


def said_until_killed(folder: Path) -> list[str]:
    """What a process says that is killed while the bus keeps it waiting."""
    command = [sys.executable, "-c", CHILD, str(folder)]
    lines: list[str] = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        while (line := child.stdout.readline().strip()) != "stuck":
            assert line, "the child ended"
            lines.append(line)
        os.kill(child.pid, signal.SIGKILL)
    return lines


@pytest.mark.slow
async def test_a_kill_between_taking_and_publishing_loses_nothing(tmp_path: Path) -> None:
    """SIGKILL after twenty answers and seven publishes: the next process publishes the others.

    Those that were published and not noted go out twice; the order stays that of the ledger.
    """
    lines = said_until_killed(tmp_path)
    first = [line.split()[1] for line in lines if line.startswith("published")]
    everything = [f"evt_{number}" for number in range(20)]
    assert lines.count("answered 202") == 20
    assert first == everything[:7]

    bus = PlayedBus()
    async with SqliteLedger.open(tmp_path / "ledger.db") as ledger:
        assert await Outbox(ledger, bus.publish).drain()
        assert await ledger.counts() == Counts(waiting=0, published=20, faulty=0)

    second = [id for _, id, _ in bus.got]
    assert second == everything[20 - len(second) :]
    assert len(first) + len(second) >= 20
