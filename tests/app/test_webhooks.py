"""Deliveries of vendors, from the gateway onto the bus of a running suite."""

import hashlib
import hmac
import json
from collections.abc import Iterator
from pathlib import Path
from time import time

import httpx
import pytest
from anyio import create_task_group, run

from intertie.bus.client import connect
from intertie.bus.port import Subscription
from intertie.bus.url import parse_url
from intertie.event import Event
from tests.cli.test_bus import variable
from tests.e2e.shop import until
from tests.harness import Bench, contents
from tests.harness import bench as open_bench
from tests.integrations.vendor_service import vendor_service
from tests.waiting import eventually

pytestmark = pytest.mark.slow
SECRET = "8f742231b10e8888abcd99yyyzzz85a5"
SUITE = """
suite: hooked
api: {port: auto}
bus: {}
gateway: {port: auto}
services:
  worker: {command: sleep 1000}
tenants: {acme: {}}
integrations:
  chat:
    kind: slack
    tenants: [acme, default]
    config: {bot_token: xoxb-1, signing_secret: "${secret:signing}", base_url: "URL"}
"""


@pytest.fixture(scope="module")
def hooked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """A running suite that takes deliveries."""
    with vendor_service() as vendor, open_bench(tmp_path_factory.mktemp("hooked")) as made:
        made.write(SUITE.replace("URL", vendor.url))
        started = made("up", "--detach", env={"INTERTIE_SECRET_SIGNING": SECRET})
        assert started.code == 0, started.err
        until(lambda: deliver(made, event("warm"), tenant="acme").status_code == 202)
        yield made


def event(id: str) -> bytes:
    """As Slack says it."""
    said = {"type": "message", "channel": "C1", "text": "hello"}
    told = {"type": "event_callback", "event_id": id, "team_id": "T1", "event": said}
    return json.dumps(told).encode()


def deliver(
    bench: Bench, body: bytes, *, secret: str = SECRET, tenant: str = "default", name: str = "chat"
) -> httpx.Response:
    """Signed, through the gateway."""
    stamp = str(int(time()))
    text = b"v0:" + stamp.encode() + b":" + body
    signature = f"v0={hmac.new(secret.encode(), text, hashlib.sha256).hexdigest()}"
    headers = {
        "x-slack-request-timestamp": stamp,
        "x-slack-signature": signature,
        "content-type": "application/json",
    }
    url = f"{bench.daemon()['gateway_url']}/webhooks/{tenant}/{name}"
    return httpx.post(url, content=body, headers=headers, trust_env=False, timeout=60)


def test_a_delivery_becomes_one_event_on_the_bus(hooked: Bench) -> None:
    """However often the vendor makes it; each tenant's is its own."""
    found: list[Event] = []
    url = variable(hooked, "INTERTIE_BUS_URL")

    async def listen() -> None:
        async with connect(parse_url(url), source="test") as client, create_task_group() as group:

            async def take(event: Event) -> None:
                found.append(event)

            subscription = Subscription("integrations.slack.*", "test")
            await group.start(lambda **k: client.consume(subscription, take, **k))
            codes = [deliver(hooked, event("Ev1")).status_code for _ in range(3)]
            codes.append(deliver(hooked, event("Ev1"), tenant="acme").status_code)
            assert codes == [202] * 4
            await eventually(
                lambda: {(e.data["tenant"], e.data["id"]) for e in found} >= WANTED, 60
            )
            group.cancel_scope.cancel()

    run(listen)

    own = [e for e in found if (e.data["tenant"], e.data["id"]) == ("default", "Ev1")]
    assert len(own) == 1
    assert own[0].type == "integrations.slack.message"
    assert own[0].data["body"] == json.loads(event("Ev1"))


WANTED = {("default", "Ev1"), ("acme", "Ev1")}


def test_what_is_forged_or_unknown_is_refused_alike(hooked: Bench) -> None:
    """Nobody learns which connections there are."""
    forged = deliver(hooked, event("Ev2"), secret="x" * 32)
    unknown = deliver(hooked, event("Ev2"), name="nothing")
    nobody = deliver(hooked, event("Ev2"), tenant="nobody")

    answers = {(each.status_code, each.text) for each in (forged, unknown, nobody)}
    assert len(answers) == 1
    assert forged.status_code == 401


def test_what_is_too_large_is_refused(hooked: Bench) -> None:
    """Before it is looked at."""
    assert deliver(hooked, b"x" * (1 << 20) + b"y").status_code == 413


def test_the_vendors_question_is_answered(hooked: Bench) -> None:
    """Once it is signed."""
    asked = json.dumps({"type": "url_verification", "challenge": "c123"}).encode()

    answer = deliver(hooked, asked)

    assert (answer.status_code, answer.text) == (200, "c123")
    assert deliver(hooked, asked, secret="y" * 32).status_code == 401


def test_what_was_delivered_is_sealed_on_the_disk(hooked: Bench) -> None:
    """The words of customers stand in no file."""
    body = event("Ev3").replace(b"hello", b"my-private-words")

    assert deliver(hooked, body).status_code == 202

    files = contents(hooked.state / "integrations")
    assert files
    assert not [file for file, text in files.items() if b"my-private-words" in text]
    assert not [file for file in files if file.exists() and file.stat().st_mode & 0o077]


def test_what_came_without_a_bus_is_told_once_there_is_one(tmp_path: Path) -> None:
    """A delivery that was taken is kept until somebody can be told."""
    without = SUITE.replace("bus: {}\n", "")
    environment = {"INTERTIE_SECRET_SIGNING": SECRET}
    with vendor_service() as vendor, open_bench(tmp_path) as made:
        made.write(without.replace("URL", vendor.url))
        assert made("up", "--detach", env=environment).code == 0
        until(lambda: deliver(made, event("Ev9")).status_code == 202)
        made.ok("down")
        made.write(SUITE.replace("URL", vendor.url))
        assert made("up", "--detach", env=environment).code == 0

        found = run(first, variable(made, "INTERTIE_BUS_URL"))

    assert found.data["id"] == "Ev9"


async def first(url: str) -> Event:
    """The first event of the vendor since the bus was made."""
    found: list[Event] = []
    async with connect(parse_url(url), source="test") as client, create_task_group() as group:

        async def take(event: Event) -> None:
            found.append(event)

        subscription = Subscription("integrations.slack.*", "test", from_start=True)
        await group.start(lambda **k: client.consume(subscription, take, **k))
        await eventually(lambda: bool(found), 60)
        group.cancel_scope.cancel()
    return found[0]
