"""Two suites that watch each other, and one that pages whoever is on call."""

import json
import os
import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from intertie.monitor.heartbeat import Beat, packed
from tests.app.monitored import Hook
from tests.bus.peers.server import free_port
from tests.e2e.shop import until
from tests.harness import Bench
from tests.harness import bench as open_bench

pytestmark = pytest.mark.slow

SECRET = "a-secret-that-two-suites-share"
SUITE = """
suite: {name}
api: {{port: {port}}}
services:
  idle: {{command: sleep 3600}}
monitoring:
  metrics_collection: {{interval: 1}}
  dead_mans_switch:
    send:
      partner: {{url: "http://127.0.0.1:{other}/api/monitoring/heartbeats/{name}",
        every: 1s, secret: "${{secret:pair}}"}}
    expect:
      {partner}: {{within: 5s, secret: "${{secret:pair}}"}}
  channels: {{hook: {{kind: webhook, url: "{hook}"}}}}
  alert_integration: {{channels: hook}}
"""


@dataclass
class Pair:
    """Two suites, who is told by the first, and the address of its API."""

    one: Bench
    two: Bench
    hook: Hook
    url: str

    def state(self) -> str:
        """Of the heartbeat that the first suite expects."""
        return next((str(each["state"]) for each in heartbeats(self.one)["expected"]), "")


def heartbeats(bench: Bench) -> dict[str, Any]:
    """As the command shows them; none while monitoring is being begun or renewed."""
    shown = bench("alerts", "heartbeats", "--json").out
    found: dict[str, Any] = json.loads(shown) if shown else {"expected": [], "sent": []}
    return found


def states(bench: Bench) -> list[str]:
    """Of its alerts; none while monitoring is being begun."""
    shown = bench("alerts", "list", "--json").out
    return [each["state"] for each in json.loads(shown)] if shown else []


def up(bench: Bench) -> None:
    """Start it; return once it is measured."""
    started = bench("up", "--detach", env={"INTERTIE_SECRET_PAIR": SECRET})
    assert started.code == 0, started.err
    until(lambda: "samples" in bench("metrics", "status").out)


@contextmanager
def pair(folder: Path) -> Iterator[Pair]:
    """Both run, and each has heard of the other."""
    ports = [free_port(), free_port()]
    with ExitStack() as stack:
        hook = Hook()
        stack.callback(hook.close)
        benches: list[Bench] = []
        for number, (name, partner) in enumerate((("one", "two"), ("two", "one"))):
            home = folder / name
            home.mkdir()
            made = stack.enter_context(open_bench(home))
            port, other = ports[number], ports[1 - number]
            text = SUITE.format(name=name, port=port, other=other, partner=partner, hook=hook.url)
            made.write(text)
            benches.append(made)
        for made in benches:
            up(made)
        one, two = benches
        found = Pair(one, two, hook, f"http://127.0.0.1:{ports[0]}/api/monitoring/heartbeats")
        until(lambda: found.state() == "heard")
        yield found


def kinds(bench: Bench) -> list[str]:
    """Of all notices, the newest first."""
    return [each["kind"] for each in bench.ok("alerts", "notices", "--json").json()]


def page_after(hook: Hook, moment: datetime, status: str = "firing") -> dict[str, Any]:
    """The first message about the other suite of what began or ended since then.

    While suites start, one may wait for the other for too long: that is told, too.
    """
    key = "startsAt" if status == "firing" else "endsAt"
    while True:
        _, body = hook.about("HeartbeatMissing_two", status)
        if datetime.fromisoformat(body["alerts"][0][key]) > moment:
            return body


def test_a_killed_suite_is_told_by_the_other_until_it_is_back(tmp_path: Path) -> None:
    """A real page when heartbeats stay away, also over a restart; and its end."""
    with pair(tmp_path) as site:
        killed_at = datetime.now(UTC)
        os.kill(site.two.daemon()["pid"], signal.SIGKILL)

        told = page_after(site.hook, killed_at)
        listed = site.one("alerts", "heartbeats")
        alerts = site.one("alerts", "list", "--json").json()
        os.kill(site.one.daemon()["pid"], signal.SIGKILL)
        up(site.one)
        until(lambda: site.state() == "missing")
        until(lambda: states(site.one) != [])
        still = states(site.one)
        up(site.two)
        over = page_after(site.hook, killed_at, "resolved")
        until(lambda: site.state() == "heard")
        until(lambda: kinds(site.one)[:2] == ["resolved", "first"])

        assert told["alerts"][0]["labels"]["severity"] == "critical"
        assert told["alerts"][0]["annotations"]["summary"].startswith("no heartbeat two for ")
        assert listed.code == 1
        assert "HeartbeatMissing_two fires" in listed.out
        assert [(each["name"], each["state"]) for each in alerts] == [
            ("HeartbeatMissing_two", "firing")
        ]
        assert still == ["firing"]
        assert over["status"] == "resolved"


def test_what_is_forged_old_or_came_before_is_refused(tmp_path: Path) -> None:
    """Only a fresh heartbeat by who knows the secret counts, once."""
    with pair(tmp_path) as site, httpx.Client(trust_env=False, timeout=60) as client:
        now = datetime.now(UTC)
        ahead = Beat(suite="two", name="two", at=now + timedelta(seconds=50), every_s=1)
        late = Beat(suite="two", name="two", at=now - timedelta(minutes=5), every_s=1)

        def post(name: str, sent: tuple[bytes, Any]) -> int:
            data, headers = sent
            return client.post(f"{site.url}/{name}", content=data, headers=headers).status_code

        good = packed(ahead, SECRET)
        before = heartbeats(site.one)["expected"][0]["count"]
        forged = post("two", packed(ahead, "a-secret-that-somebody-guessed"))
        changed = post("two", (good[0].replace(b"two", b"ten"), good[1]))
        unsigned = post("two", (good[0], {}))
        old = post("two", packed(late, SECRET))
        elsewhere = post("two", packed(ahead.model_copy(update={"name": "other"}), SECRET))
        unknown = post("three", packed(ahead, SECRET))
        taken = post("two", good)
        replayed = post("two", good)
        os.kill(site.one.daemon()["pid"], signal.SIGKILL)
        up(site.one)
        after_a_crash = post("two", good)
        large = post("two", (b" " * 5000, {}))

        assert (forged, changed, unsigned, old, elsewhere) == (401, 401, 401, 401, 401)
        assert (unknown, taken, replayed, after_a_crash, large) == (404, 204, 409, 409, 413)
        assert before >= 1


def test_a_service_that_waits_for_pings_is_asked_plainly(tmp_path: Path) -> None:
    """Without a secret there is no body; a receiver that fails is told."""
    hook = Hook()
    text = """
suite: lonely
api: {port: auto}
services: {idle: {command: sleep 3600}}
monitoring:
  metrics_collection: {interval: 1}
  dead_mans_switch:
    send:
      pings: {url: "HOOK", every: 1s, method: GET}
"""
    try:
        with open_bench(tmp_path) as bench:
            bench.write(text.replace("HOOK", hook.url))
            up(bench)
            until(lambda: any(each["trouble"] for each in heartbeats(bench)["sent"]))
            listed = bench("alerts", "heartbeats")
            health = bench("metrics", "status").out
            bench.write(text.replace("HOOK", f"{bench.daemon()['api_url']}/api/health/live"))
            bench.ok("apply")
            until(lambda: any(each["count"] >= 2 for each in heartbeats(bench)["sent"]))
            fine = bench("alerts", "heartbeats")

            assert listed.code == 1
            assert "501" in listed.out  # the other side knows no GET
            assert "cannot send heartbeat 'pings'" in health
            assert fine.code == 0
    finally:
        hook.close()


ROTA = """
suite: staffed
api: {port: auto}
services: {idle: {command: sleep 3600}}
monitoring:
  metrics_collection: {interval: 1}
  metrics: {boxes: {kind: gauge}}
  alerts: {rules: {Full: {expr: "boxes > 3", severity: critical}}}
  channels:
    desk: {kind: webhook, url: "DESK"}
    ann_phone: {kind: webhook, url: "ANN"}
    ben_phone: {kind: webhook, url: "BEN"}
  on_call:
    crew:
      timezone: Europe/Berlin
      people: {ann: {channels: ann_phone, name: Ann A.}, ben: {channels: ben_phone}}
      layers:
        primary: {people: [ann, ben], handover: weekly, day: monday, at: "09:00", since: 2026-01-05}
        second: {people: [ben, ann], handover: weekly, since: 2026-01-05}
      overrides: [{person: ben, from: 2026-01-22, until: 2026-01-25}, OVERRIDE]
  alert_integration:
    channels: desk
    escalate_to: crew
    severity_levels: {critical: {notification_interval: 300, escalation_timeout: 1s}}
"""


def test_an_escalation_calls_whoever_is_on_call(tmp_path: Path) -> None:
    """By the channel of the one who stands in today, and of nobody else."""
    today = datetime.now(UTC).date()
    override = {
        "person": "ann",
        "from": str(today - timedelta(days=1)),
        "until": str(today + timedelta(days=2)),
    }
    hooks = {name: Hook() for name in ("DESK", "ANN", "BEN")}
    text = ROTA.replace("OVERRIDE", json.dumps(override))
    for name, hook in hooks.items():
        text = text.replace(f'"{name}"', f'"{hook.url}"')
    try:
        with open_bench(tmp_path) as bench:
            bench.write(text)
            up(bench)
            bench.ok("metrics", "feed", "boxes", "5")
            _, first = hooks["DESK"].about("Full")
            _, called = hooks["ANN"].about("Full")
            bench.ok("metrics", "feed", "boxes", "1")
            _, over = hooks["ANN"].about("Full", "resolved")
            hooks["DESK"].about("Full", "resolved")
            sent = bench.ok("alerts", "notices", "--json").json()
            shown = bench.ok("alerts", "oncall").out
            holiday = bench.ok("alerts", "oncall", "--at", "2026-01-22T12:00Z", "--json").json()
            at = ("--at", "2026-01-21T22:30Z", "--for", "1h")
            course = bench.ok("alerts", "simulate", "Full", *at, "--json").json()["calls"]
            listed = bench.ok("alerts", "simulate", "Full", *at).out
            unknown = bench("alerts", "simulate", "Empty")
            wrong = bench("alerts", "oncall", "--at", "noon")
            far = bench("alerts", "oncall", "--at", "9999-12-31T00:00Z")

            assert first["kind"] == "firing"
            assert called["kind"] == "escalation"
            assert over["kind"] == "resolved"
            assert {each["channel"] for each in sent} == {"desk", "ann_phone"}
            assert "Ann A." in shown
            assert [(each["layer"], each["person"], each["why"]) for each in holiday] == [
                ("primary", "ben", "override"),
                ("second", "ben", "shift"),
            ]
            assert course[0]["channels"] == ["desk"]
            assert course[1]["kind"] == "escalation"
            people = [(each["at"][11:16], each["people"]) for each in course[2:]]
            assert people[0] == ("22:35", ["ann"])
            assert people[-1] == ("23:30", ["ben"])  # midnight in Berlin: the holiday began
            assert "repeat x" in listed
            assert unknown.code == 1
            assert "rules are Full" in unknown.err
            assert "cannot use --at 'noon'" in wrong.err
            assert "known are years" in far.err
    finally:
        for hook in hooks.values():
            hook.close()
