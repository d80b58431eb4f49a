"""`incidents` and `incident`, after a real kill of a service that is watched and brought back."""

import os
import signal
from collections.abc import Iterator
from typing import Any

import pytest

from tests.app.monitored import Site, monitored
from tests.e2e.shop import until
from tests.harness import Bench

pytestmark = pytest.mark.slow
SUITE = """
suite: shaky
api: {port: auto}
services:
  web:
    command: "sh slow.sh"
    port: auto
    healthcheck: {tcp: true, interval: 200ms}
    restart: always
  worker: {command: sleep 1000, restart: "no"}
automation:
  automatic_recovery: {enabled: true, cooldown: 1s, stable_for: 1s}
monitoring:
  metrics_collection: {interval: 1}
  alerts:
    rules:
      Down:
        expr: 'intertie_replica_running{service="web"} == 0'
        severity: critical
        annotations: {summary: "{{ $labels.service }} is down"}
  channels: {hook: {kind: webhook, url: "HOOK", secret: "${secret:hook}"}}
  alert_integration: {channels: hook}
"""
FRAGILE = """
suite: fragile
api: {port: auto}
services: {job: {command: sh job.sh}}
"""
SLOW = """
if test -e was-here; then until test -e told; do sleep 0.2; done; fi
touch was-here
echo "ready | soon" >&2
exec python3 web.py
"""


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A suite whose service was killed, and is well again."""
    folder = tmp_path_factory.mktemp("incident")
    (folder / "slow.sh").write_text(SLOW)
    with monitored(folder, SUITE) as made:
        until(lambda: made.value('intertie_replica_running{service="web"}') == 1)
        for name in ("web", "worker"):
            os.kill(made.bench.service(name)["replicas"][0]["pid"], signal.SIGKILL)
        made.hook.about("Down")
        until(lambda: "sent" in made.bench.ok("alerts", "notices").out)
        (folder / "told").touch()  # only now may the service come back
        made.hook.about("Down", "resolved")
        until(lambda: _is_over(made.bench.ok("incidents", "--json").json()))
        yield made


def _is_over(incidents: list[dict[str, Any]]) -> bool:
    """Somebody was told of the beginning and of the end."""
    return any(each["end"] is not None and each["told"] == 2 for each in incidents)


def test_a_kill_is_one_incident_from_failure_to_notice(killed: Site) -> None:
    """One command prints it: failure, alert, notice, restart, recovery, end, in this order."""
    text = killed.bench.ok("incident").out
    places = [
        text.index(words)
        for words in (
            "| ended by signal 9",
            "| alert fires (critical), value 0.0: web is down |",
            "| notice (first): sent | channel hook |",
            "| web | restart policy |",
            "| alert is over |",
            "| notice (resolved): sent |",
            "## What was done",
            "| retry worker: ended by signal 9 (attempt 1) | recovery | done |",
            "| restart web | restart policy | started, pid ",
            "## Who was told",
            "| hook | first | sent | 1 | 200 |",
            "ready | soon",
            "### Cause",
        )
    ]

    assert places == sorted(places)
    assert "| Services | web, worker |" in text
    assert "is well again, after 1 steps of recovery | worker |" in text
    assert '`intertie_replica_running{replica="0", service="web"}` | 1 | 0 |' in text


def test_incidents_are_listed_and_found_by_id(killed: Site) -> None:
    """As text and as JSON, on the terminal or in a file."""
    (listed,) = killed.bench.ok("incidents", "--since", "1h", "--json").json()
    rows = killed.bench.ok("incidents").out.splitlines()
    found = killed.bench.ok("incident", listed["id"], "--json").json()
    killed.bench.ok("incident", listed["id"], "-o", "told.md")

    assert len(rows) == 2
    assert rows[1].split()[0] == listed["id"] == found["id"]
    assert "web, worker  Down" in rows[1]
    assert listed["told"] == 2
    assert found["services"] == ["web", "worker"]
    assert 0 <= found["to_detect_s"] <= found["to_tell_s"] < found["to_recover_s"]
    told = (killed.bench.folder / "told.md").read_text()
    assert told == killed.bench.ok("incident", "--since", "1h").out


def test_an_incident_outlives_the_daemon(bench: Bench) -> None:
    """It goes on until the service is well under the next one; nothing must be monitored."""
    bench.write(FRAGILE)
    bench.write("echo out of memory >&2; exit 3", "job.sh")
    bench("up", "--detach")
    until(lambda: bool(bench.ok("incidents", "--json").json()))
    before = bench.ok("incident", "--json").json()
    bench.ok("down")
    bench.write("exec sleep 1000", "job.sh")
    bench.ok("up", "--detach")
    after = bench.ok("incident", "--json").json()

    assert before["end"] is None
    assert after["id"] == before["id"]
    assert after["end"] is not None
    assert [each["lines"] for each in after["log"]] == [["out of memory"]]
    assert [each["what"] for each in after["done"]] == ["up", "up"]


def test_what_cannot_be_told_is_one_line(killed: Site) -> None:
    """With the way out where there is one."""
    unknown = killed.bench("incident", "none")
    never = killed.bench("incident", "--since", "1ms")
    odd = killed.bench("incidents", "--since", "soon")
    both = killed.bench("incident", "none", "--since", "1h")
    nowhere = killed.bench("incident", "-o", "no/such/folder.md")

    assert (unknown.code, never.code, odd.code, nowhere.code) == (1, 1, 1, 1)
    assert "cannot find incident 'none'" in unknown.err
    assert "--since 30d" in never.err
    assert "cannot use 'soon' as --since" in odd.err
    assert "cannot write no/such/folder.md" in nowhere.err
    assert both.code == 2


def test_without_a_suite_there_is_nobody_to_ask(bench: Bench) -> None:
    """As with every command."""
    bench.write("suite: none\nservices: {a: {command: sleep 1}}\n")
    answer = bench("incident")

    assert answer.code == 1
    assert "it is not running" in answer.err
