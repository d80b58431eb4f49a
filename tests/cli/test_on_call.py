"""`alerts oncall`, `simulate` and `heartbeats`, on a running suite."""

from collections.abc import Iterator

import pytest

from tests.e2e.shop import until
from tests.harness import Bench
from tests.harness import bench as open_bench

pytestmark = pytest.mark.slow

SUITE = """
suite: staffed
api: {port: auto}
services: {idle: {command: sleep 3600}}
monitoring:
  metrics_collection: {interval: 1}
  metrics: {boxes: {kind: gauge}}
  alerts: {rules: {Full: {expr: "boxes > 3", severity: critical}}}
  channels: {ann_phone: {kind: webhook, url: "http://127.0.0.1:9/a"}}
  on_call:
    crew:
      timezone: Europe/Berlin
      people: {ann: {channels: ann_phone, name: Ann A.}}
      layers: {primary: {people: ann, since: 2026-01-05}}
  alert_integration: {channels: crew}
  dead_mans_switch:
    expect: {partner: {within: 1h, secret: "${secret:pair}"}}
    send: {nobody: {url: "http://127.0.0.1:9/ping", every: 1s}}
"""


@pytest.fixture(scope="module")
def staffed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """With one person on call and a receiver that does not answer."""
    with open_bench(tmp_path_factory.mktemp("staffed")) as made:
        made.write(SUITE)
        made.ok("up", "--detach")
        until(lambda: "samples" in made("metrics", "status").out)
        yield made


def test_who_is_on_call_is_a_table(staffed: Bench) -> None:
    """Times are those of the rota."""
    shown = staffed.ok("alerts", "oncall", "--at", "2026-07-01T12:00Z").out

    assert shown.splitlines()[1].split("  ")[:4] == ["crew", "primary", "Ann A.", "ann_phone"]
    assert "2026-06-29 09:00+02:00" in shown


def test_a_course_is_folded(staffed: Bench) -> None:
    """Repeats to the same people are one line, with how many there are."""
    at = ("--at", "2026-07-01T12:00Z")
    shown = staffed.ok("alerts", "simulate", "Full", *at, "--for", "1h").out
    wrong = staffed("alerts", "simulate", "Full", "--for", "soon")

    assert len(shown.splitlines()) == 4
    assert "repeat x12" in shown
    assert "cannot use --for 'soon'" in wrong.err


def test_heartbeats_are_listed_in_both_directions(staffed: Bench) -> None:
    """It ends with 1 when one cannot be sent."""
    until(lambda: "failing" in staffed("alerts", "heartbeats").out)
    shown = staffed("alerts", "heartbeats")

    assert shown.code == 1
    assert "partner  expected   waiting  never" in shown.out
    assert "cannot send heartbeat 'nobody': ConnectError" in shown.out
    assert staffed("alerts", "heartbeats", "--json").json()["held"] == ""
